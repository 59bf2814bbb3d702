"""Writes pictures into files as streams, so that a large image is never there a third time as encoded bytes."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from io import BufferedIOBase
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ceair.errors import ImageError
from ceair.metadata import EXIF, GPS, INTEROPERABILITY, LONGEST_SEGMENT
from ceair.picture import Picture, to_eight_bit_pillow
from ceair.sixteen_bit import Samples

FORMATS = {
    ".bmp": "BMP",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
"""The format of each ending, in lower case."""

_STRIP = 1 << 20
_PHOTOMETRIC, _STARTS, _COUNTS, _EXTRA_SAMPLES, _XMP, _ICC = 262, 273, 279, 338, 700, 34675
_UNASSOCIATED = 2
_JPEG_QUALITY, _WEBP_QUALITY = 95, 90  # of lossy files whose source does not say


def encode(file: BufferedIOBase, picture: Picture, name: str, quality: int | None) -> None:
    """Write a picture in the format `name`, one of `FORMATS`; everything else is as in `ceair.image.write_picture`.

    Raises:
        ImageError: the format cannot hold the alpha plane, or there is no such quality.
        OSError: the file cannot be written.
        Exception: nearly anything, on what Pillow's encoders cannot hold.
    """
    if picture.alpha is not None and name in ("JPEG", "BMP"):
        raise ImageError(f"{name} holds no transparency; use PNG")
    if quality is not None and not 1 <= quality <= 100:
        raise ImageError(f"a quality is a number from 1 to 100, not {quality}")
    picture = _holdable(picture, name)
    if name == "TIFF":
        _write_tiff(file, picture)
    elif name == "PNG" and picture.depth == 16:
        _write_deep_png(file, picture)
    else:
        options = {"icc_profile": picture.icc, "exif": picture.exif or b"", "dpi": picture.dpi}
        options |= _options(picture, name, quality)
        options = {key: value for key, value in options.items() if value is not None}
        to_eight_bit_pillow(picture).save(_Stream(file), name, **options)


def lost(picture: Picture, name: str) -> tuple[str, ...]:
    """What a file of the format `name` cannot hold of a picture, one sentence each."""
    sentences = []
    if picture.depth == 16 and name not in ("PNG", "TIFF"):
        sentences.append(f"reduced to 8 bits per channel, as {name} holds no more")
    held, blocks = _holdable(picture, name), {"colour profile": "icc", "EXIF": "exif", "XMP": "xmp"}
    gone = [what for what, block in blocks.items() if getattr(picture, block) and not getattr(held, block)]
    if gone:
        sentences.append(f"{', '.join(gone)} left out, as {name} cannot hold {'it' if len(gone) == 1 else 'them'} here")
    return tuple(sentences)


def _holdable(picture: Picture, name: str) -> Picture:
    """The picture without what a file of the format `name` cannot hold of its metadata."""
    if name == "BMP":
        return replace(picture, icc=None, exif=None, xmp=None)
    icc, exif, xmp = picture.icc, picture.exif, picture.xmp
    if icc and icc[16:20] != (b"GRAY" if picture.grey else b"RGB "):
        icc = None
    if name == "JPEG":
        exif, xmp = (block if block and len(block) <= LONGEST_SEGMENT else None for block in (exif, xmp))
    return replace(picture, icc=icc, exif=exif, xmp=xmp)


class _Stream(io.RawIOBase):
    """Writes to another file, but has no number: given one, Pillow's encoders overlook a disk that gets full."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        return self._file.write(content)

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()


def _options(picture: Picture, name: str, quality: int | None) -> dict[str, Any]:
    """What Pillow's encoder is told beside profile and EXIF."""
    if name == "JPEG":
        return _jpeg_options(picture, quality)
    if name == "WEBP":
        options: dict[str, Any] = {"xmp": picture.xmp or b""}
        if quality is None and not picture.lossy:
            return options | {"lossless": True, "exact": True, "quality": 80}  # the quality is then an effort
        return options | {"quality": quality or _WEBP_QUALITY, "alpha_quality": 100}  # 100 keeps alpha untouched
    if name == "PNG" and picture.xmp:
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", picture.xmp.decode(errors="replace"))
        return {"pnginfo": chunks}
    return {}


def _jpeg_options(picture: Picture, quality: int | None) -> dict[str, Any]:
    options: dict[str, Any] = {"quality": _JPEG_QUALITY, "subsampling": 0} | dict(picture.jpeg)
    if quality is not None:
        options = {"quality": quality, "subsampling": options["subsampling"]}
    elif picture.jpeg:
        del options["quality"]
    if picture.xmp:
        segment = b"http://ns.adobe.com/xap/1.0/\0" + picture.xmp
        options["extra"] = b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment
    return options


