"""The one path from a degraded image to a restored one; the command line, evaluation and web page all take it."""

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch
from jaxtyping import Float, Shaped
from PIL import Image
from torch import Tensor

from ceair import pretrained
from ceair.caution import Caution, Damping, blended, load_caution, moments
from ceair.checkpoint import find_weights, load_network
from ceair.engines import Engine, SelfEnsemble, find_device, make_engine
from ceair.errors import CeairError, ImageError
from ceair.image import Picture, from_pillow, read_picture
from ceair.limits import Limits, affordable
from ceair.models import UNet
from ceair.models.rank_scale import RankScale, with_rank_scale
from ceair.nn.resample import pad_to_multiple
from ceair.tiles import Bands, Place, spread_crops, tile_shape, windows

__all__ = ["Limits", "Restorer", "find_device"]

Pixels = Shaped[np.ndarray, "..."]
"""`h w`, `h w 3` or `h w 4`: uint8, uint16, or floating point in [0, 1]."""

AnyImage = TypeVar("AnyImage", Picture, Pixels, Tensor, Image.Image)

Read = Callable[[Place], Float[Tensor, "1 3 h w"]]
Write = Callable[[slice, Float[Tensor, "3 h w"]], None]
Tell = Callable[[float], None]

_LOOK_SIDE = 256  # of the crops that are looked at; smaller ones show the network more borders than image


