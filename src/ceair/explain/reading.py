"""What CEA did to an image, read from its layers: affinities, what they added where, and what each rank had in it.

All of it is read at the full resolution of each layer, with the components of the whole image. A large image is read in
tiles that share those, as it is restored, so that memory does not grow with it; its maps are averaged over squares of
tokens then, which `Layer.cell` tells, while all numbers are sums over every token.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Shaped
from PIL import Image
from torch import Tensor, nn

from ceair.engines.graphs import seeing
from ceair.errors import ImageError
from ceair.explain.gather import Gathering
from ceair.explain.layer import Layer
from ceair.image import Picture, from_pillow, read_picture
from ceair.limits import Limits, affordable
from ceair.models import UNet
from ceair.models.rank_scale import cea_layers
from ceair.models.unet import Watch
from ceair.nn.context import Context
from ceair.nn.resample import pad_to_multiple
from ceair.restore import Restorer
from ceair.tiles import Place, spread_crops

_LIMITS = Limits(whole=1_000_000, tile=608, look=1_000_000)
_MARGIN = 48  # pixels around a tile that are computed, too, so that it sees its neighbourhood
_LOOK_SIDE = 256

Pixels = Shaped[np.ndarray, "..."]
"""`h w` or `h w 3`: uint8 or uint16."""


@dataclass(frozen=True)
class Explanation:
    """What was read of one image.

    Attributes:
        height, width: of the image in pixels.
        layers: in the order in which they are computed, the bottleneck first and the finest level last.
        tiled: whether it was read in tiles.
    """

    height: int
    width: int
    layers: tuple[Layer, ...]
    tiled: bool

    def layer(self, level: int) -> Layer:
        """The layer of a level, 0 being the finest.

        Raises:
            KeyError: there is none.
        """
        return {layer.level: layer for layer in self.layers}[level]


def explain(
    restorer: Restorer | UNet, image: str | Path | Image.Image | Picture | Pixels, side: int = 512
) -> Explanation:
    """Read what the CEA layers do to an image of any size.

    It is computed by torch in float32, whatever engine the restorer has: converted networks hide their features.

    Args:
        restorer: its network is read, its scaled ranks included; strength and caution, which act on the restored
            image, are not part of it.
        image: a path, a Pillow image, a `Picture`, or an array of 8 or 16 bits, `h w 3` or `h w`.
        side: maps of more rows or columns are averaged, by a power of two, until they have no more.

    Raises:
        ImageError: it is no image that can be read.
        CeairError: there is too little memory.
    """
    samples = _samples(image)
    height, width = samples.shape[:2]
    network, limits = _network(restorer)
    device = next(network.parameters()).device
    whole = float(np.iinfo(samples.dtype).max)

    def read(place: Place) -> Float[Tensor, "1 3 h w"]:
        crop = torch.from_numpy(samples[place.rows, place.columns].astype(np.float32) / whole)
        return crop.permute(2, 0, 1).expand(3, -1, -1)[None].to(device)

    with torch.no_grad():
        tiled = height * width > limits.whole
        look = limits.look if not tiled or height * width <= limits.look else limits.look // 2
        places = spread_crops(height, width, _LOOK_SIDE, look if tiled else height * width, network.size_multiple)
        context = network.context(torch.cat([read(place) for place in places]))
        readers = _readers(network, context, height, width, side, not tiled)
        multiple = max(reader.cell for reader in readers.values())
        core = (limits.tile - 2 * _MARGIN) // multiple * multiple if tiled else max(height, width)
        for inner, outer in _tiles(height, width, core, multiple):
            padded = pad_to_multiple(read(outer), network.size_multiple)
            network.change(padded, context, _telling(readers, inner, outer))
    return Explanation(height, width, tuple(reader.layer() for reader in readers.values()), tiled)


def _network(restorer: Restorer | UNet) -> tuple[UNet, Limits]:
    if isinstance(restorer, UNet):
        return restorer.eval(), _LIMITS
    return restorer.network.eval(), affordable(_LIMITS, restorer.inference.engine, restorer.inference.memory)


def _samples(image: str | Path | Image.Image | Picture | Pixels) -> Pixels:
    """The colours as `h w c` integers, c being 1 or 3."""
    if isinstance(image, str | Path):
        image = read_picture(Path(image))
    if isinstance(image, Image.Image):
        image = from_pillow(image)
    if isinstance(image, Picture):
        return image.samples
    fits = image.ndim == 2 or (image.ndim == 3 and image.shape[-1] in (1, 3))
    if not fits or not image.size or image.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"an array must be `h w` or `h w 3` of uint8 or uint16, not {image.dtype} of {image.shape}")
    return image[..., None] if image.ndim == 2 else image


def _tiles(height: int, width: int, core: int, multiple: int) -> Iterator[tuple[Place, Place]]:
    """Places that partition an image into squares of `core` pixels, each with one that is wider by a margin.

    `core` is a multiple of `multiple`, at which all places start, or as long as the image.
    """
    step = max(core, multiple)
    margin = -(-_MARGIN // multiple) * multiple
    for top in range(0, height, step):
        for left in range(0, width, step):
            bottom, right = min(top + step, height), min(left + step, width)
            rows = slice(max(0, top - margin), min(height, bottom + margin))
            columns = slice(max(0, left - margin), min(width, right + margin))
            yield Place(slice(top, bottom), slice(left, right)), Place(rows, columns)


def _readers(
    network: UNet, context: Context, height: int, width: int, side: int, attention: bool
) -> dict[nn.Module, Gathering]:
    layers = cea_layers(network)
    summaries = dict(zip(seeing(network), context, strict=True))
    readers: dict[nn.Module, Gathering] = {}
    for level, layer in layers.items():
        stride = network.stem_stride * 2**level
        pool = 1
        while -(-max(height, width) // (stride * pool)) > side:
            pool *= 2
        readers[layer] = Gathering(layer, level, stride, pool, summaries[layer], (height, width), attention)
    return readers


def _telling(readers: dict[nn.Module, Gathering], inner: Place, outer: Place) -> Watch:
    def watch(part: nn.Module, features: Tensor) -> None:
        if part in readers:
            readers[part].read(features, inner, outer)

    return watch
