"""What cannot be read or written gives one clear sentence, and nothing is lost or left behind."""

import io
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from reference.pixels import as_pillow, encoded, noise

from ceair.errors import ImageError
from ceair.image import MOST_PIXELS, Picture, read_picture, write_picture


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
    return paths | {
        name: folder / name for name in ("float.tif", "float_rgb.tif", "pages.tif", "animated.png", "animated.webp")
    }


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


def test_damaged_exif_is_left_out_with_a_note(tmp_path):
    as_pillow(noise(8, 8, 3)).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\xff" + b"\xff" * 40)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.exif is None
    assert picture.notes == ("its EXIF is damaged and was left out",)
    assert picture.pixels.shape == (8, 8, 3)
    as_pillow(noise(8, 8, 3)).save(tmp_path / "b.jpg", exif=Image.Exif().tobytes())
    assert read_picture(tmp_path / "b.jpg").notes == ()


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
