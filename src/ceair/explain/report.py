"""Everything that is told of one image: the document of numbers, and the pictures and charts by their file names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ceair.explain.charts import bar_chart
from ceair.explain.layer import Layer
from ceair.explain.pictures import RGB, change_picture, diverging, enlarge, layer_maps, limit_of, mark
from ceair.explain.reading import Explanation
from ceair.explain.regions import Region, compare
from ceair.image import Picture

SIDE = 1024
"""The longer side of the pictures, in pixels, unless the image is smaller."""


@dataclass(frozen=True)
class Report:
    """What is told of one image.

    Attributes:
        document: all numbers, fit for JSON.
        pictures: by name below the output folder, without an ending.
        charts: SVG, by name in the same way.
    """

    document: dict[str, Any]
    pictures: dict[str, RGB]
    charts: dict[str, str]


def make_report(
    explanation: Explanation,
    degraded: Picture,
    restored: Picture,
    regions: Sequence[Region] = (),
    pixel: tuple[int, int] | None = None,
) -> Report:
    """All numbers, pictures and charts of an image and of its restored version.

    Args:
        regions: boxes to compare.
        pixel: x and y of the pixel whose token-to-token maps are wanted.

    Raises:
        CeairError: a region leaves the image.
    """
    size = _size(explanation.height, explanation.width)
    before, after = shrunken(degraded, size), shrunken(restored, size)
    pictures = {"degraded": mark(before, explanation, regions, pixel), "restored": after}
    pictures["change"] = change_picture(before, after)
    charts, layers = {}, []
    for layer in explanation.layers:
        name = f"level-{layer.level}"
        pictures |= {f"{name}/{key.replace(' ', '-')}": one for key, one in layer_maps(layer, size).items()}
        charts[f"{name}/ranks"] = rank_chart(layer)
        compared = compare(layer, regions)
        if regions:
            charts[f"{name}/regions"] = region_chart(layer, compared)
        if pixel:
            pictures |= {f"{name}/{key}": one for key, one in pixel_maps(layer, *pixel, size).items()}
        layers.append(numbers(layer) | ({"compared": compared} if regions else {}))
    document = {
        "height": explanation.height,
        "width": explanation.width,
        "tiled": explanation.tiled,
        "change": _change(degraded, restored),
        "pixel": list(pixel) if pixel else None,
        "layers": layers,
    }
    return Report(document, pictures, charts)


def numbers(layer: Layer) -> dict[str, Any]:
    """What a layer did in numbers, fit for JSON; energies are mean squares over channels and tokens."""
    return {
        "level": layer.level,
        "stride": layer.stride,
        "cell": layer.cell,
        "rank": layer.rank,
        "energy": layer.total_energy,
        "relative_energy": layer.relative_energy,
        "additive_energy": float(layer.additive.mean()),
        "subtractive_energy": float(layer.subtractive.mean()),
        "effective_rank": layer.effective_rank,
        "singular_values": layer.singular_values.tolist(),
        "shares": layer.shares.tolist(),
        "contributions": layer.contributions.tolist(),
        "mean_affinities": layer.mean.tolist(),
        "mean_absolute_affinities": layer.mean_absolute.tolist(),
    }


def rank_chart(layer: Layer) -> str:
    """The share and the contribution of each rank, in percent, as SVG."""
    series = {
        "share of what the ranks add, each by itself": [100 * value for value in layer.shares],
        "contribution to the update": [100 * value for value in layer.contributions],
    }
    return bar_chart(f"Level {layer.level}: share of each rank", [str(i) for i in range(layer.rank)], series, "%")


def region_chart(layer: Layer, compared: dict[str, Any]) -> str:
    """The mean affinity of each rank in each region, as SVG."""
    series = {row["region"]: row["affinities"] for row in compared["regions"]}
    labels = [str(index) for index in range(layer.rank)]
    return bar_chart(f"Level {layer.level}: mean affinity of each rank", labels, series, "affinity")


def pixel_maps(layer: Layer, x: int, y: int, size: tuple[int, int]) -> dict[str, RGB]:
    """The token-to-token maps of a pixel as pictures: `shared-routing`, and `sources` unless read in tiles."""
    shared = layer.shared_routing(x, y)
    pictures = {"shared-routing": enlarge(diverging(shared, max(1.0, limit_of(shared, 0.98))), layer, size)}
    sources = layer.sources(x, y)
    if sources is not None:
        squares = diverging(sources * sources.size - 1, 1.0)
        rows, columns = (
            ((np.arange(target) + 0.5) * full / target // layer.looked).astype(int)
            for target, full in zip(size, (layer.height, layer.width), strict=True)
        )
        pictures["sources"] = squares[rows][:, columns]
    return pictures


def shrunken(picture: Picture, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """A picture as 8-bit RGB of this height and width."""
    image = picture.to_pillow() if picture.depth == 8 else Picture(_eight_bits(picture)).to_pillow()
    image = image.convert("RGB")
    if image.size != size[::-1]:
        image = image.resize(size[::-1], Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(image)


def _eight_bits(picture: Picture) -> np.ndarray:
    return np.concatenate([band[..., : picture.samples.shape[-1]] for band in picture.bands(8)])


def _size(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _change(degraded: Picture, restored: Picture) -> dict[str, float]:
    """How the samples changed, in shares of the full range."""
    whole, total, brighter, darker, square, most = 2**degraded.depth - 1, 0, 0.0, 0.0, 0.0, 0.0
    for before, after in zip(degraded.bands(degraded.depth), restored.bands(degraded.depth), strict=True):
        channels = degraded.samples.shape[-1]
        change = (after[..., :channels].astype(np.float64) - before[..., :channels]) / whole
        total += change.size
        brighter += change.clip(min=0).sum()
        darker -= change.clip(max=0).sum()
        square += np.square(change).sum()
        most = max(most, np.abs(change).max())
    return {
        "mean_absolute": (brighter + darker) / total,
        "root_mean_square": float(np.sqrt(square / total)),
        "largest": float(most),
        "added": brighter / total,
        "removed": darker / total,
    }
