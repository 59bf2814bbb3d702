"""Small real image files of every format that ceair reads, and ways to damage files, for `fuzz.py`."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageCms

from ceair.image import Picture, encode_picture

PHOTO = Path(__file__).parents[2] / "examples" / "chelsea-rain.jpg"
INTERESTING = (0, 1, 2, 3, 4, 7, 8, 15, 16, 32, 64, 127, 128, 255, 256, 4095, 32767, 65535, 2**24, 2**31 - 1, 2**32 - 1)

Damage = Callable[[bytearray, Random], None]


def image_seeds() -> list[tuple[str, bytes]]:
    """Names, whose endings tell the format, and contents; crops of a photo, with EXIF, XMP and a colour profile."""
    with Image.open(PHOTO) as photo:
        crop = photo.convert("RGB").crop((100, 60, 137, 85))
    seeds = [("photo.jpg", PHOTO.read_bytes())]
    seeds += [(name, _saved(image, name, **options)) for name, image, options in _by_pillow(crop)]
    seeds += [(name, encode_picture(picture, name[-4:])) for name, picture in _by_us(crop)]
    return seeds


def _by_pillow(crop: Image.Image) -> list[tuple[str, Image.Image, dict[str, object]]]:
    grey, clear = crop.convert("L"), crop.copy()
    clear.putalpha(grey)
    block = Image.Exif()
    block[270], block[274], block[0x8769] = "rain", 6, {0x829A: 0.5, 0x9003: "2026:01:02 03:04:05"}
    known = {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), "exif": block.tobytes()}
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    return [
        ("rgb.png", crop, known),
        ("rgba.png", clear, {}),
        ("grey.png", grey, {"dpi": (300, 300)}),
        ("grey-alpha.png", clear.convert("LA"), {}),
        ("palette.png", clear.quantize(16), {}),
        ("bits.png", grey.convert("1"), {}),
        ("key.png", crop, {"transparency": (1, 2, 3)}),
        ("deep-grey.png", deep, {}),
        ("rgb.jpg", crop, known | {"quality": 90}),
        ("progressive.jpg", crop, {"progressive": True, "subsampling": 2, "restart_marker_rows": 1}),
        ("grey.jpg", grey, {"xmp": b'<x tiff:Orientation="6"/>'}),
        ("cmyk.jpg", crop.convert("CMYK"), {}),
        ("lossy.webp", crop, known),
        ("lossless.webp", crop, {"lossless": True, "xmp": b"<x/>"}),
        ("alpha.webp", clear, {}),
        ("rgb.bmp", crop, {}),
        ("palette.bmp", crop.quantize(16), {}),
        ("bits.bmp", grey.convert("1"), {}),
        ("rgba.bmp", clear, {}),
        ("raw.tif", crop, known | {"compression": "raw"}),
        ("lzw.tif", crop, {"compression": "tiff_lzw"}),
        ("jpeg.tif", crop, {"compression": "jpeg"}),
        ("packbits.tif", grey, {"compression": "packbits"}),
        ("fax.tif", grey.convert("1"), {"compression": "group4"}),
        ("cmyk.tif", crop.convert("CMYK"), {}),
        ("palette.tif", crop.quantize(16), {}),
        ("deep-grey.tif", deep, {}),
        ("lab.tif", crop.convert("LAB"), {}),
    ]


def _by_us(crop: Image.Image) -> list[tuple[str, Picture]]:
    colours = np.asarray(crop).astype(np.uint16) * 257 + 3
    grey, alpha = colours[..., :1], colours[..., 1]
    kinds = {
        "deep": Picture(colours),
        "deep-alpha": Picture(colours, alpha),
        "deep-grey-alpha": Picture(grey, alpha),
        "plain-alpha": Picture((colours >> 8).astype(np.uint8), (alpha >> 8).astype(np.uint8)),
    }
    return [(f"{kind}{ending}", picture) for kind, picture in kinds.items() for ending in (".png", ".tif")]


def _saved(image: Image.Image, name: str, **options: object) -> bytes:
    stream = io.BytesIO()
    kinds = {"jpg": "JPEG", "tif": "TIFF"}
    ending = name.rpartition(".")[2]
    image.save(stream, kinds.get(ending, ending.upper()), **options)
    return stream.getvalue()


def damaged(content: bytes, other: bytes, random: Random) -> bytes:
    """A damaged version of a file; `other` is one that pieces may be taken from."""
    result = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
        if random.random() < 0.1:
            _splice(result, other, random)
        elif random.random() < 0.5 and (known := _by_structure(result)):
            known(result, random)
        elif result:
            random.choice(_PLAIN)(result, random)
    if result[:4] == b"\x89PNG" and random.random() < 0.8:
        _mend_checksums(result)  # without it nearly every damage ends at the first checksum
    return bytes(result)


def _flip(content: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 1, 4, 30))):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def _set_bytes(content: bytearray, random: Random) -> None:
    start = random.randrange(len(content))
    length = random.choice((1, 1, 2, 4, 16, 200))
    value = random.choice((b"\0", b"\xff", b"\x80", b"\x7f", None))
    filling = value * length if value else random.randbytes(length)
    content[start : start + length] = filling[: len(content) - start]


def _set_number(content: bytearray, random: Random) -> None:
    order, (size, code) = random.choice("<>"), random.choice(((2, "H"), (4, "L")))
    start = random.randrange(max(1, min(len(content), random.choice((64, 600, 10**9))) - size))
    number = random.choice(INTERESTING) % 256**size
    content[start : start + size] = struct.pack(order + code, number)


def _truncate(content: bytearray, random: Random) -> None:
    del content[random.randrange(len(content)) :]


def _delete(content: bytearray, random: Random) -> None:
    start = random.randrange(len(content))
    del content[start : start + random.choice((1, 2, 10, 500))]


def _repeat(content: bytearray, random: Random) -> None:
    start = random.randrange(len(content))
    piece = content[start : start + random.choice((1, 4, 40, 1000))]
    content[start:start] = piece * random.choice((1, 1, 3, 50))


def _insert(content: bytearray, random: Random) -> None:
    start = random.randrange(len(content) + 1)
    content[start:start] = random.randbytes(random.choice((1, 2, 4, 64)))


_PLAIN = (_flip, _set_bytes, _set_number, _set_number, _truncate, _delete, _repeat, _insert)


def _splice(content: bytearray, other: bytes, random: Random) -> None:
    """Put a piece of another file in, or go on as the other does."""
    start, end = sorted((random.randrange(len(other) + 1), random.randrange(len(other) + 1)))
    at = random.randrange(len(content) + 1)
    if random.random() < 0.5:
        content[at:] = other[start:]
    else:
        content[at : at + random.choice((0, end - start))] = other[start:end]


def _by_structure(content: bytearray) -> Damage | None:
    """A way to damage the fields of the file's own structure, so that the damage gets deeper than random bytes do."""
    if content[:4] == b"\x89PNG":
        return _damage_png
    if content[:2] == b"\xff\xd8":
        return _damage_jpeg
    if content[:4] == b"II*\0":
        return _damage_tiff
    if content[:4] == b"RIFF":
        return _damage_webp
    return None


