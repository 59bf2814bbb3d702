"""The only place that knows image files: their formats, orientation, colour profiles, alpha and bit depths."""

import io
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt16
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from ceair import sixteen_bit
from ceair.errors import DataError, ImageError
from ceair.files import write_atomically
from ceair.metadata import read_metadata, turn
from ceair.sixteen_bit import Samples

_FORMATS = {
    ".bmp": "BMP",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
EXTENSIONS = frozenset(_FORMATS)
"""Endings of the files that are taken for images, in lower case."""

MOST_PIXELS = 400_000_000
"""Larger images are refused: a small file can claim to be so large that it fills the memory."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_FINE_TABLE = 5.8  # mean of JPEG's first quantisation table at quality 95
_LONGEST_SEGMENT = 65_500  # bytes of EXIF or XMP that a JPEG holds
_OPENING = threading.Lock()

Plane = UInt8[np.ndarray, "h w"] | UInt16[np.ndarray, "h w"]


@dataclass(frozen=True)
class Picture:
    """An image with all that its file says about it: its samples are upright and RGB.

    Attributes:
        samples: the colours as integers of 8 or 16 bits; c is 1 if the file has no colours, and 3 otherwise.
        alpha: opacity, integers of as many bits; None if the file has none.
        icc: colour profile of the pixels.
        exif: EXIF with its orientation reset, beginning with `Exif\\0\\0`.
        xmp: XMP packet with its orientation reset.
        format: JPEG, PNG, WEBP, TIFF or BMP; empty for pixels that come from no file.
        jpeg: tables and subsampling of the JPEG that the picture comes from, if they are finer than quality 95.
        notes: what could not be kept, one sentence each.
    """

    samples: Samples
    alpha: Plane | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    format: str = ""
    jpeg: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def from_pixels(
        cls, pixels: Float[np.ndarray, "h w 3"], depth: Literal[8, 16] = 8, grey: bool = False
    ) -> "Picture":
        """RGB in [0, 1], rounded to `depth` bits; of a grey picture the luma."""
        kind = np.uint16 if depth == 16 else np.uint8
        return cls(np.empty((*pixels.shape[:2], 1 if grey else 3), kind)).with_pixels(pixels)

    @property
    def depth(self) -> Literal[8, 16]:
        """Bits per channel."""
        return 16 if self.samples.dtype == np.uint16 else 8

    @property
    def grey(self) -> bool:
        """Whether there are no colours; the picture is then written as grey, too."""
        return self.samples.shape[-1] == 1

    @property
    def pixels(self) -> Float32[np.ndarray, "h w 3"]:
        """The colours as RGB in [0, 1], made anew each time; all three are equal where `grey`."""
        planes = self.samples.astype(np.float32) / np.float32(2**self.depth - 1)
        return np.repeat(planes, 3, axis=-1) if self.grey else planes

    def with_pixels(self, pixels: Float[np.ndarray, "h w 3"]) -> "Picture":
        """The same picture with other colours in [0, 1], rounded to its depth; of a grey one their luma."""
        planes = (pixels @ _LUMA)[..., None] if self.grey else pixels
        samples = np.rint(np.clip(planes, 0, 1) * (2**self.depth - 1)).astype(self.samples.dtype)
        return replace(self, samples=samples)

    def with_samples(self, samples: Samples) -> "Picture":
        """The same picture with other colours, of the same shape and type.

        Raises:
            ValueError: they differ in either.
        """
        if samples.shape != self.samples.shape or samples.dtype != self.samples.dtype:
            raise ValueError(f"{samples.dtype} of shape {samples.shape} cannot replace {self.samples.shape}")
        return replace(self, samples=samples)

    def to_pillow(self) -> Image.Image:
        """A Pillow image of mode L, LA, RGB or RGBA, or I;16 of 16-bit grey; its `info` has the ICC profile and EXIF.

        Pillow holds 16 bits in grey without alpha only; everything else is rounded to 8.
        """
        samples = _with_alpha(self, self.depth if self.grey and self.alpha is None else 8)
        image = Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)
        image.info |= {key: value for key, value in (("icc_profile", self.icc), ("exif", self.exif)) if value}
        return image


def list_images(folder: Path) -> list[Path]:
    """The image files directly in a folder, sorted by name.

    Raises:
        DataError: the folder does not exist or holds no image.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS and path.is_file())
    if not paths:
        raise DataError(f"{folder} holds no image ({', '.join(sorted(EXTENSIONS))})")
    return paths


