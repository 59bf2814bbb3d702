"""Reads the bytes of image files into pictures, a band at a time, so that no second copy of a large image is made."""

import io
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from ceair import sixteen_bit
from ceair.errors import ImageError
from ceair.metadata import lying, read_metadata
from ceair.picture import Picture, Plane
from ceair.sixteen_bit import Samples

MOST_PIXELS = 400_000_000
"""Larger images are refused: a small file can claim to be so large that it fills the memory."""

MOST_PIXELS_PER_BYTE = 256
"""Of images beyond `SURELY_FINE` pixels; even a JPEG of nothing but white has fewer than 200 pixels per byte.

Of 16 bits per channel a quarter of it: blank ones have up to 128 and photos less than one.
"""

SURELY_FINE = 50_000_000
"""Images of so many pixels are read however small their files are; of 16 bits half as many, which take as much room."""

_BAND = 1 << 20  # pixels that are converted at a time
_LONGEST_PROFILE = 16 << 20  # bytes of a colour profile in a PNG, unpacked; Pillow alone takes no more than 1 MiB
_TABLE_OF_75 = 30.0  # mean of JPEG's first quantisation table at a quality of about 75
_BITS, _CHANNELS = 258, 277  # the TIFF tags of bits per channel, and of channels
_OPENING = threading.Lock()
_DAMAGED = "it is a damaged {} image; find another copy, or open it elsewhere and save it anew"
_OURS = {"PNG": rb"\x89PNG", "JPEG": rb"\xff\xd8\xff", "WebP": rb"RIFF.{4}WEBP", "BMP": rb"BM.{12}\x28\0\0\0"}
_PHRASES = {
    "runcated": "the file is truncated",
    "could not create decoder object": "it is a damaged or truncated WebP image",
    "cannot load this image": "it holds no pixels",
    "data stream": "its data are damaged",
    "decoder error": "its data are damaged",
    "MAX_TEXT": "its texts or its profile unpack to more than can be meant",
}
"""What Pillow says, in part, and what it means."""

_OTHERS = {
    "a GIF": rb"GIF8",
    "a HEIC image": rb".{4}ftyp(hei|hev|mif1|msf1)",
    "an AVIF image": rb".{4}ftypavi",
    "a JPEG 2000 image": rb"\0\0\0\x0cjP",
    "a JPEG XL image": rb"\xff\x0a|\0\0\0\x0cJXL",
    "a Photoshop file": rb"8BPS",
    "a PDF": rb"%PDF",
    "a ZIP archive": rb"PK\x03\x04",
    "an SVG drawing": rb"(?i)\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!doctype svg[^>]*>\s*)?<svg",
    "a web page": rb"(?i)\s*(<!doctype html|<html)",
}


@contextmanager
def lifted_limits() -> Iterator[None]:
    """Pillow opens images of any size and PNGs with larger profiles meanwhile.

    Its own limits are of the whole process, and so are only lent, to one thread at a time.
    """
    with _OPENING:
        limits = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
        Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = None, _LONGEST_PROFILE
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = limits


def decode(content: bytes) -> Picture:
    """The picture that the bytes of a JPEG, PNG, WebP, TIFF or BMP file hold.

    Raises:
        ImageError: as of `ceair.image.read_picture`, without the name of the file.
        Exception: nearly anything, on damaged files.
    """
    image, pages = _open(content)
    with image:
        deep = sixteen_bit.is_sixteen_bit(image, content)
        _check(image, pages, deep, len(content))
        stored = sixteen_bit.stored_orientation(image)
        image.load()  # a truncated file ends here
        metadata, jpeg, notes = read_metadata(image), _jpeg_quality(image), _notes(image, deep)
        name, cmyk = image.format or "", image.mode == "CMYK"
        # Pillow turns a TIFF upright while it loads it, and then says that its orientation is 1
        turned = stored if metadata.orientation == 1 else 1
        bands = sixteen_bit.decode(image, content, turned) if deep else _eight_bit(image)
        samples, alpha = _upright(image.height, image.width, bands, metadata.orientation)
    return Picture(
        samples=samples,
        alpha=alpha,
        icc=None if cmyk else metadata.icc,
        exif=metadata.exif,
        xmp=metadata.xmp,
        format="JPEG" if name == "MPO" else name,
        jpeg=jpeg,
        notes=(*notes, *metadata.notes),
        lossy=name == "WEBP" and _is_lossy_webp(content),
        dpi=metadata.dpi,
    )


def explain(error: Exception) -> str:
    """What `decode` failed of, as the rest of a sentence."""
    if isinstance(error, MemoryError):
        return "there is too little memory for it"
    if not isinstance(error, ImageError | OSError | SyntaxError | ValueError):
        return _PHRASES["data stream"]  # the decoder tripped over something that was not there
    return next((sentence for phrase, sentence in _PHRASES.items() if phrase in str(error)), str(error))


def from_pillow(image: Image.Image) -> Picture:
    """The picture that a Pillow image holds, turned upright.

    Raises:
        ImageError: it holds no pixels, or its mode is neither grey, RGB, CMYK nor a palette, with 8 bits per channel or
            16 of grey.
    """
    image.load()
    if not image.width * image.height:
        raise ImageError("it holds no pixels")
    metadata, notes = read_metadata(image), _notes(image, deep=image.mode.startswith("I;16"))
    bands = sixteen_bit.grey_bands(image) if image.mode.startswith("I;16") else _eight_bit(image)
    samples, alpha = _upright(image.height, image.width, bands, metadata.orientation)
    icc = None if image.mode == "CMYK" else metadata.icc
    jpeg, name = _jpeg_quality(image), "JPEG" if image.format == "MPO" else image.format or ""
    notes = (*notes, *metadata.notes)
    return Picture(samples, alpha, icc, metadata.exif, metadata.xmp, name, jpeg, notes, dpi=metadata.dpi)


