"""Which photos the page takes, and what it says of others."""

import pytest

from ceair.errors import ImageError
from ceair.web.photo import check
from ceair.web.sessions import Session


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path, _: path.write_text("hello"), "it is no JPEG, PNG, WebP, TIFF or BMP image"),
        (lambda path, _: path.write_bytes(b""), "the file is empty"),
        (lambda path, photo: photo(path, (200, 300)), "has 300x200 pixels, more than the 0.01 megapixels"),
        (lambda path, _: path.write_bytes(b"x" * 200_001), "has 200 kB; this page takes at most 200 kB per file"),
        (lambda path, photo: path.write_bytes(photo(path, (90, 90)).read_bytes()[:9000]), "truncated"),
        (lambda path, _: path.write_bytes(_claims(60_000, 60_000)), "has 60000x60000 pixels, more"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_one_plain_sentence(tmp_path, allowance, make, words, photo):
    path = tmp_path / "image.png"
    make(path, photo)
    with pytest.raises(ImageError) as caught:
        check(path, path.name, allowance)
    assert words in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_photos_with_something_behind_them_are_taken(tmp_path, actions, name, photo, restore):
    path = photo(tmp_path / name)
    path.write_bytes(path.read_bytes() + bytes(5000))
    session = Session()
    assert actions.take(session, [path]) == []
    assert restore(session)[0].error is None


def test_a_photo_with_a_huge_colour_profile_is_taken(tmp_path, allowance, photo):
    path = photo(tmp_path / "a.png", icc_profile=bytes(2 << 20))
    check(path, path.name, allowance)


@pytest.mark.parametrize(("name", "icc"), [("a.jpg", 0), ("a.png", 0), ("b.png", 2 << 20)])
@pytest.mark.parametrize("change", [lambda content: content + bytes(2000), lambda content: content[:-2000]])
def test_photos_with_too_many_pixels_are_never_decoded(tmp_path, allowance, monkeypatch, name, icc, change, photo):
    path = photo(tmp_path / name, (120, 130), icc_profile=bytes(icc))
    path.write_bytes(change(path.read_bytes()))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(ImageError, match="has 130x120 pixels, more than"):
        check(path, path.name, allowance)


def _claims(width: int, height: int) -> bytes:
    """A PNG that says that it is so large."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts
