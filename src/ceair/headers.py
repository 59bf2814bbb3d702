"""What image files say about themselves in their first and last bytes, and thumbnails to know the same scene by."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ceair.decode import lifted_limits
from ceair.errors import ImageError
from ceair.files import is_file
from ceair.quiet import quiet

THUMBNAIL = (16, 18)
"""Rows and columns of a thumbnail."""

_TURNED = range(5, 9)  # values of the EXIF orientation under which width and height change places
_ORIENTATION = 0x0112
_TAIL = 1024  # bytes at the end of a file among which its closing mark nearly always is
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"
_JPEG_MARK = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")  # the others have no length, or stand among pixels


class Header(NamedTuple):
    """Size in pixels of the upright image, and whether its compression loses something (JPEG, most WebP)."""

    width: int
    height: int
    lossy: bool


def read_header(path: Path) -> Header:
    """Read the size of an image without decoding it, whether or not its file is whole; for that see `is_whole`.

    Raises:
        ImageError: the file is no image; the message names it in one sentence.
    """
    if not is_file(path):
        raise ImageError(f"{path} is no file")  # a pipe, say, which would be waited for without end
    try:
        with quiet, _opened(path) as image:
            (width, height), kind = image.size, image.format or ""
            turned = _is_turned(image)
        with path.open("rb") as file:
            head = file.read(16)
    except Exception as error:  # on damaged files Pillow's readers raise nearly anything
        raise ImageError(f"{path} is no image that can be read") from error
    lossy = kind in ("JPEG", "MPO") or (kind == "WEBP" and head[12:16] == b"VP8 ")
    return Header(height, width, lossy) if turned else Header(width, height, lossy)


def is_whole(path: Path) -> bool:
    """Whether an image file goes as far as its image does, without decoding it; what lies behind that is no matter.

    Phones put videos there. A TIFF does not tell and is taken for whole; what cannot be read is not.
    """
    try:
        with path.open("rb") as file:
            head, size = file.read(16), path.stat().st_size
            file.seek(max(0, size - _TAIL))
            tail = file.read()
        if head.startswith(b"\x89PNG"):
            return b"IEND" in tail or _PNG_END in path.read_bytes()
        if head.startswith(b"\xff\xd8"):
            return _JPEG_END in tail or _jpeg_ends(path.read_bytes())
    except OSError:
        return False
    if head[8:12] == b"WEBP":
        return size >= 8 + int.from_bytes(head[4:8], "little")
    return not head.startswith(b"BM") or size >= int.from_bytes(head[2:6], "little")


def read_thumbnail(path: Path) -> UInt8[np.ndarray, "16 18"]:
    """A small grey version of an image, in levels of 0 to 255.

    Raises:
        ImageError: the file is no image that can be read; the message names it in one sentence.
    """
    try:
        with quiet, Image.open(path) as image:
            image.draft("L", (8 * THUMBNAIL[1], 8 * THUMBNAIL[0]))  # JPEGs can be decoded small
            deep = image.mode.startswith("I;16")  # which `convert` would clip and not scale
            grey = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)) if deep else image.convert("L")
            return np.asarray(grey.resize(THUMBNAIL[::-1], Image.Resampling.BOX))
    except Exception as error:  # as above
        raise ImageError(f"{path} is damaged") from error


def difference_hash(thumbnail: UInt8[np.ndarray, "16 18"]) -> int | None:
    """64 bits, one for each of 8 x 8 places of a 9 x 8 version: whether it gets brighter to the right.

    None where such bits tell nothing: in an image that is nearly flat, or gets brighter or darker nearly everywhere.
    """
    small = thumbnail.reshape(8, 2, 9, 2).astype(np.int64).sum(axis=(1, 3))
    bits = small[:, 1:] > small[:, :-1]
    if np.ptp(small) < 4 * 16 or not 8 <= bits.sum() <= 56:
        return None
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _opened(path: Path) -> Image.Image:
    with lifted_limits():
        return Image.open(path)


def _is_turned(image: Image.Image) -> bool:
    try:
        # not PNG's own `getexif`, which decodes all pixels to look for EXIF behind them
        return Image.Image.getexif(image).get(_ORIENTATION) in _TURNED
    except Exception:  # on damaged EXIF Pillow raises nearly anything; the size is good
        return False


def _jpeg_ends(content: bytes) -> bool:
    """Whether a JPEG's end mark comes, other than that of a small picture within its EXIF."""
    place = 2
    while mark := _JPEG_MARK.search(content, place):
        if mark[0] == _JPEG_END:
            return True
        place = mark.end() + int.from_bytes(content[mark.end() : mark.end() + 2], "big")
    return False
