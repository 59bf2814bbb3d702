"""Reads PNG and TIFF with 16 bits per channel, which Pillow would reduce to 8.

OpenCV reads the colours, since it keeps all 16 bits; what it reads is compared with what Pillow reads.
"""

import struct
import threading
import zlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image

from ceair.errors import ImageError
from ceair.metadata import turn, valid

_BITS, _PHOTOMETRIC, _ORIENTATION, _EXTRA_SAMPLES = 258, 262, 274, 338
_ASSOCIATED = 1
_BAND = 1 << 20  # pixels that are converted at a time
_DECODING = threading.Lock()
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of an interlaced PNG: column and row of the first pixel, and steps across and down."""

Samples = UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]
"""Grey, grey with alpha, RGB or RGB with alpha, as integers: c is 1, 2, 3 or 4."""


def is_sixteen_bit(image: Image.Image, content: bytes) -> bool:
    """Whether an opened file is a grey or RGB image of 16 bits per channel, with or without alpha."""
    if image.format == "PNG":
        return content[24] == 16
    if image.format == "TIFF":
        grey = image.mode.startswith("I;16")
        return grey or (image.mode in ("RGB", "RGBA", "RGBX") and set(image.tag_v2.get(_BITS, ())) == {16})
    return False


def has_all_strips(image: Image.Image, size: int) -> bool:
    """Whether the strips or tiles of a TIFF lie within its file of `size` bytes."""
    tags = image.tag_v2
    places = zip(tags.get(273) or tags.get(324, ()), tags.get(279) or tags.get(325, ()), strict=False)
    return all(start + count <= size for start, count in places)


def stored_orientation(image: Image.Image) -> int:
    """The orientation of a TIFF that is opened but not loaded; 1 of other formats."""
    return valid(image.getexif().get(_ORIENTATION, 1)) if image.format == "TIFF" else 1


def decode(image: Image.Image, content: bytes, turned: int) -> Iterator[UInt16[np.ndarray, "h w c"]]:
    """All 16 bits of a file that Pillow has loaded, in bands from top to bottom; c is 1, 2, 3 or 4.

    Args:
        image: lies as the bands will; it is closed, since its memory is needed.
        turned: the orientation by which Pillow has already turned it.

    Raises:
        ImageError: OpenCV cannot read it, or reads something else than Pillow does.
    """
    tags = dict(getattr(image, "tag_v2", {}))
    if image.mode.startswith("I"):
        flipped = np.uint16(65535 if tags.get(_PHOTOMETRIC) == 0 else 0)
        whole = 2 ** max(tags.get(_BITS, (16,))) - 1
        bands = (_widened(band, whole) ^ flipped for band in grey_bands(image))
    else:
        samples = _read_colours(image, content, turned)
        image.close()
        bands = (band[..., (2, 1, 0, 3)[: band.shape[-1]]] for band in _in_bands(samples))
    if image.format == "PNG" and "transparency" in image.info:
        key = np.asarray(image.info["transparency"], np.uint16)
        return (_with_key(band[..., :3], key) for band in bands)
    if image.format == "PNG" and content[25] == 4:
        return (band[..., (0, 3)] for band in bands)
    if tags.get(_EXTRA_SAMPLES) == (_ASSOCIATED,) and image.mode == "RGBA":
        return map(_straight, bands)
    return bands


def grey_bands(image: Image.Image) -> Iterator[UInt16[np.ndarray, "h w 1"]]:
    """Bands of a loaded Pillow image of 16-bit grey."""
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        crop = image.crop((0, top, image.width, min(top + rows, image.height)))
        yield np.asarray(crop).astype(np.uint16)[..., None]


def _widened(band: UInt16[np.ndarray, "h w 1"], whole: int) -> UInt16[np.ndarray, "h w 1"]:
    """Samples whose white is `whole`, which is 4095 of 12 bits, as samples of 16 bits."""
    return band if whole == 65535 else np.rint(band * np.float32(65535 / whole)).astype(np.uint16)


def _in_bands(samples: UInt16[np.ndarray, "h w c"]) -> Iterator[UInt16[np.ndarray, "rows w c"]]:
    rows = max(1, _BAND // samples.shape[1])
    return (samples[top : top + rows] for top in range(0, len(samples), rows))


def _with_key(band: UInt16[np.ndarray, "h w c"], key: UInt16[np.ndarray, "..."]) -> UInt16[np.ndarray, "h w c2"]:
    """Alpha as the last channel: 0 where the colour is `key`."""
    opaque = np.any(band != key, axis=-1, keepdims=True)
    return np.concatenate((band, opaque * np.uint16(65535)), axis=-1)


def _straight(band: UInt16[np.ndarray, "h w 4"]) -> UInt16[np.ndarray, "h w 4"]:
    """Colours that are not multiplied by alpha, of ones that are."""
    alpha = np.maximum(band[..., 3:].astype(np.float32) / 65535, 1 / 65535)
    straight = np.minimum(np.rint(band[..., :3] / alpha), 65535).astype(np.uint16)
    return np.concatenate((straight, band[..., 3:]), axis=-1)


def _read_colours(image: Image.Image, content: bytes, turned: int) -> UInt16[np.ndarray, "h w c"]:
    """Blue, green, red and perhaps alpha."""
    import cv2  # heavy, and needed for 16-bit colours only

    needed = _without_orientation(content) if image.format == "TIFF" else _without_extras(content)
    logging = cv2.utils.logging
    with _DECODING:  # the level is of the whole process
        level = logging.getLogLevel()
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)
        try:
            read = cv2.imdecode(np.frombuffer(needed, np.uint8), cv2.IMREAD_UNCHANGED)
        finally:
            logging.setLogLevel(level)
    channels = 4 if image.mode == "RGBA" else 3
    if read is None or read.dtype != np.uint16 or read.ndim != 3 or read.shape[-1] < channels:
        raise ImageError("its 16-bit colours are stored in a way that cannot be read; save it as a 16-bit PNG")
    samples = turn(read[..., :channels], turned)
    if samples.shape[:2] != (image.height, image.width) or not _agree(samples, image):
        raise ImageError("its 16-bit colours are stored in a way that cannot be read; save it as a 16-bit PNG")
    return samples


def _agree(samples: UInt16[np.ndarray, "h w c"], image: Image.Image) -> bool:
    """Whether Pillow has the upper 8 bits: OpenCV misreads a few layouts, such as separate planes, silently."""
    top = 0
    associated = getattr(image, "tag_v2", {}).get(_EXTRA_SAMPLES) == (_ASSOCIATED,)
    order = (3,) if associated and samples.shape[-1] == 4 else (2, 1, 0, 3)[: samples.shape[-1]]
    for band in _in_bands(samples):
        upper = np.asarray(image.crop((0, top, image.width, top + len(band))))
        top += len(band)
        for channel in range(len(order)):
            ours = band[..., order[channel]] >> 8
            theirs = upper[..., 3 if order == (3,) else channel]
            if np.any(np.abs(ours.astype(np.int16) - theirs) > 1):
                return False
    return True


def _without_extras(content: bytes) -> bytes:
    """The PNG with nothing but its pixels, all of them: OpenCV's libpng prints what it thinks of the rest.

    Raises:
        ImageError: the pixels are damaged where Pillow does not look.
    """
    head, parts, start = content[16:29], [], 8
    while start + 12 <= len(content):
        end = start + 12 + int.from_bytes(content[start : start + 4], "big")
        if content[start + 4 : start + 8] == b"IDAT":
            parts.append(memoryview(content)[start + 8 : end - 4])
        start = end
    if any(head[10:12]) or head[12] > 1 or not _inflates_to(parts, _bytes_of_rows(head)):
        raise ImageError("its data are damaged")
    chunks: list[tuple[bytes, bytes | memoryview]] = [(b"IHDR", head)]
    chunks += [*((b"IDAT", part) for part in parts), (b"IEND", b"")]
    return b"".join((content[:8], *(piece for name, part in chunks for piece in _chunk(name, part))))


def _chunk(name: bytes, content: bytes | memoryview) -> tuple[bytes, bytes | memoryview, bytes]:
    checksum = zlib.crc32(content, zlib.crc32(name))
    return struct.pack(">L", len(content)) + name, content, struct.pack(">L", checksum)


def _inflates_to(parts: list[memoryview], size: int) -> bool:
    """Whether the parts are one whole deflated stream of so many bytes."""
    stream, found = zlib.decompressobj(), 0
    try:
        for part in parts:
            rest: bytes | memoryview = part
            while rest and found <= size:
                found += len(stream.decompress(rest, _BAND))
                rest = stream.unconsumed_tail
    except zlib.error:
        return False
    return stream.eof and not stream.unused_data and found == size


def _bytes_of_rows(head: bytes) -> int:
    """How many bytes the rows of a PNG of 16 bits per channel have, each with the one that names its filter."""
    width, height, _, colours, _, _, interlaced = struct.unpack(">LLBBBBB", head)
    pixel = {0: 2, 2: 6, 4: 4, 6: 8}[colours]
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = ((-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in passes)
    return sum(rows * (1 + columns * pixel) for columns, rows in sizes if columns > 0 and rows > 0)


def _without_orientation(content: bytes) -> bytes:
    """The TIFF with its orientation set to 1: whether OpenCV turns pixels depends on its version."""
    order = "<" if content[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", content, 2)[0] == 43
    start = struct.unpack_from(order + ("Q" if big else "L"), content, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), content, start)[0]
    entry, first, value = (20, start + 8, 12) if big else (12, start + 2, 8)
    for offset in range(first, first + count * entry, entry):
        if struct.unpack_from(order + "H", content, offset)[0] == _ORIENTATION:
            at = offset + value
            return b"".join((content[:at], struct.pack(order + "H", 1), content[at + 2 :]))
    return content
