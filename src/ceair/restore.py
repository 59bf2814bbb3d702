"""The one path from a degraded image to a restored one; the command line, evaluation and web page all take it."""

from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ceair import pretrained
from ceair.caution import Caution, Damping, load_caution
from ceair.checkpoint import find_weights, load_network
from ceair.engines import Engine, SelfEnsemble, find_device, make_engine
from ceair.errors import ImageError
from ceair.image import Picture, from_pillow, read_picture
from ceair.inference import Inference, Pixels, Tell, luma
from ceair.limits import Limits
from ceair.models import UNet
from ceair.models.rank_scale import RankScale, with_rank_scale

__all__ = ["Limits", "Restorer", "find_device"]

AnyImage = TypeVar("AnyImage", Picture, Pixels, Tensor, Image.Image)


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
        inference: how it is brought to images of any size.
        card: what is known of the weights, as `ceair models` tells it.

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
        damping = Damping(strength, load_caution("ceair-t") if cautious is True else cautious or None)
        passes = _in_passes(make_engine(self.network, device, engine, precision, compiled), ensemble)
        self.inference = Inference(passes, damping, limits or Limits(), overlap, memory)

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
        engine = self.inference.engine
        passes = _in_passes(engine.engine if isinstance(engine, SelfEnsemble) else engine, ensemble)
        other.inference = replace(
            self.inference, engine=passes, damping=Damping(self.inference.damping.strength, caution)
        )
        return other

    save_pretrained, push_to_hub = pretrained.save, pretrained.push

    @property
    def device(self) -> torch.device:
        """Where the network is computed."""
        return self.inference.engine.device

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
        return picture.with_samples(self.inference.samples(picture.samples, progress))

    def restore_tensor(
        self, degraded: Float[Tensor, "b 3 h w"], progress: Tell | None = None
    ) -> Float[Tensor, "b 3 h w"]:
        """Restore RGB images in [0, 1] of any size; the result is clamped to [0, 1], of the same type and device.

        Args:
            progress: is told the share that is done, from above 0 to 1, after each tile.

        Raises:
            CeairError: not even the smallest tiles fit into the memory that was allowed.
        """
        return self.inference.tensor(degraded, progress)

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
        target[...] = self.inference.samples(colours, None) if integers else self._restore_floats(colours)
        return result

    def _restore_floats(self, colours: Pixels) -> Pixels:
        planes = torch.from_numpy(np.ascontiguousarray(colours, np.float32)).permute(2, 0, 1)
        restored = self.restore_tensor(planes.expand(3, -1, -1)[None])[0]
        return (luma(restored)[None] if colours.shape[-1] == 1 else restored).permute(1, 2, 0).numpy()


def _in_passes(engine: Engine, ensemble: bool) -> Engine:
    return SelfEnsemble(engine) if ensemble else engine
