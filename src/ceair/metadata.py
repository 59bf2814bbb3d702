"""What an image file says beside its pixels: orientation, colour profile, EXIF, XMP and resolution."""

import re
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import ExifTags, Image

EXIF, GPS, INTEROPERABILITY = ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop
"""Tags of the directories within EXIF."""

LONGEST_SEGMENT = 65_500
"""Bytes of EXIF or XMP that a JPEG holds."""

_ACROSS = (5, 6, 7, 8)  # orientations under which width and height change places
_WIDTH, _HEIGHT = 40962, 40963  # of the pixels, in EXIF
_DESCRIBING = (270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432)
_TIFF_XMP = 700
_EMPTY = 14  # bytes of EXIF that holds no tags
_HIGHEST_DPI = 65_000  # more does not fit into a JPEG

Plane = TypeVar("Plane", bound=np.ndarray)


class Metadata(NamedTuple):
    """The metadata of one file, valid for pixels that were turned upright.

    `exif` begins with `Exif\\0\\0`; `orientation` is EXIF's 1 to 8 and says how the pixels lie in the file; `dpi` are
    pixels per inch, across and down.
    """

    orientation: int = 1
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: tuple[str, ...] = ()
    dpi: tuple[float, float] | None = None


def read_metadata(image: Image.Image) -> Metadata:
    """The metadata of an opened image; damaged EXIF is left out, and a note says so."""
    notes: tuple[str, ...] = ()
    try:
        orientation, exif = _exif(image)
    except Exception:  # on damaged metadata Pillow raises nearly anything; the pixels are still good
        orientation, exif, notes = 1, None, ("its EXIF is damaged and was left out",)
    icc = image.info.get("icc_profile")
    return Metadata(orientation, icc or None, exif, _xmp(image), notes, _dpi(image, orientation in _ACROSS))


def valid(orientation: object) -> int:
    """The orientation that a file states, or 1 where that is none of EXIF's."""
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def turn(samples: Plane, orientation: int) -> Plane:
    """Samples `h w ...` turned upright from one of the eight orientations of EXIF."""
    turned: Plane = samples.swapaxes(0, 1) if orientation in _ACROSS else samples
    turned = np.flip(turned, 0) if orientation in (3, 4, 7, 8) else turned
    return np.flip(turned, 1) if orientation in (2, 3, 6, 7) else turned


def lying(upright: Plane, orientation: int) -> Plane:
    """The view of upright samples as they lie in a file of this orientation: `turn(lying(x, o), o)` is `x`."""
    view: Plane = np.flip(upright, 1) if orientation in (2, 3, 6, 7) else upright
    view = np.flip(view, 0) if orientation in (3, 4, 7, 8) else view
    return view.swapaxes(0, 1) if orientation in _ACROSS else view


def _exif(image: Image.Image) -> tuple[int, bytes | None]:
    """The orientation, and the EXIF without it; of a TIFF only tags that say nothing about how pixels are stored."""
    tags = image.getexif()
    if not len(tags) and len(image.info.get("exif", b"").removeprefix(b"Exif\0\0")) > _EMPTY:
        raise ValueError("no tag of it can be read")
    orientation = valid(tags.get(ExifTags.Base.Orientation, 1))
    kept = Image.Exif()
    for tag in list(tags):
        if tag in (EXIF, GPS):
            kept[tag] = {key: value for key, value in tags.get_ifd(tag).items() if key != INTEROPERABILITY}
            if orientation in _ACROSS and {_WIDTH, _HEIGHT} <= kept[tag].keys():
                kept[tag][_WIDTH], kept[tag][_HEIGHT] = kept[tag][_HEIGHT], kept[tag][_WIDTH]
        elif tag in _DESCRIBING or (image.format != "TIFF" and tag != ExifTags.Base.Orientation):
            kept[tag] = tags[tag]
    return orientation, kept.tobytes() if len(kept) else None


def _xmp(image: Image.Image) -> bytes | None:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    packet = packet or getattr(image, "tag_v2", {}).get(_TIFF_XMP)
    packet = packet.encode() if isinstance(packet, str) else packet
    if not packet or not isinstance(packet, bytes):
        return None
    return re.sub(rb"(tiff:Orientation\s*(?:=\s*[\"']|>))\d", rb"\g<1>1", packet)


def _dpi(image: Image.Image, across: bool) -> tuple[float, float] | None:
    try:
        x, y = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    if not (0 < x < _HIGHEST_DPI and 0 < y < _HIGHEST_DPI):
        return None
    return (y, x) if across else (x, y)