def read_rgb(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read an image file as upright 8-bit RGB.

    Raises:
        ImageError: the file is missing or no image that can be read.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise ImageError(f"cannot read {path} as an image: {error}") from error


def read_picture(path: Path) -> Picture:
    """Read a JPEG, PNG, WebP, TIFF or BMP file with nothing lost but what `Picture.notes` names.

    Of a JPEG with several pictures, as some cameras write, the first is read.

    Raises:
        ImageError: the file is missing, damaged or of another format, larger than `MOST_PIXELS`, animated, of many
            pages, or has floating-point or more than 16-bit samples; the message names the file in one sentence.
    """
    try:
        content = path.read_bytes()
        if not content:
            raise ImageError("the file is empty")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\b")
            return _decode(content)
    except Exception as error:  # on damaged files Pillow's decoders raise nearly anything
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ImageError(f"cannot read {path}: {' '.join(reason.split()) or type(error).__name__}") from error


def from_pillow(image: Image.Image) -> Picture:
    """The picture that a Pillow image holds, turned upright.

    Raises:
        ImageError: its mode is neither grey, RGB, CMYK nor a palette, with 8 bits per channel or 16 of grey.
    """
    if image.mode.startswith("I;16"):
        return _picture(image, np.asarray(image).astype(np.uint16)[..., None])
    return _picture(image, *_eight_bit(image))


def write_picture(path: Path, picture: Picture) -> None:
    """Write a picture in the format that the path ends with; the file appears whole or not at all.

    PNG and TIFF keep 16 bits, the others get 8 by rounding. JPEG has quality 95 and full colour resolution, or the
    tables of the JPEG that the picture was read from if those are finer. WebP is lossless. BMP holds no metadata.

    Raises:
        ImageError: the format is unknown, cannot hold the alpha plane or so large an image, or the file cannot be
            written; the message names the file in one sentence.
    """
    name = _FORMATS.get(path.suffix.lower())
    if name is None:
        raise ImageError(f"cannot write {path}: its name must end in one of {', '.join(sorted(EXTENSIONS))}")
    if picture.alpha is not None and name in ("JPEG", "BMP"):
        raise ImageError(f"cannot write {path}: {name} holds no transparency; use PNG")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\b")
            content = _encode(picture, name)
        write_atomically(path, content)
    except Exception as error:  # encoders raise nearly anything on what they cannot hold
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ImageError(f"cannot write {path}: {' '.join(reason.split()) or type(error).__name__}") from error


def _decode(content: bytes) -> Picture:
    image, pages = _open(content)
    if pages > 1:
        raise ImageError(f"it is animated or has pages ({pages}); give one image per file")
    if image.format == "TIFF" and not sixteen_bit.has_all_strips(image, len(content)):
        raise ImageError("the file is truncated")  # libtiff would also complain on stderr
    if image.mode in ("F", "I") and image.format == "TIFF":
        raise ImageError("it has floating-point, signed or 32-bit samples; save it with 8 or 16 bits per channel")
    if sixteen_bit.is_sixteen_bit(image, content):
        return _picture(image, sixteen_bit.decode(image, content))
    return _picture(image, *_eight_bit(image))


def _open(content: bytes) -> tuple[Image.Image, int]:
    """The opened image and its number of pages. Pillow's own limit is of the whole process and so only lent."""
    with _OPENING:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(io.BytesIO(content), formats=("BMP", "JPEG", "PNG", "TIFF", "WEBP"))
            if image.width * image.height > MOST_PIXELS:
                raise ImageError(f"it has {image.width}x{image.height} pixels; {MOST_PIXELS} are the most")
            return image, 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        except UnidentifiedImageError as error:
            if content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
                raise ImageError(
                    "it is damaged or a TIFF of a rare kind; save it with 8 or 16 bits per channel"
                    " and no floating point"
                ) from error
            raise ImageError("it is no JPEG, PNG, WebP, TIFF or BMP image") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _eight_bit(image: Image.Image) -> tuple[UInt8[np.ndarray, "h w c"], tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    transparent = image.has_transparency_data
    if image.mode in ("F", "I"):
        raise ImageError(f"images of mode {image.mode} have no known range; convert them to 8 or 16 bits per channel")
    if image.mode == "CMYK":
        image, notes = _cmyk_to_rgb(image), ("converted from CMYK to RGB",)
    grey = image.mode in ("1", "L", "LA", "La")
    mode = ("LA" if transparent else "L") if grey else ("RGBA" if transparent else "RGB")
    samples = np.asarray(image.convert(mode))
    return (samples[..., None] if samples.ndim == 2 else samples), notes


def _cmyk_to_rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a damaged profile: the plain conversion below is the best that is left
        if converted is not None:
            return converted
    return image.convert("RGB")


def _picture(image: Image.Image, samples: Samples, notes: tuple[str, ...] = ()) -> Picture:
    """Samples as they lie in the file, with the metadata of the image that they come from, as a picture."""
    metadata = read_metadata(image)
    upright = turn(samples, metadata.orientation)
    colours = 1 if samples.shape[-1] < 3 else 3
    return Picture(
        samples=np.ascontiguousarray(upright[..., :colours]),
        alpha=np.ascontiguousarray(upright[..., colours]) if samples.shape[-1] > colours else None,
        icc=None if image.mode == "CMYK" else metadata.icc,
        exif=metadata.exif,
        xmp=metadata.xmp,
        format="JPEG" if image.format == "MPO" else image.format or "",
        jpeg=_jpeg_quality(image),
        notes=(*notes, *metadata.notes),
    )


def _jpeg_quality(image: Image.Image) -> dict[str, Any]:
    """Tables and subsampling of a JPEG whose tables are fine: coarse ones would bring its artefacts back."""
    tables = getattr(image, "quantization", None)
    if not tables or image.mode not in ("L", "RGB") or np.mean(tables[min(tables)]) > _FINE_TABLE:
        return {}
    return {"qtables": dict(tables), "subsampling": max(JpegImagePlugin.get_sampling(image), 0)}


def _with_alpha(picture: Picture, depth: int) -> Samples:
    """The samples of `depth` bits, with alpha as the last channel if there is any."""
    samples, alpha = picture.samples, picture.alpha
    joined: Samples = samples if alpha is None else np.concatenate((samples, alpha[..., None]), axis=-1)
    return np.rint(joined / np.float32(257)).astype(np.uint8) if depth < picture.depth else joined


def _encode(picture: Picture, name: str) -> bytes:
    samples = _with_alpha(picture, picture.depth if name in ("PNG", "TIFF") else 8)
    space = b"GRAY" if picture.grey else b"RGB "
    icc = picture.icc if picture.icc and picture.icc[16:20] == space else None
    if name == "TIFF":
        return sixteen_bit.encode_tiff(samples, icc, picture.exif, picture.xmp)
    if samples.dtype == np.uint16:
        return sixteen_bit.encode_png(samples, icc, picture.exif, picture.xmp)
    image = Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)
    options: dict[str, Any] = {"icc_profile": icc, "exif": picture.exif or b""}
    if name == "JPEG":
        options |= _jpeg_options(picture)
    elif name == "WEBP":
        options |= {"lossless": True, "exact": True, "quality": 80, "xmp": picture.xmp or b""}
    elif name == "PNG" and picture.xmp:
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", picture.xmp.decode(errors="replace"))
    stream = io.BytesIO()
    image.save(stream, name, **{key: value for key, value in options.items() if value is not None})
    return stream.getvalue()


def _jpeg_options(picture: Picture) -> dict[str, Any]:
    options: dict[str, Any] = dict(picture.jpeg) or {"quality": 95, "subsampling": 0}
    if picture.exif and len(picture.exif) > _LONGEST_SEGMENT:
        options["exif"] = b""
    if picture.xmp and len(picture.xmp) <= _LONGEST_SEGMENT:
        segment = b"http://ns.adobe.com/xap/1.0/\0" + picture.xmp
        options["extra"] = b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment
    return options
