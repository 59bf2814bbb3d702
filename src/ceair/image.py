"""The way from image files to pictures and back; only this module and those below it know about files' formats."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ceair.decode import MOST_PIXELS, MOST_PIXELS_PER_BYTE, SURELY_FINE, decode, explain, from_pillow
from ceair.encode import FORMATS, encode, lost
from ceair.errors import DataError, ImageError, on_one_line
from ceair.files import is_file, is_folder, open_atomically
from ceair.picture import Picture
from ceair.quiet import quiet

__all__ = [
    "EXTENSIONS",
    "MOST_PIXELS",
    "MOST_PIXELS_PER_BYTE",
    "SURELY_FINE",
    "Picture",
    "decode_picture",
    "encode_picture",
    "from_pillow",
    "list_images",
    "lost_as",
    "read_picture",
    "read_rgb",
    "write_picture",
]

EXTENSIONS = frozenset(FORMATS)
"""Endings of the files that are taken for images, in lower case."""


def list_images(folder: Path) -> list[Path]:
    """The image files directly in a folder, sorted by name.

    Raises:
        DataError: the folder does not exist or holds no image.
    """
    if not is_folder(folder):
        raise DataError(f"{folder} is no folder")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS and is_file(path))
    if not paths:
        raise DataError(f"{folder} holds no image ({', '.join(sorted(EXTENSIONS))})")
    return paths


def read_rgb(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read an image file as upright 8-bit RGB: what `read_picture` reads, without alpha, 16 bits rounded to 8.

    Raises:
        ImageError: as of `read_picture`.
    """
    picture = replace(read_picture(path), alpha=None)
    samples = picture.samples if picture.depth == 8 else np.concatenate(list(picture.bands(8)))
    return np.repeat(samples, 3, axis=-1) if picture.grey else samples


def read_picture(path: Path) -> Picture:
    """Read a JPEG, PNG, WebP, TIFF or BMP file with nothing lost but what `Picture.notes` names.

    Of a JPEG with several pictures, as some cameras write, the first is read.

    Raises:
        ImageError: the file is missing, damaged or of another format, larger than `MOST_PIXELS`, far larger than its
            bytes can fill, animated, of many pages, or has floating-point or more than 16-bit samples; the message
            names the file in one sentence.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ImageError("it is no file but a device or a pipe")  # which might never end
        content = path.read_bytes()
    except (OSError, ValueError, ImageError) as error:  # ValueError: a zero byte within the name
        raise _failed("read", str(path), error) from error
    return decode_picture(content, str(path))


def decode_picture(content: bytes, name: str) -> Picture:
    """The picture that the bytes of an image file hold; as `read_picture`, which calls the file `name`."""
    if not content:
        raise ImageError(f"cannot read {on_one_line(name)}: the file is empty")
    try:
        with quiet:
            return decode(content)
    except Exception as error:  # on damaged files Pillow's decoders raise nearly anything
        raise _failed("read", name, explain(error)) from error


def write_picture(path: Path, picture: Picture, quality: int | None = None) -> None:
    """Write a picture in the format that the path ends with; the file appears whole or not at all.

    PNG and TIFF keep 16 bits, the others get 8 by rounding. BMP holds no metadata.

    Without `quality`, a JPEG gets the tables and the subsampling of the JPEG that the picture was read from. If there
    is none, or its quality was below about 75, so that its tables would bring back the artefacts that were just
    removed, it gets quality 95 and full colour resolution. WebP is lossless, or of quality 90 if the picture was read
    from a WebP that is not; alpha is lossless in both.

    Args:
        quality: 1 to 100, of JPEG and WebP, which then loses something; the other formats have none.

    Raises:
        ImageError: the format is unknown, cannot hold the alpha plane or so large an image, or the file cannot be
            written; the message names the file in one sentence.
    """
    format_name = _format_of(path.suffix, str(path))
    try:
        with quiet, open_atomically(path) as file:
            encode(file, picture, format_name, quality)
    except Exception as error:  # encoders raise nearly anything on what they cannot hold
        raise _failed("write", str(path), error) from error


def lost_as(picture: Picture, ending: str) -> tuple[str, ...]:
    """What a file with this ending, such as `.png`, cannot hold of a picture, one sentence each.

    Raises:
        ImageError: the format is unknown.
    """
    return lost(picture, _format_of(ending, f"a {ending} file"))


def encode_picture(picture: Picture, ending: str, quality: int | None = None) -> bytes:
    """The bytes of the file that `write_picture` would write under a name with this ending, such as `.png`.

    Raises:
        ImageError: as `write_picture`.
    """
    format_name = _format_of(ending, f"a {ending} file")
    file = io.BytesIO()
    try:
        with quiet:
            encode(file, picture, format_name, quality)
    except Exception as error:  # as above
        raise _failed("write", f"a {ending} file", error) from error
    return file.getvalue()


def _format_of(ending: str, name: str) -> str:
    known = FORMATS.get(ending.lower())
    if known is None:
        raise ImageError(
            f"cannot write {on_one_line(name)}: its name must end in one of {', '.join(sorted(EXTENSIONS))}"
        )
    return known


def _failed(verb: str, name: str, reason: str | Exception) -> ImageError:
    if isinstance(reason, OSError) and reason.strerror:
        reason = reason.strerror
    return ImageError(f"cannot {verb} {on_one_line(name)}: {' '.join(str(reason).split()) or type(reason).__name__}")
