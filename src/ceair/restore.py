"""The one path from a degraded image to a restored one; the command line, evaluation and web page all take it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, overload

import numpy as np
import torch
from jaxtyping import Float, Shaped
from PIL import Image
from torch import Tensor

from ceair.checkpoint import load_network
from ceair.errors import CeairError, ImageError
from ceair.image import Picture, from_pillow, read_picture
from ceair.models import UNet
from ceair.tiles import windows

Pixels = Shaped[np.ndarray, "..."]
"""`h w`, `h w 3` or `h w 4`: uint8, uint16, or floating point in [0, 1]."""

AnyImage = TypeVar("AnyImage", Picture, Pixels, Tensor, Image.Image)


def find_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` is the first of CUDA, MPS and the CPU that is there.

    Raises:
        CeairError: torch knows no such device, or this machine has none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise CeairError(f"there is no device `{name}`; use auto, cpu, cuda, cuda:1 or mps") from error
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise CeairError(f"this machine or this build of torch has no device `{name}`; use auto or cpu") from error
    return device


class Restorer:
    """Restores images of any size with one network; larger ones in tiles, so that memory is bounded.

    Args:
        network: is moved to the device and set to evaluation.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        budget: images of more pixels than this are cut into tiles.
        tile: height and width of a tile in pixels.
        overlap: pixels shared by neighbouring tiles, which fade into each other there.

    Raises:
        CeairError: the device is unknown or absent, or the tiles are not larger than twice their overlap.
    """

    def __init__(
        self, network: UNet, device: str = "auto", budget: int = 2_000_000, tile: int = 512, overlap: int = 64
    ) -> None:
        self.device = find_device(device)
        self.network = network.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.budget = budget
        self.tile = max(2, -(-tile // network.size_multiple)) * network.size_multiple
        self.overlap = overlap
        if not 0 <= 2 * overlap < tile:
            raise CeairError(f"tiles of {tile} pixels must be larger than twice their overlap, {overlap}")

    @classmethod
    def from_pretrained(cls, source: str | Path = "ceair-t", device: str = "auto") -> "Restorer":
        """A restorer with the weights of a file, or with those that come with the package for a preset.

        Raises:
            WeightsError: there are no such weights, or they are damaged.
            CeairError: the device is unknown or absent.
        """
        return cls(load_network(source), device)

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

    def restore_picture(self, picture: Picture, progress: Callable[[float], None] | None = None) -> Picture:
        """Restore the colours of a picture; everything else of it stays. `progress` is as in `restore_tensor`."""
        degraded = torch.from_numpy(picture.pixels).permute(2, 0, 1)[None]
        restored = self.restore_tensor(degraded, progress)
        return picture.with_pixels(restored[0].permute(1, 2, 0).contiguous().numpy())

    @torch.no_grad()
    def restore_tensor(
        self, degraded: Float[Tensor, "b 3 h w"], progress: Callable[[float], None] | None = None
    ) -> Float[Tensor, "b 3 h w"]:
        """Restore RGB images in [0, 1] of any size; the result is clamped to [0, 1], of the same type and device.

        Args:
            progress: is told the share that is done, from above 0 to 1, after each tile.
        """
        tell = progress or (lambda _: None)
        height, width = degraded.shape[-2:]
        if height * width <= self.budget:
            restored = self._run(degraded)
            tell(1.0)
        else:
            restored = self._run_in_tiles(degraded, tell)
        return restored.to(degraded.device, degraded.dtype)

    def _run(self, degraded: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        degraded = degraded.to(self.device, torch.float32, memory_format=torch.channels_last)
        return self.network(degraded).clamp(0, 1)

    def _run_in_tiles(
        self, degraded: Float[Tensor, "b 3 h w"], tell: Callable[[float], None]
    ) -> Float[Tensor, "b 3 h w"]:
        """One tile at a time, summed on the CPU, so that the device holds no more than a tile."""
        rows, columns = (
            windows(length, self.tile, self.overlap, self.network.size_multiple) for length in degraded.shape[-2:]
        )
        places = [(image, row, column) for image in range(len(degraded)) for row in rows for column in columns]
        restored = torch.zeros(degraded.shape)
        for done, (image, row, column) in enumerate(places, start=1):
            place = (slice(image, image + 1), slice(None), slice(row.start, row.stop), slice(column.start, column.stop))
            restored[place] += self._run(degraded[place]).cpu() * row.weights[:, None] * column.weights
            tell(done / len(places))
        return restored.clamp_(0, 1)

    def _restore_any_tensor(self, image: Tensor) -> Tensor:
        if image.ndim not in (3, 4) or image.shape[-3] != 3 or not image.is_floating_point() or not image.numel():
            shape = f"{image.dtype} of shape {tuple(image.shape)}"
            raise ImageError(f"a tensor must be `3 h w` or `b 3 h w`, floating point in [0, 1], not {shape}")
        return self.restore_tensor(image.detach() if image.ndim == 4 else image.detach()[None]).reshape(image.shape)

    def _restore_array(self, image: Pixels) -> Pixels:
        whole = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}.get(image.dtype)
        shape_fits = image.ndim == 2 or (image.ndim == 3 and image.shape[-1] in (3, 4))
        if not shape_fits or not image.size or not (whole or np.issubdtype(image.dtype, np.floating)):
            shape = f"{image.dtype} of shape {image.shape}"
            raise ImageError(
                f"an array must be `h w`, `h w 3` or `h w 4`, uint8, uint16 or floating point, not {shape}"
            )
        grey = image.ndim == 2
        colours = image[..., None].repeat(3, axis=-1) if grey else image[..., :3]
        pixels = np.ascontiguousarray(colours, np.float32) / np.float32(whole or 1)
        restored = self.restore_picture(Picture(pixels, grey=grey)).pixels * np.float32(whole or 1)
        restored = np.rint(restored) if whole else restored
        result: Pixels = image.copy()
        target = result if grey else result[..., :3]
        target[...] = restored[..., 0] if grey else restored
        return result
