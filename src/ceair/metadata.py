"""What an image file says beside its pixels: orientation, colour profile, EXIF and XMP."""

import re
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import ExifTags, Image

EXIF, GPS, INTEROPERABILITY = ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop
"""Tags of the directories within EXIF."""

LONGEST_SEGMENT = 65_500
"""Bytes of EXIF or XMP that a JPEG holds."""

_DESCRIBING = (270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432)
_TIFF_XMP = 700

Plane = TypeVar("Plane", bound=np.ndarray)


class Metadata(NamedTuple):
    """The metadata of one file, valid for pixels that were turned upright.

    `exif` begins with `Exif\\0\\0`; `orientation` is EXIF's 1 to 8 and says how the pixels lie in the file.
    """

    orientation: int = 1
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: tuple[str, ...] = ()


def read_metadata(image: Image.Image) -> Metadata:
    """The metadata of an opened image; damaged EXIF is left out, and a note says so."""
    notes: tuple[str, ...] = ()
    try:
        orientation, exif = _exif(image)
    except Exception:  # on damaged metadata Pillow raises nearly anything; the pixels are still good
        orientation, exif, notes = 1, None, ("its EXIF is damaged and was left out",)
    return Metadata(orientation, image.info.get("icc_profile") or None, exif, _xmp(image), notes)


def turn(samples: Plane, orientation: int) -> Plane:
    """Samples `h w ...` turned upright from one of the eight orientations of EXIF."""
    turned: Plane = samples.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else samples
    turned = np.flip(turned, 0) if orientation in (3, 4, 7, 8) else turned
    return np.flip(turned, 1) if orientation in (2, 3, 6, 7) else turned


def lying(upright: Plane, orientation: int) -> Plane:
    """The view of upright samples as they lie in a file of this orientation: `turn(lying(x, o), o)` is `x`."""
    view: Plane = np.flip(upright, 1) if orientation in (2, 3, 6, 7) else upright
    view = np.flip(view, 0) if orientation in (3, 4, 7, 8) else view
    return view.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else view


def _exif(image: Image.Image) -> tuple[int, bytes | None]:
    """The orientation, and the EXIF without it; of a TIFF only tags that say nothing about how pixels are stored."""
    tags = image.getexif()
    orientation = tags.get(ExifTags.Base.Orientation, 1)
    kept = Image.Exif()
    for tag in list(tags):
        if tag in (EXIF, GPS):
            kept[tag] = {key: value for key, value in tags.get_ifd(tag).items() if key != INTEROPERABILITY}
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
