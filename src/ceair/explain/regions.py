"""Comparing boxes of an image by what each layer did in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from ceair.errors import CeairError
from ceair.explain.layer import Layer


@dataclass(frozen=True)
class Region:
    """A box of an image in pixels; the right and the lower end are not part of it."""

    left: int
    top: int
    right: int
    bottom: int

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.right},{self.bottom}"


@dataclass(frozen=True)
class RegionReading:
    """What a layer did in a region: means over its pixels.

    Attributes:
        affinities: of each rank, signed.
        energy, additive, subtractive: as of `Layer`.
    """

    affinities: Float64[np.ndarray, "r"]
    energy: float
    additive: float
    subtractive: float


def parse_regions(text: str) -> list[Region]:
    """Regions written as `x0,y0,x1,y1`, with semicolons between them.

    Raises:
        CeairError: one is not four whole numbers, or has no pixels.
    """
    regions = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        try:
            left, top, right, bottom = (int(number) for number in part.split(","))
        except ValueError as error:
            raise CeairError(f"a region is four whole numbers, x0,y0,x1,y1, not `{part}`") from error
        if not (0 <= left < right and 0 <= top < bottom):
            raise CeairError(f"the region {part} has no pixels: x1 and y1 must be larger than x0 and y0, from 0 on")
        regions.append(Region(left, top, right, bottom))
    return regions


def read_region(layer: Layer, region: Region) -> RegionReading:
    """The means over a region; squares of the maps that lie partly in it count by that part.

    Raises:
        CeairError: the region leaves the image.
    """
    if region.right > layer.width or region.bottom > layer.height:
        raise CeairError(f"the region {region} leaves the image, which is {layer.width}x{layer.height} pixels")
    down = _weights(region.top, region.bottom, layer.cell, layer.energy.shape[0])
    across = _weights(region.left, region.right, layer.cell, layer.energy.shape[1])

    def mean(values: np.ndarray) -> Any:
        return np.einsum("...hw,h,w->...", values.astype(np.float64), down, across)

    energies = (float(mean(one)) for one in (layer.energy, layer.additive, layer.subtractive))
    return RegionReading(mean(layer.affinities), *energies)


def difference(layer: Layer, first: RegionReading, second: RegionReading) -> float:
    """How differently two regions are routed: the length of the difference of their mean updates, over the length of
    the image's updates; 0 if the same is added to both."""
    apart = first.affinities - second.affinities
    return float(np.sqrt(max(0.0, apart @ layer.gram @ apart) / max(layer.total_energy, 1e-30)))


def compare(layer: Layer, regions: Sequence[Region]) -> dict[str, Any]:
    """The readings of regions, and how far each pair is apart, fit for JSON."""
    readings = [read_region(layer, region) for region in regions]
    rows = [
        {
            "region": str(region),
            "affinities": [float(value) for value in reading.affinities],
            "energy": reading.energy,
            "additive": reading.additive,
            "subtractive": reading.subtractive,
        }
        for region, reading in zip(regions, readings, strict=True)
    ]
    return {"regions": rows, "differences": [[difference(layer, one, two) for two in readings] for one in readings]}


def _weights(start: int, stop: int, cell: int, count: int) -> Float64[np.ndarray, "n"]:
    """The share of a range of pixels that lies in each square of a map."""
    edges = np.arange(count + 1) * cell
    inside = np.minimum(edges[1:], stop) - np.maximum(edges[:-1], start)
    return inside.clip(min=0) / (stop - start)
