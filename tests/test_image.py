"""Files go in and out with nothing lost, or with one clear sentence."""

import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, JpegImagePlugin

from ceair.errors import ImageError
from ceair.image import MOST_PIXELS, Picture, encode_picture, from_pillow, read_picture, write_picture
from ceair.metadata import turn

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6" dc:title="rain"/></x:xmpmeta>'
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
LOSSLESS = [".png", ".tif", ".webp", ".bmp"]
SIZES = [(1, 1), (1, 300), (17, 13)]


def noise(height, width, channels, depth=8, seed=0):
    values = np.random.default_rng(seed).integers(0, 2**depth, (height, width, channels))
    return values.astype(np.uint16 if depth == 16 else np.uint8)


def encoded(ending, samples, exif=None):
    """The bytes of a file; c is 1, 2, 3 or 4."""
    colours = 1 if samples.shape[-1] < 3 else 3
    alpha = samples[..., -1] if samples.shape[-1] in (2, 4) else None
    return encode_picture(Picture(samples[..., :colours], alpha, exif=exif), ending)


def as_pillow(samples):
    return Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)


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
    pixels = np.full((4, 4, 3), (1000 * 257 // 257 + 128) / 65535, np.float32)
    for ending in (".jpg", ".webp", ".bmp"):
        write_picture(tmp_path / f"a{ending}", Picture.from_pixels(pixels, depth=16))
        assert np.all(np.rint(read_picture(tmp_path / f"a{ending}").pixels * 255) == np.rint(pixels * 255))


@pytest.mark.parametrize("ending", [".jpg", ".bmp"])
def test_alpha_is_refused_where_a_format_has_none(tmp_path, ending):
    picture = Picture(np.zeros((2, 2, 3), np.uint8), alpha=np.full((2, 2), 255, np.uint8))
    with pytest.raises(ImageError, match="use PNG"):
        write_picture(tmp_path / f"a{ending}", picture)
    assert not list(tmp_path.iterdir())


def damaged(folder: Path) -> dict[str, Path]:
    image = as_pillow(noise(64, 64, 3))
    paths = {"missing": folder / "missing.png", "folder": folder}
    for name, content in (("empty.png", b""), ("text.jpg", b"no image at all\n" * 9), ("gif.png", b"")):
        paths[name] = folder / name
        paths[name].write_bytes(content)
    image.save(folder / "gif.png", "GIF")
    for ending in (".png", ".jpg", ".webp", ".tif", ".bmp"):
        stream = io.BytesIO()
        image.save(stream, {".jpg": "JPEG", ".tif": "TIFF"}.get(ending, ending[1:].upper()))
        paths["truncated" + ending] = folder / f"truncated{ending}"
        paths["truncated" + ending].write_bytes(stream.getvalue()[: len(stream.getvalue()) // 2])
    deep = encoded(".tif", noise(64, 64, 3, 16))
    for name, content in (("deep.tif", deep), ("deep.png", encoded(".png", noise(64, 64, 3, 16)))):
        paths[name] = folder / name
        paths[name].write_bytes(content[: len(content) // 2])
    Image.fromarray(np.zeros((4, 4), np.float32)).save(folder / "float.tif")
    cv2.imwrite(str(folder / "float_rgb.tif"), np.zeros((4, 4, 3), np.float32))
    others = [as_pillow(noise(8, 8, 3, seed=seed)) for seed in range(2)]
    for name in ("pages.tif", "animated.png", "animated.webp"):
        others[0].save(folder / name, save_all=True, append_images=others[1:])
    return paths | {name: folder / name for name in ("float.tif", "float_rgb.tif", "pages.tif", "animated.png")}


def test_each_unreadable_file_gives_one_sentence_that_names_it(tmp_path, capfd, recwarn):
    for path in damaged(tmp_path).values():
        with pytest.raises(ImageError) as caught:
            read_picture(path)
        message = str(caught.value)
        assert str(path) in message
        assert "\n" not in message
        assert "BytesIO" not in message
    assert capfd.readouterr() == ("", "")
    assert not [warning for warning in recwarn if "PIL" in warning.filename]


def test_separate_planes_are_never_misread(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    planes = noise(3, 9, 7, 16).reshape(3, 9, 7)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    try:
        picture = read_picture(tmp_path / "a.tif")
    except ImageError as error:
        assert "16-bit" in str(error)  # noqa: PT017
    else:
        assert np.array_equal(np.rint(picture.pixels * 65535), planes.transpose(1, 2, 0))


def test_an_image_that_would_fill_the_memory_is_refused_before_it_is_decoded(tmp_path):
    content = bytearray(encoded(".png", noise(1, 1, 3, 16)))
    content[16:24] = (30_000).to_bytes(4, "big") * 2
    import zlib

    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(content)
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ImageError, match=str(MOST_PIXELS)):
        read_picture(tmp_path / "bomb.png")
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_large_image_below_the_limit_gives_no_warning(tmp_path):
    Image.new("1", (15_000, 13_000)).save(tmp_path / "large.png")
    code = "import sys, pathlib, ceair.decode; ceair.decode._open(pathlib.Path(sys.argv[1]).read_bytes())"
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "large.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_left_when_writing_fails(tmp_path, monkeypatch):
    picture = Picture(np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ImageError, match=r"one of \.bmp"):
        write_picture(tmp_path / "a.xyz", picture)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Image.Image, "save", fail)
        with pytest.raises(ImageError, match="No space left"):
            write_picture(tmp_path / "a.png", picture)
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", fail)
        with pytest.raises(ImageError, match="No space left"):
            write_picture(tmp_path / "a.png", picture)
    assert not list(tmp_path.iterdir())


def test_written_files_get_ordinary_permissions(tmp_path):
    write_picture(tmp_path / "a.png", Picture(np.zeros((2, 2, 3), np.uint8)))
    (tmp_path / "b.png").write_bytes(b"")
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "b.png").stat().st_mode


def test_damaged_exif_is_left_out_with_a_note(tmp_path):
    as_pillow(noise(8, 8, 3)).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\xff" + b"\xff" * 40)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.exif is None
    assert picture.pixels.shape == (8, 8, 3)


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


def test_damage_where_only_libpng_looks_prints_nothing(tmp_path, capfd):
    content = encoded(".png", noise(9, 7, 3, 16))
    cases = (content[:-12], content[:-6], content[:-20] + b"\0" * 20, content[:26] + b"\1" + content[27:])
    for index, case in enumerate(cases):
        (tmp_path / f"{index}.png").write_bytes(case)
        try:
            picture = read_picture(tmp_path / f"{index}.png")
        except ImageError as error:
            assert f"{index}.png" in str(error)  # noqa: PT017
        else:
            assert picture.samples.shape == (9, 7, 3)
    assert capfd.readouterr() == ("", "")
