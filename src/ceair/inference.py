"""Images of any size through an engine: at once where memory allows, otherwise in tiles that know of each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from ceair.caution import Damping, blended, moments
from ceair.engines import Engine
from ceair.errors import CeairError
from ceair.limits import Limits, affordable
from ceair.nn.resample import pad_to_multiple
from ceair.picture import LUMA
from ceair.tiles import Bands, Place, spread_crops, tile_shape, windows

Pixels = Shaped[np.ndarray, "..."]
"""`h w`, `h w 3` or `h w 4`: uint8, uint16, or floating point in [0, 1]."""

Read = Callable[[Place], Float[Tensor, "1 3 h w"]]
Write = Callable[[slice, Float[Tensor, "3 h w"]], None]
Tell = Callable[[float], None]

_LOOK_SIDE = 256  # of the crops that are looked at; smaller ones show the network more borders than image


@dataclass
class Inference:
    """Restores tensors and samples of any size; those beyond the limits in tiles, so that memory is bounded.

    Tiles share what the network knows of the whole image (`UNet.context`), and overlap.

    Args:
        engine: what computes the network.
        damping: how much of the change is applied.
        limits, overlap, memory: as of `ceair.restore.Restorer`.

    Raises:
        CeairError: tiles are not larger than twice their overlap.
    """

    engine: Engine
    damping: Damping
    limits: Limits
    overlap: int
    memory: int | None

    def __post_init__(self) -> None:
        if not 0 <= 2 * self.overlap < self.limits.tile:
            raise CeairError(
                f"tiles of {self.limits.tile} pixels must be larger than twice their overlap, {self.overlap}"
            )

    def tensor(self, degraded: Float[Tensor, "b 3 h w"], progress: Tell | None) -> Float[Tensor, "b 3 h w"]:
        """As `ceair.restore.Restorer.restore_tensor`."""
        degraded = degraded.detach()
        height, width = degraded.shape[-2:]
        limits = self._limits()
        if height * width <= limits.whole:
            return self._restore_together(degraded, max(1, limits.whole // (height * width)), progress)
        restored = torch.empty_like(degraded)
        for index, image in enumerate(degraded):

            def write(rows: slice, band: Float[Tensor, "3 h w"], target: Tensor = restored[index]) -> None:
                target[:, rows] = band.to(target.device, target.dtype)

            def read(place: Place, source: Tensor = image) -> Float[Tensor, "1 3 h w"]:
                return source[None, :, place.rows, place.columns].float()

            def tell(share: float, before: int = index) -> None:
                _tell(progress, (before + share) / len(degraded))

            self._in_tiles(height, width, limits, read, write, tell)
        return restored

    def _restore_together(
        self, degraded: Float[Tensor, "b 3 h w"], most: int, progress: Tell | None
    ) -> Float[Tensor, "b 3 h w"]:
        """Restore images that need no tiles, at most so many at a time."""
        restored = torch.empty_like(degraded)
        for first in range(0, len(degraded), most):
            some = degraded[first : first + most]
            restored[first : first + most] = self._whole(some.float()).to(degraded.device, degraded.dtype)
            _tell(progress, (first + len(some)) / len(degraded))
        return restored

    def samples(self, samples: Pixels, progress: Tell | None) -> Pixels:
        """Restore `h w c` integers, c being 1 or 3, a tile at a time: they are never all there as floats."""
        whole = float(np.iinfo(samples.dtype).max)
        restored = np.empty_like(samples)

        def read(place: Place) -> Float[Tensor, "1 3 h w"]:
            crop = torch.from_numpy(samples[place.rows, place.columns].astype(np.float32) / np.float32(whole))
            return crop.permute(2, 0, 1).expand(3, -1, -1)[None]

        def write(rows: slice, band: Float[Tensor, "3 h w"]) -> None:
            planes = band if samples.shape[-1] == 3 else luma(band)[None]
            restored[rows] = (planes * whole).round().permute(1, 2, 0).numpy()

        height, width = samples.shape[:2]
        limits = self._limits()
        if height * width <= limits.whole:
            write(slice(0, height), self._whole(read(Place(slice(0, height), slice(0, width))))[0])
            _tell(progress, 1.0)
        else:
            self._in_tiles(height, width, limits, read, write, lambda share: _tell(progress, share))
        return restored

    def _whole(self, degraded: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        height, width = degraded.shape[-2:]
        restored = self.engine.restore(self._padded(degraded))[..., :height, :width]
        return self.damping.apply(degraded, restored)

    def _share(self, height: int, width: int, look: int, context: Any, read: Read) -> float:
        """How much of the change to apply to an image in tiles, from crops of it that are restored before."""
        if self.damping.caution is None:
            return self.damping.strength
        most = min(look, height * width - 1)  # crops and not the whole image, as only those fit into memory for sure
        found = []
        for place in spread_crops(height, width, _LOOK_SIDE, most, self.engine.size_multiple):
            crop = read(place)
            restored = self.engine.restore_crop(self._padded(crop), context)
            found.append(moments(crop.cpu(), restored[..., : crop.shape[-2], : crop.shape[-1]])[0])
        return self.damping.share(torch.stack(found).mean(0))

    def _in_tiles(self, height: int, width: int, limits: Limits, read: Read, write: Write, tell: Tell) -> None:
        multiple = self.engine.size_multiple
        look = limits.look if height * width <= limits.look else limits.look // 2
        context = self._look(spread_crops(height, width, _LOOK_SIDE, look, multiple), read)
        share = self._share(height, width, look, context, read)
        side = max(2, -(-limits.tile // multiple)) * multiple
        high, wide = tile_shape(height, width, side, self.overlap, multiple)
        rows = windows(height, high, self.overlap, multiple)
        columns = windows(width, wide, self.overlap, multiple)
        bands = Bands(width, rows, columns)
        for row in range(len(rows)):
            for column, place in bands.places(row):
                crop = read(place)
                high, wide = crop.shape[-2:]
                restored = self.engine.restore_crop(self._padded(crop), context)[..., :high, :wide]
                bands.add(row, column, blended(crop, restored, share)[0])
                tell((row * len(columns) + column + 1) / (len(rows) * len(columns)))
            for strip, pixels in bands.finish(row):
                write(strip, pixels)

    def _look(self, places: Sequence[Place], read: Read) -> Any:
        return self.engine.look(self._padded(torch.cat([read(place) for place in places])))

    def _padded(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h2 w2"]:
        return pad_to_multiple(images, self.engine.size_multiple)

    def _limits(self) -> Limits:
        return affordable(self.limits, self.engine, self.memory)


def luma(image: Float[Tensor, "3 h w"]) -> Float[Tensor, "h w"]:
    """The grey version of an RGB image, by the weights of ITU-R BT.601."""
    return sum(weight * channel for weight, channel in zip(LUMA, image, strict=True))


def _tell(progress: Tell | None, share: float) -> None:
    if progress is not None:
        progress(share)
