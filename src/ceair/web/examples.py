"""The bundled clean photos, and the examples that are made of them when somebody wants one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ceair.data.degraded import Part, degrade
from ceair.image import read_rgb

PHOTOS = Path(__file__).resolve().parent / "photos"
"""Clean photos and small versions of the examples, JPEG; `scripts/web_examples.py` writes them."""

Pixels = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Example:
    """A damaged photo to try.

    Attributes:
        title: what the page calls it.
        photo: which clean photo it is made of, and by what.
        parts: what happens to the photo.
        seed: what is random in it.
    """

    title: str
    photo: str
    parts: dict[str, Part]
    seed: int = 0

    @property
    def name(self) -> str:
        """What its file would be called."""
        return f"{self.title.lower().replace(' ', '-')}.png"

    @property
    def clean(self) -> Path:
        """The photo that it is made of."""
        return PHOTOS / f"{self.photo}.jpg"

    @property
    def small(self) -> Path:
        """A small version of it."""
        return PHOTOS / "small" / Path(self.name).with_suffix(".jpg")


EXAMPLES = (
    Example("Haze and rain", "rocket", {"rain": Part(0.35), "haze": Part(0.35)}, 2),
    Example("Rain", "chelsea", {"rain": Part(0.5)}, 3),
    Example("Low light", "coffee", {"low_light": Part(0.6)}, 1),
    Example("Noise", "astronaut", {"noise": Part(0.6)}),
    Example("Noise on one side", "chelsea", {"noise": Part(0.9, "right")}, 5),
    Example("Night and snow", "astronaut", {"low_light": Part(0.4), "snow": Part(0.8)}, 4),
)


def make(example: Example) -> Pixels:
    """The damaged photo."""
    return degrade(read_rgb(example.clean), example.parts, example.photo, example.seed).image