def _write_deep_png(file: BufferedIOBase, picture: Picture) -> None:
    """A PNG of 16 bits per channel, which Pillow cannot write."""
    height, width, channels = picture.samples.shape
    channels += picture.alpha is not None
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    file.write(b"\x89PNG\r\n\x1a\n")
    _write_chunk(file, b"IHDR", struct.pack(">LLBBBBB", width, height, 16, colour_type, 0, 0, 0))
    if picture.dpi:
        metres = (round(value / 0.0254) for value in picture.dpi)
        _write_chunk(file, b"pHYs", struct.pack(">LLB", *metres, 1))
    if picture.icc:
        _write_chunk(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc))
    if picture.xmp:
        _write_chunk(file, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + picture.xmp)
    if picture.exif:
        _write_chunk(file, b"eXIf", picture.exif.removeprefix(b"Exif\0\0"))
    deflate = zlib.compressobj(6)
    above = np.zeros(width * channels * 2, np.uint8)
    for band in picture.bands(16):
        rows = np.ascontiguousarray(band.astype(">u2")).reshape(len(band), -1).view(np.uint8)
        filtered = np.full((len(rows), rows.shape[1] + 1), 2, np.uint8)  # filter 2: each byte minus the one above
        np.subtract(rows[0], above, out=filtered[0, 1:])
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        above = rows[-1].copy()
        content = deflate.compress(filtered.data)
        if content:
            _write_chunk(file, b"IDAT", content)
    _write_chunk(file, b"IDAT", deflate.flush())
    _write_chunk(file, b"IEND", b"")


def _write_chunk(file: BufferedIOBase, name: bytes, content: bytes) -> None:
    file.write(struct.pack(">L", len(content)) + name)
    file.write(content)
    file.write(struct.pack(">L", zlib.crc32(content, zlib.crc32(name))))


def _write_tiff(file: BufferedIOBase, picture: Picture) -> None:
    """A deflated TIFF of either depth; its head is written again when the lengths of all strips are known."""
    height, width, channels = picture.samples.shape
    channels += picture.alpha is not None
    wide = channels == 2 and picture.depth == 16  # hardly any reader takes 16-bit grey with alpha
    channels = 4 if wide else channels
    rows = max(1, _STRIP // (width * channels * picture.depth // 8))
    head = _tiff_head(picture, channels, rows, [0] * -(-height // rows))
    file.write(head)
    bands = picture.bands(picture.depth, rows)
    counts = [file.write(_strip(band[..., (0, 0, 0, 1)] if wide else band)) for band in bands]
    if len(head) + sum(counts) >= 2**32:
        raise ImageError("a TIFF holds at most 4 GB; use PNG")
    file.seek(0)
    file.write(_tiff_head(picture, channels, rows, counts))


def _tiff_head(picture: Picture, channels: int, rows: int, counts: list[int]) -> bytes:
    """All that comes before the strips, of which each has `rows` rows and `counts` bytes; its length is the same."""
    directory = ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    if picture.dpi:
        directory[282], directory[283], directory[296] = *picture.dpi, 2  # per inch
    for tag, value in _tags(picture.exif):
        directory[tag] = value
    directory.tagtype[_STARTS] = directory.tagtype[_COUNTS] = 4  # of 32 bits, however small they are
    # width, height, bits, deflate, photometric, samples, rows, interleaved, horizontal differences
    directory[256], directory[257] = picture.samples.shape[1::-1]
    directory[258], directory[259] = (picture.depth,) * channels, 8
    directory[_PHOTOMETRIC] = 2 if channels > 2 else 1
    directory[_STARTS] = tuple(int(start) for start in np.cumsum([0, *counts]))[:-1]  # Pillow adds the head's length
    directory[277], directory[278], directory[_COUNTS] = channels, rows, tuple(counts)
    directory[284], directory[317] = 1, 2
    if channels in (2, 4):
        directory[_EXTRA_SAMPLES] = _UNASSOCIATED
    for tag, tag_type, block in ((_ICC, 7, picture.icc), (_XMP, 1, picture.xmp)):
        if block:
            directory.tagtype[tag] = tag_type
            directory[tag] = block
    return b"II*\0" + struct.pack("<L", 8) + bytes(directory.tobytes(8))


def _strip(samples: Samples) -> bytes:
    differences = samples.copy()
    differences[:, 1:] -= samples[:, :-1]
    return zlib.compress(np.ascontiguousarray(differences.astype(samples.dtype.newbyteorder("<"))).data, 6)


def _tags(exif: bytes | None) -> Iterator[tuple[int, object]]:
    if not exif:
        return
    tags = Image.Exif()
    tags.load(exif)
    for tag in tags:
        if tag in (EXIF, GPS):
            yield tag, {key: value for key, value in tags.get_ifd(tag).items() if key != INTEROPERABILITY}
        else:
            yield tag, tags[tag]