def _damage_png(content: bytearray, random: Random) -> None:
    start, end = random.choice(_png_chunks(content) or [(8, len(content))])
    what = random.randrange(4)
    if what == 0:
        content[start : start + 4] = struct.pack(">L", random.choice(INTERESTING))
    elif what == 1:
        content[start:start] = content[start:end]
    elif what == 2:
        del content[start:end]
    elif end - start > 12:  # within the content of a small chunk, such as the header
        content[random.randrange(start + 8, end - 4)] = random.choice(INTERESTING) % 256


def _png_chunks(content: bytearray) -> list[tuple[int, int]]:
    found, start = [], 8
    while start + 12 <= len(content):
        end = start + 12 + int.from_bytes(content[start : start + 4], "big")
        found.append((start, min(end, len(content))))
        start = end
    return found


def _mend_checksums(content: bytearray) -> None:
    for start, end in _png_chunks(content):
        if end - start >= 12:
            content[end - 4 : end] = struct.pack(">L", zlib.crc32(content[start + 4 : end - 4]))


def _damage_jpeg(content: bytearray, random: Random) -> None:
    places = [at for at in range(len(content) - 4) if content[at] == 0xFF and content[at + 1] not in (0, 0xFF)]
    at = random.choice(places or [0])
    what = random.randrange(3)
    if what == 0:
        content[at + 2 : at + 4] = struct.pack(">H", random.choice(INTERESTING) % 65536)
    elif what == 1:
        content[at + 1 : at + 2] = bytes((random.choice((0xC0, 0xC1, 0xC2, 0xC4, 0xD0, 0xD9, 0xDA, 0xDB, 0xDD, 0xE1)),))
    else:
        content[at + 4 : at + 5] = bytes((random.choice(INTERESTING) % 256,))


def _damage_tiff(content: bytearray, random: Random) -> None:
    start = int.from_bytes(content[4:8], "little")
    entries = int.from_bytes(content[start : start + 2], "little")
    at = start + 2 + 12 * random.randrange(max(1, min(entries, 60)))
    offset, size = random.choice(((0, 2), (2, 2), (4, 4), (8, 4), (8, 2)))
    number = random.choice((*INTERESTING, 256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 322, 324, 338, 339))
    content[at + offset : at + offset + size] = (number % 256**size).to_bytes(size, "little")


def _damage_webp(content: bytearray, random: Random) -> None:
    starts, at = [4], 12
    while at + 8 <= len(content):
        starts.append(at)
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    at = random.choice(starts)
    offset, size = random.choice(((0, 4), (4, 4), (8, 1), (10, 2), (12, 4)))
    content[at + offset : at + offset + size] = (random.choice(INTERESTING) % 256**size).to_bytes(size, "little")