class Restorer:
    """Restores images of any size with one network; larger ones in tiles, so that memory is bounded.

    Tiles share what the network knows of the whole image (`UNet.context`), and overlap.

    Args:
        network: what restores.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        limits: how much of an image is worked on at a time.
        overlap: pixels shared by neighbouring tiles, which fade into each other there.
        memory: bytes that the process should not exceed; the limits are lowered accordingly. If None they are lowered
            so that half of what is free stays free.
        engine, precision, compiled: as of `ceair.engines.make_engine`.
        strength: how much of the change is applied, from 0, the image as it is, to 1, the restored one. More is
            refused: what lies beyond a restored image is nothing that the network has learnt.
        cautious: change little or nothing of images that seem undamaged. A `Caution` judges that; True is the one of
            the bundled `ceair-t`, which is not made for other weights.
        rank_scale: factors of the directions that CEA adds, by layer and rank; as of
            `ceair.models.rank_scale.with_rank_scale`.
        ensemble: average the answers for the image and its mirror images, in four times the time (`SelfEnsemble`).

    Attributes:
        network: what restores, with its directions scaled; explanations read it.

    Raises:
        CeairError: the device or engine is unknown or absent, tiles are not larger than twice their overlap, or the
            strength is not in [0, 1].
        ConfigError: there is no such layer or rank to scale.
    """

    def __init__(
        self,
        network: UNet,
        device: str = "auto",
        limits: Limits | None = None,
        overlap: int = 48,
        memory: int | None = None,
        engine: str = "torch",
        precision: str = "fp32",
        compiled: bool = False,
        strength: float = 1.0,
        rank_scale: RankScale | None = None,
        cautious: bool | Caution = False,
        ensemble: bool = False,
    ) -> None:
        self.card = dict[str, Any]()
        self.network = network if rank_scale is None else with_rank_scale(network, rank_scale)
        self.damping = Damping(strength, load_caution("ceair-t") if cautious is True else cautious or None)
        self.engine = _in_passes(make_engine(self.network, device, engine, precision, compiled), ensemble)
        self.limits, self.overlap, self.memory = limits or Limits(), overlap, memory
        if not 0 <= 2 * overlap < self.limits.tile:
            raise CeairError(f"tiles of {self.limits.tile} pixels must be larger than twice their overlap, {overlap}")

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path = "ceair-t",
        device: str = "auto",
        engine: str = "auto",
        precision: str = "auto",
        tile: int | None = None,
        memory: int | None = None,
        compiled: bool = False,
        strength: float = 1.0,
        rank_scale: RankScale | None = None,
        cautious: bool = False,
        ensemble: bool = False,
    ) -> "Restorer":
        """A restorer with the weights of a preset, if they come with the package, of a file, of a folder that
        `save_pretrained` made, or of a repository of the Hugging Face hub.

        Args:
            source: `ceair-t`, a path, `owner/name` or `owner/name@revision`; a path goes before a repository.
            engine: `auto` is the fastest installed one whose answers agree with those of float32 torch.
            tile: cut images larger than a square of this side into tiles of this side.
            strength, rank_scale, ensemble: as of `Restorer`.
            cautious: as of `Restorer`, by the judge that lies beside the weights.

        Raises:
            WeightsError: there are no such weights, or they are damaged.
            CeairError: the device or engine is unknown or absent, or the tiles are too small.
        """
        path = find_weights(source)
        restorer = cls(
            load_network(path),
            device,
            Limits(whole=tile**2, tile=tile) if tile else None,
            memory=memory,
            engine=engine,
            precision=precision,
            compiled=compiled,
            strength=strength,
            rank_scale=rank_scale,
            cautious=load_caution(path) if cautious else False,
            ensemble=ensemble,
        )
        restorer.card = pretrained.read_card(path)
        return restorer

    def varied(self, caution: Caution | None = None, ensemble: bool = False) -> "Restorer":
        """One with the same network, engine and strength, as cautious as this judge, with self-ensemble or without."""
        other = copy(self)
        other.damping = Damping(self.damping.strength, caution)
        single = self.engine.engine if isinstance(self.engine, SelfEnsemble) else self.engine
        other.engine = _in_passes(single, ensemble)
        return other

    save_pretrained, push_to_hub = pretrained.save, pretrained.push

    @property
    def device(self) -> torch.device:
        """Where the network is computed."""
        return self.engine.device

    @overload
    def __call__(self, image: str | Path) -> Image.Image | Picture: ...
    @overload
    def __call__(self, image: AnyImage) -> AnyImage: ...
    def __call__(
        self, image: str | Path | Image.Image | Pixels | Tensor | Picture
    ) -> Image.Image | Pixels | Tensor | Picture:
        """Restore an image and give the same kind back.

        - A path: an upright Pillow image; for a file of 16 bits a `Picture`, as Pillow cannot hold those.
        - A Pillow image: one of mode L, LA, RGB or RGBA, turned upright, or I;16.
        - An array, `h w`, `h w 3` or `h w 4` in RGB order, uint8, uint16 or floating point in [0, 1]: the same
          shape and type.
        - A tensor, `3 h w` or `b 3 h w`, floating point in [0, 1]: the same shape, type and device.

        Alpha is passed through untouched and a grey image stays grey.

        Raises:
            ImageError: the file cannot be read, or the shape, type or mode is none of these.
        """
        if isinstance(image, str | Path):
            picture = self.restore_picture(read_picture(Path(image)))
            return picture if picture.depth == 16 else picture.to_pillow()
        if isinstance(image, Image.Image):
            return self.restore_picture(from_pillow(image)).to_pillow()
        if isinstance(image, Picture):
            return self.restore_picture(image)
        if isinstance(image, np.ndarray):
            return self._restore_array(image)
        if isinstance(image, Tensor):
            return self._restore_any_tensor(image)
        raise ImageError(f"an image is a path, a Pillow image, an array or a tensor, not {type(image).__name__}")

    def restore_picture(self, picture: Picture, progress: Tell | None = None) -> Picture:
        """Restore the colours of a picture; everything else of it stays. `progress` is as in `restore_tensor`."""
        return picture.with_samples(self._restore_samples(picture.samples, progress))

    def restore_tensor(
        self, degraded: Float[Tensor, "b 3 h w"], progress: Tell | None = None
    ) -> Float[Tensor, "b 3 h w"]:
        """Restore RGB images in [0, 1] of any size; the result is clamped to [0, 1], of the same type and device.

        Args:
            progress: is told the share that is done, from above 0 to 1, after each tile.

        Raises:
            CeairError: not even the smallest tiles fit into the memory that was allowed.
        """
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

    def _restore_samples(self, samples: Pixels, progress: Tell | None) -> Pixels:
        """Restore `h w c` integers, c being 1 or 3, a tile at a time: they are never all there as floats."""
        whole = float(np.iinfo(samples.dtype).max)
        restored = np.empty_like(samples)

        def read(place: Place) -> Float[Tensor, "1 3 h w"]:
            crop = torch.from_numpy(samples[place.rows, place.columns].astype(np.float32) / np.float32(whole))
            return crop.permute(2, 0, 1).expand(3, -1, -1)[None]

        def write(rows: slice, band: Float[Tensor, "3 h w"]) -> None:
            planes = band if samples.shape[-1] == 3 else _luma(band)[None]
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

    def _restore_any_tensor(self, image: Tensor) -> Tensor:
        if image.ndim not in (3, 4) or image.shape[-3] != 3 or not image.is_floating_point() or not image.numel():
            shape = f"{image.dtype} of shape {tuple(image.shape)}"
            raise ImageError(f"a tensor must be `3 h w` or `b 3 h w`, floating point in [0, 1], not {shape}")
        return self.restore_tensor(image if image.ndim == 4 else image[None]).reshape(image.shape)

    def _restore_array(self, image: Pixels) -> Pixels:
        integers = image.dtype in (np.uint8, np.uint16)
        shape_fits = image.ndim == 2 or (image.ndim == 3 and image.shape[-1] in (3, 4))
        if not shape_fits or not image.size or not (integers or np.issubdtype(image.dtype, np.floating)):
            shape = f"{image.dtype} of shape {image.shape}"
            raise ImageError(
                f"an array must be `h w`, `h w 3` or `h w 4`, uint8, uint16 or floating point, not {shape}"
            )
        colours = image[..., None] if image.ndim == 2 else image[..., :3]
        result: Pixels = image.copy()
        target = result[..., None] if image.ndim == 2 else result[..., :3]
        target[...] = self._restore_samples(colours, None) if integers else self._restore_floats(colours)
        return result

    def _restore_floats(self, colours: Pixels) -> Pixels:
        planes = torch.from_numpy(np.ascontiguousarray(colours, np.float32)).permute(2, 0, 1)
        restored = self.restore_tensor(planes.expand(3, -1, -1)[None])[0]
        return (_luma(restored)[None] if colours.shape[-1] == 1 else restored).permute(1, 2, 0).numpy()


def _in_passes(engine: Engine, ensemble: bool) -> Engine:
    return SelfEnsemble(engine) if ensemble else engine


def _luma(image: Float[Tensor, "3 h w"]) -> Float[Tensor, "h w"]:
    return 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]


def _tell(progress: Tell | None, share: float) -> None:
    if progress is not None:
        progress(share)
