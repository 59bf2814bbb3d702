"""Maps as RGB pictures: signed ones in diverging colours whose zero is white, energies from white to dark."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from PIL import Image, ImageDraw

from ceair.explain.charts import COLOURS
from ceair.explain.layer import Layer
from ceair.explain.reading import Explanation
from ceair.explain.regions import Region
from ceair.picture import LUMA

RGB = UInt8[np.ndarray, "h w 3"]

_NEGATIVE = ((255, 255, 255), (140, 188, 228), (33, 102, 172), (6, 38, 92))
_POSITIVE = ((255, 255, 255), (246, 166, 128), (190, 32, 40), (92, 2, 24))
_ENERGY = ((255, 255, 255), (253, 208, 110), (224, 92, 52), (128, 14, 72), (34, 4, 52))
_SPAN = 2.5  # deviations of a principal component from the middle of a colour to its end


def limit_of(values: Shaped[np.ndarray, "..."], share: float = 0.995) -> float:
    """The absolute value that this share of values does not exceed; 1 if all are 0."""
    return float(np.quantile(np.abs(values), share)) or float(np.abs(values).max()) or 1.0


def diverging(values: Shaped[np.ndarray, "h w"], limit: float | None = None) -> RGB:
    """Signed values in colours: negative ones are blue, positive ones red, 0 is white.

    Args:
        limit: the absolute value of the darkest colours; larger ones get those, too. None for `limit_of(values)`.
    """
    scaled = np.clip(np.asarray(values, np.float64) / (limit or limit_of(values)), -1, 1)
    return np.where((scaled < 0)[..., None], _colours(-scaled, _NEGATIVE), _colours(scaled, _POSITIVE))


def sequential(values: Shaped[np.ndarray, "h w"], limit: float | None = None) -> RGB:
    """Values from 0 on in colours, from white by orange to dark violet; `limit` is as of `diverging`."""
    return _colours(np.clip(np.asarray(values, np.float64) / (limit or limit_of(values)), 0, 1), _ENERGY)


def principal_colours(layer: Layer) -> RGB:
    """The first three principal components over the ranks as red, green and blue; grey is the mean of the image.

    Pixels of one colour are routed alike.
    """
    maps = layer.principal(3).transpose(1, 2, 0)
    return np.rint(255 * (0.5 + 0.5 * np.clip(maps / _SPAN, -1, 1))).astype(np.uint8)


def change_picture(degraded: RGB, restored: RGB, limit: float | None = None) -> RGB:
    """What restoring added (red) and took away (blue), in luma; `limit`, as of `diverging`, is in grey levels."""
    return diverging((restored.astype(np.float64) - degraded) @ np.array(LUMA), limit)


def layer_maps(layer: Layer, size: tuple[int, int] | None = None) -> dict[str, RGB]:
    """All maps of a layer as pictures: `rank 0` and so on, `energy`, `additive`, `subtractive`, `principal`.

    Affinities share one scale, and so do the three energies, which are drawn by their roots.

    Args:
        size: height and width in pixels to bring each picture to; the values of the maps, one pixel each, if None.
    """
    limit = limit_of(layer.affinities)
    pictures = {f"rank {rank}": diverging(plane, limit) for rank, plane in enumerate(layer.affinities)}
    roots = {name: np.sqrt(getattr(layer, name)) for name in ("energy", "additive", "subtractive")}
    top = limit_of(np.stack(list(roots.values())))
    pictures |= {name: sequential(values, top) for name, values in roots.items()}
    pictures["principal"] = principal_colours(layer)
    return pictures if size is None else {name: enlarge(one, layer, size) for name, one in pictures.items()}


def enlarge(picture: RGB, layer: Layer, size: tuple[int, int]) -> UInt8[np.ndarray, "h2 w2 3"]:
    """A picture of a layer's map as one of the whole image, each value a square.

    Args:
        size: height and width of the result: those of the image, or any others.
    """
    rows, columns = (
        ((np.arange(target) + 0.5) * full / target // layer.cell).astype(int)
        for target, full in zip(size, (layer.height, layer.width), strict=True)
    )
    return picture[rows][:, columns]


def mark(image: RGB, explanation: Explanation, regions: Sequence[Region], pixel: tuple[int, int] | None = None) -> RGB:
    """A picture of the image with regions framed in the colours of their charts and a pixel ringed."""
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    across, down = image.shape[1] / explanation.width, image.shape[0] / explanation.height
    line = max(2, max(image.shape) // 250)
    for index, region in enumerate(regions):
        box = (region.left * across, region.top * down, region.right * across - 1, region.bottom * down - 1)
        draw.rectangle(box, outline=COLOURS[index % len(COLOURS)], width=line)
    if pixel is not None:
        x, y, reach = pixel[0] * across, pixel[1] * down, 4 * line
        draw.ellipse(
            (x - reach - line, y - reach - line, x + reach + line, y + reach + line), outline="white", width=line
        )
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), outline="black", width=line)
    return np.asarray(canvas)


def overlay(image: RGB, picture: RGB, opacity: float = 0.6) -> RGB:
    """A picture of a map over the image in grey, of the same size."""
    grey = (image @ np.array(LUMA))[..., None]
    return np.rint((1 - opacity) * grey + opacity * picture).astype(np.uint8)


def _colours(values: Float[np.ndarray, "h w"], stops: Sequence[tuple[int, int, int]]) -> RGB:
    """Values in [0, 1] as colours between equally spaced stops."""
    places = np.linspace(0, 1, len(stops))
    planes = [np.interp(values, places, channel) for channel in zip(*stops, strict=True)]
    return np.rint(np.stack(planes, -1)).astype(np.uint8)