def _open(content: bytes) -> tuple[Image.Image, int]:
    """The opened image and its number of pages."""
    with lifted_limits():
        try:
            image = Image.open(io.BytesIO(content), formats=("BMP", "JPEG", "PNG", "TIFF", "WEBP"))
        except UnidentifiedImageError as error:
            raise ImageError(_what_else(content)) from error
        if image.width * image.height > MOST_PIXELS:
            raise ImageError(f"it has {image.width}x{image.height} pixels; {MOST_PIXELS} are the most")
        return image, 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _what_else(content: bytes) -> str:
    if content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "it is damaged or a TIFF of a rare kind; save it with 8 or 16 bits per channel and no floating point"
    for name, beginning in _OTHERS.items():
        if re.match(beginning, content[:4096], re.DOTALL):
            return f"it is {name} and no JPEG, PNG, WebP, TIFF or BMP image; convert it to one of these"
    for name, beginning in _OURS.items():
        if re.match(beginning, content[:4096], re.DOTALL):
            return _DAMAGED.format(name)
    return "it is no JPEG, PNG, WebP, TIFF or BMP image"


def _check(image: Image.Image, pages: int, deep: bool, size: int) -> None:
    if pages > 1:
        raise ImageError(f"it is animated or has pages ({pages}); give one image per file")
    fine, per_byte = (SURELY_FINE // 2, MOST_PIXELS_PER_BYTE // 4) if deep else (SURELY_FINE, MOST_PIXELS_PER_BYTE)
    if image.width * image.height > max(fine, per_byte * size):
        raise ImageError(
            f"its {size} bytes claim to be {image.width}x{image.height} pixels, which only an empty image or an attempt"
            " to fill the memory does"
        )
    if image.format == "TIFF" and not sixteen_bit.has_all_strips(image, size):
        raise ImageError("the file is truncated")
    if image.mode in ("F", "I") and image.format == "TIFF":
        raise ImageError("it has floating-point, signed or 32-bit samples; save it with 8 or 16 bits per channel")


def _notes(image: Image.Image, deep: bool) -> tuple[str, ...]:
    notes: tuple[str, ...] = ("converted from CMYK to RGB",) if image.mode == "CMYK" else ()
    if image.format == "MPO":
        notes += (f"only the first of its {getattr(image, 'n_frames', 2)} pictures is kept",)
    tags = getattr(image, "tag_v2", {})
    if image.mode == "RGBX" or tags.get(_CHANNELS, 1) > len(image.getbands()):
        notes += ("channels beyond colours and alpha were left out",)
    if not deep and max(tags.get(_BITS, (8,))) > 8:
        notes += ("reduced to 8 bits per channel",)
    return notes


def _eight_bit(image: Image.Image) -> Iterator[UInt8[np.ndarray, "h w c"]]:
    """Bands of a loaded image from top to bottom: grey, grey with alpha, RGB or RGB with alpha."""
    if image.mode in ("F", "I"):
        raise ImageError(f"images of mode {image.mode} have no known range; convert them to 8 or 16 bits per channel")
    mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    mode += "A" if image.has_transparency_data else ""
    convert = _from_cmyk(image) if image.mode == "CMYK" else lambda band: band.convert(mode)
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        band = np.asarray(convert(image.crop((0, top, image.width, min(top + rows, image.height)))))
        yield band[..., None] if band.ndim == 2 else band


def _from_cmyk(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    profile = image.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "CMYK", "RGB")
        except (ImageCms.PyCMSError, OSError):
            transform = None  # a damaged profile: the plain conversion below is the best that is left
        if transform is not None:
            return transform.apply
    return lambda band: band.convert("RGB")


def _upright(height: int, width: int, bands: Iterator[Samples], orientation: int) -> tuple[Samples, Plane | None]:
    """Colours and alpha, turned upright, of bands that lie as in their file."""
    colours: Any = None
    alpha: Any = None
    top = 0
    for band in bands:
        channels = band.shape[-1]
        if top == 0:
            size = (width, height) if orientation in (5, 6, 7, 8) else (height, width)
            colours = np.empty((*size, 1 if channels < 3 else 3), band.dtype)
            alpha = np.empty(size, band.dtype) if channels in (2, 4) else None
        rows = slice(top, top + len(band))
        lying(colours, orientation)[rows] = band[..., : colours.shape[-1]]
        if alpha is not None:
            lying(alpha, orientation)[rows] = band[..., -1]
        top += len(band)
    return colours, alpha


def _jpeg_quality(image: Image.Image) -> dict[str, Any]:
    """Tables and subsampling of a JPEG whose tables are not coarse: those would bring its artefacts back."""
    tables = getattr(image, "quantization", None)
    if not tables or image.mode not in ("L", "RGB") or np.mean(tables[min(tables)]) > _TABLE_OF_75:
        return {}
    return {"qtables": dict(tables), "subsampling": max(JpegImagePlugin.get_sampling(image), 0)}


def _is_lossy_webp(content: bytes) -> bool:
    start = 12
    while start + 8 <= len(content) and content[start : start + 4] not in (b"VP8 ", b"VP8L"):
        size = int.from_bytes(content[start + 4 : start + 8], "little")
        start += 8 + size + size % 2
    return content[start : start + 4] == b"VP8 "
