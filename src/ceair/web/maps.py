"""What the network did where: its maps over a photo."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ceair.explain import Explanation, change_picture, enlarge, explain, layer_maps, overlay
from ceair.image import read_rgb
from ceair.restore import Restorer
from ceair.web.photo import Photo

MOST_PIXELS = 8_000_000
"""Of photos whose maps are drawn here, as their layers are computed in full by the slowest engine."""

CHANGE = "change"
"""The one map that is not of a layer: what was added to the photo and taken from it."""

_SIDE = 256  # values of a map along its longer side
_SHOWN = 1000  # pixels of the longer side of what the page shows
_FIXED = {
    "energy": "How much was changed",
    "additive": "What was added",
    "subtractive": "What was taken away",
    "principal": "Routing in colours: one colour, one treatment",
}

RGB = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Maps:
    """The maps of one photo.

    Attributes:
        explanation: what was read of the network.
        before, after: small versions of the photo and of its result at full strength.
    """

    explanation: Explanation
    before: RGB
    after: RGB

    def layers(self) -> list[tuple[str, int]]:
        """A title and the level of each layer, from coarse to fine."""
        levels = [layer.level for layer in self.explanation.layers]
        names = {max(levels): "coarsest", min(levels): "finest"}
        strides = {layer.level: layer.stride for layer in self.explanation.layers}
        return [(f"{names.get(level, 'middle')}, {strides[level]} px", level) for level in levels]

    def choices(self, level: int) -> list[tuple[str, str]]:
        """A title and the name of each map of a layer; ranks in the order of what they add."""
        layer = self.explanation.layer(level)
        ranks = [(f"Rank {rank}: {layer.shares[rank]:.0%}", f"rank {rank}") for rank in np.argsort(-layer.shares)]
        return [("The change itself", CHANGE), *((title, name) for name, title in _FIXED.items()), *ranks]

    def picture(self, level: int, name: str, opacity: float) -> RGB:
        """A map over the photo in grey.

        Args:
            level: of the layer.
            name: of the map, one of `choices`.
            opacity: from 0, the photo, to 1, the map.
        """
        if name == CHANGE:
            return overlay(self.before, change_picture(self.before, self.after), opacity)
        layer = self.explanation.layer(level)
        return overlay(self.before, enlarge(layer_maps(layer)[name], layer, self.before.shape[:2]), opacity)


def read_maps(photo: Photo, restorer: Restorer) -> Maps:
    """Read the maps of a photo that is restored; the network runs once more.

    Raises:
        CeairError: there is too little memory.
    """
    assert photo.before is not None
    explanation = explain(restorer, photo.read(), _SIDE)
    whole = np.load(photo.restored, mmap_mode="r")
    after = np.rint(whole / np.float32(257)).astype(np.uint8) if whole.dtype == np.uint16 else np.array(whole)
    return Maps(explanation, _small(read_rgb(photo.before)), _small(np.repeat(after, 3 // after.shape[-1], axis=-1)))


def _small(image: RGB) -> RGB:
    pillow = Image.fromarray(image)
    pillow.thumbnail((_SHOWN, _SHOWN), Image.Resampling.LANCZOS)
    return np.asarray(pillow)
