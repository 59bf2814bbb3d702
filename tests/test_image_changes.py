"""What is read or written otherwise than it was is scaled by what its white is, and said."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from ceair.errors import ImageError
from ceair.headers import read_thumbnail
from ceair.image import Picture, from_pillow, lost_as, read_picture, read_rgb, write_picture
from ceair.metadata import LONGEST_SEGMENT

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RAMP = np.linspace(0, 65535, 64 * 72).astype(np.uint16).reshape(64, 72)


def twelve_bit_tiff(path, samples):
    """Grey, uncompressed, two samples in three bytes; `samples` has an even number of columns."""
    first, second = samples[:, ::2].astype(np.uint32), samples[:, 1::2].astype(np.uint32)
    packed = np.stack((first >> 4, (first & 15) << 4 | second >> 8, second & 255), -1).astype(np.uint8).tobytes()
    height, width = samples.shape
    tags = [(256, width), (257, height), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, height)]
    entries = [struct.pack("<HHLL", tag, 4, 1, value) for tag, value in [*tags, (279, len(packed))]]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<L", 8 + len(packed)) + packed + directory)


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_sixteen_bits_of_grey_are_scaled_to_eight_wherever_eight_are_wanted(tmp_path, ending):
    path = tmp_path / f"ramp{ending}"
    write_picture(path, Picture(RAMP[..., None]))
    expected = np.rint(RAMP / 257).astype(np.uint8)
    assert np.array_equal(read_rgb(path), np.repeat(expected[..., None], 3, -1))
    blocks = (RAMP / 257).reshape(16, 4, 18, 4).mean((1, 3))
    assert np.abs(read_thumbnail(path) - blocks).max() < 1.5


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1"])
def test_eight_bits_are_read_as_pillow_converts_them(tmp_path, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(read_rgb(tmp_path / "a.png"), np.asarray(image.convert("RGB")))


def test_white_of_twelve_bits_is_white(tmp_path):
    samples = np.linspace(0, 4095, 48, dtype=np.uint16).reshape(4, 12)
    twelve_bit_tiff(tmp_path / "a.tif", samples)
    picture = read_picture(tmp_path / "a.tif")
    assert np.abs(picture.samples[..., 0] - samples * (65535 / 4095)).max() < 1
    assert not picture.notes


def test_what_a_format_cannot_hold_is_said():
    deep = Picture(np.zeros((2, 2, 3), np.uint16), icc=PROFILE, exif=bytes(9), xmp=b"x")
    assert lost_as(deep, ".png") == lost_as(deep, ".TIFF") == ()
    assert lost_as(deep, ".jpg") == ("reduced to 8 bits per channel, as JPEG holds no more",)
    assert lost_as(deep, ".bmp")[1] == "colour profile, EXIF, XMP left out, as BMP cannot hold them here"
    grey = Picture(np.zeros((2, 2, 1), np.uint8), icc=PROFILE, exif=bytes(LONGEST_SEGMENT + 1))
    assert lost_as(grey, ".jpg") == ("colour profile, EXIF left out, as JPEG cannot hold them here",)
    assert lost_as(grey, ".webp") == ("colour profile left out, as WEBP cannot hold it here",)
    with pytest.raises(ImageError, match="must end in"):
        lost_as(grey, ".gif")


def test_images_without_pixels_are_refused():
    with pytest.raises(ImageError, match="no pixels"):
        from_pillow(Image.new("RGB", (0, 5)))
