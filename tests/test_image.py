"""Files go in and out with nothing lost."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, JpegImagePlugin
from reference.pixels import as_pillow, encoded, noise

from ceair.errors import ImageError
from ceair.image import Picture, from_pillow, read_picture, write_picture
from ceair.metadata import turn

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6" dc:title="rain"/></x:xmpmeta>'
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
LOSSLESS = [".png", ".tif", ".webp", ".bmp"]
SIZES = [(1, 1), (1, 300), (17, 13)]


def exif(orientation=None):
    block = Image.Exif()
    block[0x010E], block[0x0110] = "rain on glass", "Some Camera"
    block[0x8769] = {0x829A: 0.5, 0x9003: "2026:01:02 03:04:05"}
    if orientation:
        block[0x0112] = orientation
    return block


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
@pytest.mark.parametrize("ending", LOSSLESS)
def test_eight_bits_come_back_exactly(tmp_path, ending, mode, size):
    if ending == ".bmp" and mode in ("LA", "RGBA"):
        pytest.skip("refused, see below")
    samples = noise(*size, CHANNELS[mode])
    as_pillow(samples).save(tmp_path / f"in{'.png' if mode == 'LA' else ending}", lossless=True, exact=True)
    picture = read_picture(next(tmp_path.iterdir()))
    assert (picture.depth, picture.pixels.shape) == (8, (*size, 3))
    write_picture(tmp_path / f"out{ending}", picture)
    with Image.open(tmp_path / f"out{ending}") as written:
        expected = as_pillow(samples).convert(written.mode)
        assert written.mode == mode or ending == ".webp"
        assert np.array_equal(np.asarray(written), np.asarray(expected))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("ending", [".png", ".tiff"])
def test_sixteen_bits_come_back_exactly(tmp_path, ending, channels, size):
    samples = noise(*size, channels, 16)
    source = tmp_path / f"in{ending}"
    source.write_bytes(encoded(ending, samples))
    picture = read_picture(source)
    assert picture.depth == 16
    assert (picture.alpha is not None) == (channels in (2, 4))
    write_picture(tmp_path / f"out{ending}", picture)
    again = read_picture(tmp_path / f"out{ending}")
    colours = samples[..., :1].repeat(3, -1) if channels < 3 else samples[..., :3]
    for one in (picture, again):
        assert np.array_equal(np.rint(one.pixels * 65535), colours)
        assert one.alpha is None or np.array_equal(one.alpha, samples[..., -1])


@pytest.mark.parametrize("ending", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_agree_with_opencv_in_both_directions(tmp_path, ending, channels):
    order = (0,) if channels == 1 else (2, 1, 0, 3)[:channels]
    samples = noise(9, 7, channels, 16)
    if channels < 4 or ending == ".png":  # OpenCV's own TIFFs do not say that their fourth channel is alpha
        cv2.imwrite(str(tmp_path / f"in{ending}"), samples[..., order])
        picture = read_picture(tmp_path / f"in{ending}")
        assert np.array_equal(np.rint(picture.pixels * 65535)[..., : min(channels, 3)], samples[..., :3])
    alpha = samples[..., 3] if channels == 4 else None
    write_picture(tmp_path / f"out{ending}", Picture(samples[..., : min(channels, 3)], alpha))
    written = cv2.imread(str(tmp_path / f"out{ending}"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(written.reshape(samples.shape), samples[..., order])


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("ending", [".png", ".tif", ".jpg", ".webp"])
def test_orientation_is_applied_once(tmp_path, ending, depth):
    if depth == 16 and ending not in (".png", ".tif"):
        pytest.skip("this format has 8 bits")
    samples = np.kron(noise(2, 3, 3, depth), np.ones((16, 16, 1), noise(1, 1, 1, depth).dtype))
    upright = {}
    for orientation in range(1, 9):
        source, out = tmp_path / f"in{orientation}{ending}", tmp_path / f"out{orientation}{ending}"
        block = exif(orientation).tobytes()
        if depth == 16:
            source.write_bytes(encoded(ending, samples, block))
        else:
            as_pillow(samples).save(source, exif=block, lossless=True, quality=100, subsampling=0)
        picture = read_picture(source)
        write_picture(out, picture)
        again = read_picture(out)
        upright[orientation] = again.pixels
        assert picture.pixels.shape == again.pixels.shape
        assert np.abs(picture.pixels - again.pixels).max() < 0.05
        with Image.open(out) as written:
            assert written.getexif().get(0x0112, 1) == 1
            assert written.getexif()[0x010E] == "rain on glass"
            assert written.getexif().get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
    straight = upright[1]
    for orientation, turned in ((3, np.rot90(straight, 2)), (6, np.rot90(straight, -1)), (8, np.rot90(straight))):
        assert np.abs(upright[orientation] - turned).max() < 0.05


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_agrees_with_pillow(orientation):
    from PIL import ImageOps

    image = as_pillow(noise(4, 6, 3))
    image.getexif()[0x0112] = orientation
    assert np.array_equal(turn(np.asarray(image), orientation), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("ending", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("depth", [8, 16])
def test_profile_exif_and_xmp_are_kept_across_formats(tmp_path, ending, depth):
    picture = Picture(noise(8, 8, 3, depth), icc=ICC, exif=exif().tobytes(), xmp=XMP)
    write_picture(tmp_path / f"a{ending}", picture)
    read = read_picture(tmp_path / f"a{ending}")
    assert read.icc == ICC
    assert b"dc:title" in read.xmp
    assert b'tiff:Orientation="6"' not in read.xmp
    write_picture(tmp_path / "b.png", read)
    with Image.open(tmp_path / "b.png") as written:
        assert written.getexif()[0x0110] == "Some Camera"
        assert written.getexif().get_ifd(0x8769)[0x829A] == 0.5
        assert written.info["icc_profile"] == ICC


def test_palettes_bits_and_transparent_colours_become_plain_pixels(tmp_path):
    rgba = np.zeros((6, 5, 4), np.uint8)
    rgba[..., 0], rgba[:3, :, 3] = 200, 255
    Image.fromarray(rgba).quantize(8).save(tmp_path / "palette_alpha.png")
    Image.fromarray(rgba[..., :3]).quantize(8).save(tmp_path / "palette.png")
    Image.fromarray(rgba[..., 3] > 0).save(tmp_path / "bits.png")
    Image.fromarray(rgba[..., 3]).save(tmp_path / "key.png", transparency=255)
    Image.fromarray(rgba[..., :3]).save(tmp_path / "rgb_key.png", transparency=(200, 0, 0))
    pictures = {path.stem: read_picture(path) for path in tmp_path.iterdir()}
    assert np.array_equal(pictures["palette_alpha"].alpha, rgba[..., 3])
    assert not pictures["palette_alpha"].grey
    assert pictures["palette"].alpha is None
    assert np.allclose(pictures["palette"].pixels[0, 0] * 255, (200, 0, 0), atol=4)
    assert pictures["bits"].grey
    assert np.array_equal(pictures["bits"].samples[..., 0], rgba[..., 3])
    assert np.array_equal(pictures["key"].alpha, 255 - rgba[..., 3])
    assert not pictures["rgb_key"].alpha.any()


def test_a_transparent_colour_of_sixteen_bits_becomes_alpha(tmp_path):
    import struct
    import zlib

    samples = noise(4, 5, 3, 16)
    for name, channels in (("grey.png", 1), ("rgb.png", 3)):
        content = encoded(".png", samples[..., :channels])
        key = samples[0, 0, :channels].astype(">u2").tobytes()
        chunk = struct.pack(">L", len(key)) + b"tRNS" + key + struct.pack(">L", zlib.crc32(b"tRNS" + key))
        (tmp_path / name).write_bytes(content[:33] + chunk + content[33:])
        picture = read_picture(tmp_path / name)
        assert (picture.alpha[0, 0], (picture.alpha == 65535).sum()) == (0, 19)
        assert np.array_equal(np.rint(picture.pixels[..., :channels] * 65535), samples[..., :channels])


def test_cmyk_becomes_rgb_and_says_so(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.notes == ("converted from CMYK to RGB",)
    assert picture.pixels[0, 0, 0] > 0.8
    assert picture.pixels[0, 0, 1] < 0.2


def test_jpeg_has_full_colour_resolution_and_keeps_finer_tables(tmp_path):
    image = as_pillow(noise(32, 32, 3))
    for name, quality, subsampling, expected in (("coarse", 30, 2, 0), ("fine", 98, 2, 2)):
        image.save(tmp_path / f"{name}.jpg", quality=quality, subsampling=subsampling)
        write_picture(tmp_path / f"{name}_out.jpg", read_picture(tmp_path / f"{name}.jpg"))
        with Image.open(tmp_path / f"{name}_out.jpg") as written, Image.open(tmp_path / f"{name}.jpg") as source:
            assert JpegImagePlugin.get_sampling(written) == expected
            assert (written.quantization == source.quantization) == (name == "fine")
            assert np.mean(written.quantization[0]) < 6


def test_grey_jpeg_stays_grey(tmp_path):
    for quality in (50, 100):
        as_pillow(noise(16, 16, 1)).save(tmp_path / "a.jpg", quality=quality)
        write_picture(tmp_path / "b.jpg", read_picture(tmp_path / "a.jpg"))
        with Image.open(tmp_path / "b.jpg") as written:
            assert written.mode == "L"


def test_sixteen_bits_are_rounded_where_a_format_has_eight(tmp_path):
    pixels = np.full((4, 4, 3), 1200 / 65535, np.float32)
    for ending in (".jpg", ".webp", ".bmp"):
        write_picture(tmp_path / f"a{ending}", Picture.from_pixels(pixels, depth=16))
        assert np.all(np.rint(read_picture(tmp_path / f"a{ending}").pixels * 255) == np.rint(pixels * 255))


def test_written_files_get_ordinary_permissions(tmp_path):
    write_picture(tmp_path / "a.png", Picture(np.zeros((2, 2, 3), np.uint8)))
    (tmp_path / "b.png").write_bytes(b"")
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "b.png").stat().st_mode


def test_pillow_images_become_pictures_and_come_back():
    for mode, channels in CHANNELS.items():
        image = as_pillow(noise(5, 4, channels))
        back = from_pillow(image).to_pillow()
        assert back.mode == mode
        assert np.array_equal(np.asarray(back), np.asarray(image))
    deep = Image.fromarray(noise(5, 4, 1, 16)[..., 0])
    assert np.array_equal(np.asarray(from_pillow(deep).to_pillow()), np.asarray(deep))
    with pytest.raises(ImageError, match="mode F"):
        from_pillow(Image.new("F", (2, 2)))


def test_colours_below_transparency_and_its_edges_come_back_with_their_alpha(tmp_path):
    colours = noise(12, 10, 3)
    alpha = np.zeros((12, 10), np.uint8)
    alpha[:, 5:], alpha[:, 4] = 255, 7
    for ending in (".png", ".tif", ".webp"):
        write_picture(tmp_path / f"a{ending}", Picture(colours, alpha))
        again = read_picture(tmp_path / f"a{ending}")
        assert np.array_equal(again.alpha, alpha)
        assert np.array_equal(again.samples, colours), "also where nothing shows"


@pytest.mark.parametrize("depth", [8, 16])
def test_colours_that_are_multiplied_by_alpha_are_divided(tmp_path, depth):
    whole = 2**depth - 1
    straight = np.full((4, 4, 3), whole // 2, noise(1, 1, 3, depth).dtype)
    alpha = np.full((4, 4), whole // 2 + 1, straight.dtype)
    content = bytearray(encoded(".tif", np.concatenate(((straight // 2), alpha[..., None]), axis=-1)))
    at = content.index((338).to_bytes(2, "little") + (3).to_bytes(2, "little"))
    content[at + 8] = 1  # the extra sample is alpha that was multiplied in
    (tmp_path / "a.tif").write_bytes(content)
    picture = read_picture(tmp_path / "a.tif")
    assert np.array_equal(picture.alpha, alpha)
    assert np.abs(picture.samples.astype(int) - straight).max() <= 2


def interlaced(samples):
    """A PNG of 16 bits in seven passes, which neither Pillow nor OpenCV writes."""
    import struct
    import zlib

    height, width, channels = samples.shape
    rows = []
    for x, y, across, down in (
        *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
    ):
        part = samples[y::down, x::across].astype(">u2")
        rows += [b"\0" + row.tobytes() for row in part if part.size]
    chunks = (
        (b"IHDR", struct.pack(">LLBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 1)),
        (b"IDAT", zlib.compress(b"".join(rows))),
        (b"IEND", b""),
    )
    parts = (struct.pack(">L", len(c)) + n + c + struct.pack(">L", zlib.crc32(n + c)) for n, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2), (17, 13)])
@pytest.mark.parametrize("channels", [3, 4])
def test_interlaced_images_of_sixteen_bits_are_read(tmp_path, size, channels):
    samples = noise(*size, channels, 16)
    (tmp_path / "a.png").write_bytes(interlaced(samples))
    picture = read_picture(tmp_path / "a.png")
    assert np.array_equal(picture.samples, samples[..., :3])
    assert channels == 3 or np.array_equal(picture.alpha, samples[..., 3])
