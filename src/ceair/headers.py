"""What image files say about themselves in their first and last bytes, and thumbnails to know the same scene by."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ceair.errors import ImageError
from ceair.files import is_file
from ceair.quiet import quiet

THUMBNAIL = (16, 18)
"""Rows and columns of a thumbnail."""

_TURNED = range(5, 9)  # values of the EXIF orientation under which width and height change places
_ORIENTATION = 0x0112
_TAIL = 1024  # bytes at the end of a file among which its closing mark must be


class Header(NamedTuple):
    """Size in pixels of the upright image, and whether its compression loses something (JPEG, most WebP)."""

    width: int
    height: int
    lossy: bool


def read_header(path: Path) -> Header:
    """Read the size of an image without decoding it, and look whether its file is whole.

    Raises:
        ImageError: the file is no image or ends too early; the message names it in one sentence.
    """
    if not is_file(path):
        raise ImageError(f"{path} is no file")  # a pipe, say, which would be waited for without end
    try:
        with quiet, Image.open(path) as image:
            (width, height), kind = image.size, image.format or ""
            turned = image.getexif().get(_ORIENTATION) in _TURNED
        with path.open("rb") as file:
            head, size = file.read(16), path.stat().st_size
            file.seek(max(0, size - _TAIL))
            tail = file.read()
    except Exception as error:  # on damaged files Pillow's readers raise nearly anything
        raise ImageError(f"{path} is no image that can be read") from error
    if not _is_whole(kind, head, tail, size):
        raise ImageError(f"{path} ends too early")
    lossy = kind in ("JPEG", "MPO") or (kind == "WEBP" and head[12:16] == b"VP8 ")
    return Header(height, width, lossy) if turned else Header(width, height, lossy)


def read_thumbnail(path: Path) -> UInt8[np.ndarray, "16 18"]:
    """A small grey version of an image, in levels of 0 to 255.

    Raises:
        ImageError: the file is no image that can be read; the message names it in one sentence.
    """
    try:
        with quiet, Image.open(path) as image:
            image.draft("L", (8 * THUMBNAIL[1], 8 * THUMBNAIL[0]))  # JPEGs can be decoded small
            grey = image.convert("L")
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


def _is_whole(kind: str, head: bytes, tail: bytes, size: int) -> bool:
    if kind == "PNG":
        return b"IEND" in tail
    if kind in ("JPEG", "MPO"):
        return b"\xff\xd9" in tail
    if kind == "WEBP":
        return size >= 8 + int.from_bytes(head[4:8], "little")
    if kind == "BMP":
        return size >= int.from_bytes(head[2:6], "little")
    return True
