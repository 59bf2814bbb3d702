"""PNG and TIFF with 16 bits per channel, which Pillow would reduce to 8; TIFF is written here at either depth.

OpenCV reads the colours, since it keeps all 16 bits; it writes neither ICC profiles nor EXIF nor grey with alpha, so
that both formats are written here.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ceair.errors import ImageError
from ceair.metadata import turn

_STRIP = 1 << 20
_CHUNK = 1 << 30
_PHOTOMETRIC, _ORIENTATION, _EXTRA_SAMPLES, _XMP, _ICC = 262, 274, 338, 700, 34675
_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
_ASSOCIATED, _UNASSOCIATED = 1, 2

Samples = UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]
"""Grey, grey with alpha, RGB or RGB with alpha, as integers: c is 1, 2, 3 or 4."""


def is_sixteen_bit(image: Image.Image, content: bytes) -> bool:
    """Whether an opened file is a grey or RGB image of 16 bits per channel, with or without alpha."""
    if image.format == "PNG":
        return content[24] == 16
    if image.format == "TIFF":
        grey = image.mode.startswith("I;16")
        return grey or (image.mode in ("RGB", "RGBA", "RGBX") and set(image.tag_v2.get(258, ())) == {16})
    return False


def has_all_strips(image: Image.Image, size: int) -> bool:
    """Whether the strips or tiles of a TIFF lie within its file of `size` bytes."""
    tags = image.tag_v2
    places = zip(tags.get(273) or tags.get(324, ()), tags.get(279) or tags.get(325, ()), strict=False)
    return all(start + count <= size for start, count in places)


def decode(image: Image.Image, content: bytes) -> UInt16[np.ndarray, "h w c"]:
    """All 16 bits of a file that Pillow has opened, lying as Pillow's own pixels do once loaded; c is 1, 2, 3 or 4.

    Raises:
        ImageError: OpenCV cannot read it, or reads something else than Pillow does.
    """
    tags = getattr(image, "tag_v2", {})
    stored = image.getexif().get(_ORIENTATION, 1) if tags else 1
    image.load()  # a truncated file ends here: Pillow is strict about it and OpenCV is not
    if image.mode.startswith("I"):
        samples = np.asarray(image).astype(np.uint16)[..., None]
        samples = 65535 - samples if tags.get(_PHOTOMETRIC) == 0 else samples
    else:
        # Pillow turns a TIFF upright while it loads it, and then says that its orientation is 1
        turned = stored if stored != 1 and image.getexif().get(_ORIENTATION, 1) == 1 else 1
        samples = _read_colours(image, content, turned)
    if image.format == "PNG" and "transparency" in image.info:
        opaque = np.any(samples[..., :3] != np.asarray(image.info["transparency"], np.uint16), axis=-1, keepdims=True)
        samples = np.concatenate((samples[..., :3], opaque * np.uint16(65535)), axis=-1)
    if samples.shape[-1] == 4 and image.format == "PNG" and content[25] == 4:
        samples = samples[..., (0, 3)]
    if samples.shape[-1] == 4 and tags.get(_EXTRA_SAMPLES) == (_ASSOCIATED,):
        alpha = np.maximum(samples[..., 3:].astype(np.float32) / 65535, 1 / 65535)
        straight = np.minimum(np.rint(samples[..., :3] / alpha), 65535).astype(np.uint16)
        samples = np.concatenate((straight, samples[..., 3:]), axis=-1)
    return samples


def _read_colours(image: Image.Image, content: bytes, turned: int) -> UInt16[np.ndarray, "h w c"]:
    import cv2  # heavy, and needed for 16-bit colours only

    content = _without_orientation(content) if image.format == "TIFF" else content
    logging = cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        read = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        logging.setLogLevel(level)
    channels = 4 if image.mode == "RGBA" else 3
    if read is None or read.dtype != np.uint16 or read.ndim != 3 or read.shape[-1] < channels:
        raise ImageError("its 16-bit colours are stored in a way that cannot be read; save it as a 16-bit PNG")
    samples = turn(read[..., (2, 1, 0, 3)[:channels]], turned)
    # OpenCV misreads a few layouts, such as separate colour planes, without saying so: Pillow has the upper 8 bits
    checked = samples[..., 3:] if getattr(image, "tag_v2", {}).get(_EXTRA_SAMPLES) == (_ASSOCIATED,) else samples
    upper = np.asarray(image)[..., channels - checked.shape[-1] : channels]
    if upper.shape != checked.shape or np.any(np.abs((checked >> 8).astype(np.int16) - upper) > 1):
        raise ImageError("its 16-bit colours are stored in a way that cannot be read; save it as a 16-bit PNG")
    return samples


def _without_orientation(content: bytes) -> bytes:
    """The TIFF with its orientation set to 1: whether OpenCV turns pixels depends on its version."""
    order = "<" if content[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", content, 2)[0] == 43
    start = struct.unpack_from(order + ("Q" if big else "L"), content, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), content, start)[0]
    entry, first, value = (20, start + 8, 12) if big else (12, start + 2, 8)
    for offset in range(first, first + count * entry, entry):
        if struct.unpack_from(order + "H", content, offset)[0] == _ORIENTATION:
            patched = bytearray(content)
            struct.pack_into(order + "H", patched, offset + value, 1)
            return bytes(patched)
    return content


def encode_png(samples: UInt16[np.ndarray, "h w c"], icc: bytes | None, exif: bytes | None, xmp: bytes | None) -> bytes:
    """A 16-bit PNG of these samples; `exif` begins with `Exif\\0\\0`."""
    height, width, channels = samples.shape
    rows = np.ascontiguousarray(samples.astype(">u2")).reshape(height, -1).view(np.uint8)
    filtered = np.full((height, rows.shape[1] + 1), 2, np.uint8)  # filter 2: each byte minus the one above
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    pixels = zlib.compress(filtered.data, 6)
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    parts = [(b"IHDR", struct.pack(">LLBBBBB", width, height, 16, colour_type, 0, 0, 0))]
    if icc:
        parts.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)))
    if xmp:
        parts.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
    if exif:
        parts.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
    parts += [(b"IDAT", pixels[start : start + _CHUNK]) for start in range(0, len(pixels), _CHUNK)]
    parts.append((b"IEND", b""))
    chunks = (
        struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(data, zlib.crc32(name)))
        for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def encode_tiff(samples: Samples, icc: bytes | None, exif: bytes | None, xmp: bytes | None) -> bytes:
    """A deflated TIFF of these 8-bit or 16-bit samples; `exif` begins with `Exif\\0\\0`."""
    bits = samples.dtype.itemsize * 8
    if samples.shape[-1] == 2 and bits == 16:
        samples = samples[..., (0, 0, 0, 1)]  # hardly any reader takes 16-bit grey with alpha
    height, width, channels = samples.shape
    rows = max(1, _STRIP // (width * channels * samples.dtype.itemsize))
    strips = [_strip(samples[start : start + rows]) for start in range(0, height, rows)]
    directory = ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    for tag, value in _metadata(exif):
        directory[tag] = value
    # width, height, bits, deflate, photometric, offsets, samples, rows, counts, interleaved, horizontal differences
    directory[256], directory[257], directory[258], directory[259] = width, height, (bits,) * channels, 8
    directory[_PHOTOMETRIC] = 2 if channels > 2 else 1
    directory[273] = tuple(int(offset) for offset in np.cumsum([0, *map(len, strips)])[:-1])
    directory[277], directory[278], directory[279] = channels, rows, tuple(map(len, strips))
    directory[284], directory[317] = 1, 2
    if channels in (2, 4):
        directory[_EXTRA_SAMPLES] = _UNASSOCIATED
    for tag, tag_type, block in ((_ICC, 7, icc), (_XMP, 1, xmp)):
        if block:
            directory.tagtype[tag] = tag_type
            directory[tag] = block
    return b"II*\0" + struct.pack("<L", 8) + directory.tobytes(8) + b"".join(strips)


def _strip(samples: Samples) -> bytes:
    differences = samples.copy()
    differences[:, 1:] -= samples[:, :-1]
    return zlib.compress(np.ascontiguousarray(differences.astype(samples.dtype.newbyteorder("<"))).data, 6)


def _metadata(exif: bytes | None) -> Iterator[tuple[int, object]]:
    if not exif:
        return
    tags = Image.Exif()
    tags.load(exif)
    for tag in tags:
        if tag in (_EXIF, _GPS):
            yield tag, {key: value for key, value in tags.get_ifd(tag).items() if key != _INTEROPERABILITY}
        else:
            yield tag, tags[tag]
