"""A clean photo that a visitor makes worse, to see what restoring is worth."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ceair.data.degraded import Part, Spread, degrade
from ceair.image import Picture, write_picture
from ceair.picture import to_eight_bit_pillow
from ceair.web.folder import Folder, remove_version
from ceair.web.photo import write_preview

LONGEST = 1600
"""Pixels of the longer side; larger photos are shrunk to that, as every pixel costs some time here."""

Pixels = UInt8[np.ndarray, "h w 3"]


@dataclass
class Worse:
    """A clean photo and its degraded version.

    Attributes:
        name: of its file.
        folder: where its files go.
        clean: its colours, at most `LONGEST` pixels wide and high.
        icc: its colour profile.
        shrunk: whether it was larger.
        preview: what the page shows of the clean photo.
        degraded: a PNG file of the degraded version, alone in its folder; None before there is one.
        replaced: that of the version before, which may still be being downloaded.
        versions: how many there were.
    """

    name: str
    folder: Folder
    clean: Pixels
    icc: bytes | None
    shrunk: bool
    preview: Path
    degraded: Path | None = None
    replaced: Path | None = None
    versions: int = 0

    @classmethod
    def of(cls, picture: Picture, name: str, folder: Folder) -> "Worse":
        """The start: a photo as it came; transparency and everything beyond 8 bits of colour are left out."""
        image = to_eight_bit_pillow(picture).convert("RGB")
        shrunk = max(image.size) > LONGEST
        if shrunk:
            image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
        clean = np.asarray(image)
        preview = write_preview(Picture(clean, icc=picture.icc), folder.shown / "clean")
        return cls(name, folder, clean, picture.icc, shrunk, preview)

    def degrade(self, severities: Mapping[str, float], spread: Spread, seed: int) -> Path:
        """Write the degraded version, the very pixels that `ceair degrade` would make of the clean photo.

        Args:
            severities: of those degradations that are wanted, from 0 to 1.
            spread: where they act.
            seed: another one makes another version.
        """
        stem = Path(self.name).stem
        parts = {name: Part(severity, spread) for name, severity in severities.items() if severity > 0}
        image = degrade(self.clean, parts, stem, seed).image if parts else self.clean
        self.versions += 1
        target = self.folder.shown / str(self.versions) / f"{stem}-degraded.png"
        write_picture(target, Picture(image, icc=self.icc))
        remove_version(self.replaced)
        self.replaced, self.degraded = self.degraded, target
        return target


def command(name: str, severities: Mapping[str, float], spread: Spread, seed: int) -> str:
    """The command line that degrades a photo of this name in the same way."""
    wanted = {key: severity for key, severity in severities.items() if severity > 0}
    words = ["ceair", "degrade", shlex.quote(name), "-o", "degraded/", "--with", ",".join(wanted)]
    words += ["--severity", ",".join(f"{key}={severity:g}" for key, severity in wanted.items())]
    words += ["--uneven", spread] if spread != "even" else []
    return " ".join([*words, "--seed", str(seed)])
