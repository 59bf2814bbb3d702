"""One photo of a visitor: is it admitted, restored, blended, written, shown."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped
from PIL import Image

from ceair.errors import ImageError
from ceair.headers import is_whole, read_header
from ceair.image import EXTENSIONS, Picture, decode_picture, write_picture
from ceair.picture import to_eight_bit_pillow
from ceair.restore import Restorer
from ceair.web.allowance import Allowance, readable_bytes, readable_pixels
from ceair.web.figures import Figures, compare
from ceair.web.folder import Folder, remove_version

Samples = Shaped[np.ndarray, "h w c"]

_ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}
_PREVIEW = 2000  # pixels of the longer side of what the page shows; the download has all
_BAND = 1 << 20  # samples that are blended at a time


@dataclass
class Photo:
    """A photo with its files.

    Attributes:
        name: of its file, as the visitor calls it.
        source: the file as it came.
        folder: where its results and previews go.
        truth: the clean photo that it was made from, RGB `h w 3`, if we degraded it ourselves.
        seconds: that restoring took; None before.
        strength: of the result that is there, 1 being all that the network changes.
        result, before, after: the result and what the page shows of the photo and of the result.
        replaced: the result before that, if there was one.
        figures: what was changed, in numbers.
        facts: size, depth, what is kept; short phrases.
        error: why there is no result, one sentence.
        pixels: how many it has.
    """

    name: str
    source: Path
    folder: Folder
    truth: Samples | None = None
    seconds: float | None = None
    strength: float = 1.0
    result: Path | None = None
    before: Path | None = None
    after: Path | None = None
    replaced: Path | None = None
    figures: Figures | None = None
    facts: tuple[str, ...] = ()
    error: str | None = None
    pixels: int = 0
    maps: Any = None
    versions: int = field(default=0, repr=False)

    @property
    def restored(self) -> Path:
        """Where the samples lie as the network gave them."""
        return self.folder.kept / "restored.npy"

    def read(self) -> Picture:
        """The photo as it came."""
        return decode_picture(self.source.read_bytes(), self.name)


def check(path: Path, name: str, allowance: Allowance) -> None:
    """Refuse a file that is too large, without decoding it, or damaged.

    Raises:
        ImageError: one sentence that says how large it is and how large it may be, or what is wrong with it.
    """
    size = path.stat().st_size
    if size > allowance.upload:
        most = readable_bytes(allowance.upload)
        raise ImageError(f"{name} has {readable_bytes(size)}; this page takes at most {most} per file")
    try:
        (width, height, _), fine = read_header(path), is_whole(path)
    except ImageError:
        width, height, fine = 0, 0, False
    if width * height > allowance.pixels:
        most = f"more than the {readable_pixels(allowance.pixels)} that this page takes"
        raise ImageError(f"{name} has {width}x{height} pixels, {most}; make it smaller or use `ceair restore`")
    if not fine:
        decode_picture(path.read_bytes(), name)  # says what is wrong with it, if anything is


def restore(photo: Photo, restorer: Restorer, strength: float, tell: Callable[[float], None]) -> None:
    """Restore a photo and write its result and previews; what the network gave is kept, so that it runs once.

    Args:
        tell: is told the share that is done after each tile; what it raises ends the work.

    Raises:
        CeairError: the photo cannot be read or written, or there is too little memory.
    """
    begin = time.perf_counter()
    picture = photo.read()
    restored = restorer.restore_picture(picture, tell)
    photo.seconds = time.perf_counter() - begin
    np.save(photo.restored, restored.samples)
    photo.before = write_preview(picture, photo.folder.shown / "before")
    photo.facts = _facts(picture)
    photo.pixels = math.prod(picture.samples.shape[:2])
    _develop(photo, picture, restored.samples, strength)


def develop(photo: Photo, strength: float) -> None:
    """Write the result and its preview with another strength; the network does not run.

    Raises:
        CeairError: the result cannot be written.
    """
    _develop(photo, photo.read(), np.load(photo.restored, mmap_mode="r"), strength)


def blend(degraded: Samples, restored: Samples, strength: float) -> Samples:
    """So much of the change as `strength` says, from 0 to 1, at whose ends it is exactly the one or the other."""
    if strength in (0, 1):
        return np.array(restored if strength else degraded)
    blended = np.empty_like(degraded)
    rows = max(1, _BAND // max(1, degraded.shape[1]))
    for top in range(0, len(degraded), rows):
        band = degraded[top : top + rows].astype(np.float32)
        blended[top : top + rows] = np.rint(band + np.float32(strength) * (restored[top : top + rows] - band))
    return blended


def _develop(photo: Photo, picture: Picture, restored: Samples, strength: float) -> None:
    result = picture.with_samples(blend(picture.samples, restored, strength))
    photo.versions += 1  # under a new name, as browsers keep what they have loaded
    folder = photo.folder.shown / str(photo.versions)
    target = folder / _result_name(photo.name, picture.format)
    write_picture(target, result)
    after = write_preview(result, folder / "after")
    figures = compare(picture, result, photo.truth)
    remove_version(photo.replaced)
    photo.replaced = photo.result  # stays until the next comes, as pages offer it while the other photos get theirs
    photo.result, photo.after, photo.figures, photo.strength = target, after, figures, strength


def _result_name(name: str, image_format: str) -> str:
    """The name with `-restored`, in the format of its ending, as of `ceair restore`, or else in that of its bytes."""
    path = Path(name)
    known = path.suffix.lower() in EXTENSIONS
    return f"{path.stem or 'photo'}-restored{path.suffix if known else _ENDINGS[image_format]}"


def write_preview(picture: Picture, path: Path) -> Path:
    """The picture for the page, at most so large, with its colour profile: a fine JPEG, or PNG if it has alpha."""
    image = to_eight_bit_pillow(picture)
    image.thumbnail((_PREVIEW, _PREVIEW), Image.Resampling.LANCZOS)
    path.parent.mkdir(exist_ok=True)
    if picture.alpha is not None:
        path = path.with_suffix(".png")
        image.save(path, icc_profile=picture.icc, compress_level=1)
    else:
        path = path.with_suffix(".jpg")
        image.save(path, icc_profile=picture.icc, quality=93, subsampling=0)
    return path


def _facts(picture: Picture) -> tuple[str, ...]:
    height, width = picture.samples.shape[:2]
    colours = "grey" if picture.grey else "colour"
    facts = [f"{width} x {height} pixels", f"{picture.format}, {picture.depth} bits, {colours}"]
    kept = {"EXIF": picture.exif, "colour profile": picture.icc, "XMP": picture.xmp, "transparency": picture.alpha}
    names = [name for name, value in kept.items() if value is not None]
    return (*facts, *([f"{', '.join(names)} kept"] if names else []), *picture.notes)
