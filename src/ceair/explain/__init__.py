"""What the network did to an image, and where: the affinities and updates of its CEA layers, as arrays and pictures."""

from ceair.explain.layer import Layer
from ceair.explain.pictures import (
    change_picture,
    diverging,
    enlarge,
    layer_maps,
    overlay,
    principal_colours,
    sequential,
)
from ceair.explain.reading import Explanation, explain

__all__ = [
    "Explanation",
    "Layer",
    "change_picture",
    "diverging",
    "enlarge",
    "explain",
    "layer_maps",
    "overlay",
    "principal_colours",
    "sequential",
]
