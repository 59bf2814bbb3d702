"""Random fields and kernels that several degradations are made of; all batched, all drawn from a given generator."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor

Images = Float[Tensor, "b 3 h w"]
"""RGB in [0, 1]."""
Severity = Float[Tensor, "b 1 #h #w"]
"""From 0, which changes nothing, to 1; one number for each image or a map."""


def uniform(
    image: Float[Tensor, "b c h w"], generator: Generator, low: float = 0.0, high: float = 1.0
) -> Float[Tensor, "b 1 1 1"]:
    """One number per image of a batch, uniform between `low` and `high`."""
    draw = torch.rand(len(image), 1, 1, 1, generator=generator, device=image.device)
    return low + (high - low) * draw


def smooth_field(image: Float[Tensor, "b c h w"], generator: Generator, cells: int) -> Float[Tensor, "b 1 h w"]:
    """A smooth random field in [0, 1] for each image, with about `cells` bumps along each side."""
    size = image.shape[-2:]
    coarse = torch.rand(len(image), 1, cells + 1, cells + 1, generator=generator, device=image.device)
    return F.interpolate(coarse, size, mode="bicubic", align_corners=True).clamp(0, 1)


def ramp(image: Float[Tensor, "b c h w"], angle: Float[Tensor, "b 1 1 1"]) -> Float[Tensor, "b 1 h w"]:
    """A linear ramp over each image that rises from 0 to 1 along `angle` (radians; 0 is to the right, pi/2 down)."""
    rows, columns = _grid(image.shape[-2:], image.device)
    along = columns * torch.cos(angle) + rows * torch.sin(angle)
    low, high = along.amin((-2, -1), keepdim=True), along.amax((-2, -1), keepdim=True)
    return (along - low) / (high - low).clamp(min=1e-6)


def severity_map(image: Float[Tensor, "b c h w"], generator: Generator) -> Float[Tensor, "b 1 h w"]:
    """An uneven severity for each image, in [0, 1] and reaching both ends: a bumpy field, a ramp or two regions."""
    angle = uniform(image, generator, 0, 2 * math.pi)
    slope = ramp(image, angle)
    bumps = smooth_field(image, generator, 3)
    edge = uniform(image, generator, 0.3, 0.7)
    regions = torch.sigmoid((slope - edge) * 60)
    kind = uniform(image, generator)
    field = torch.where(kind < 1 / 3, slope, torch.where(kind < 2 / 3, bumps, regions))
    low, high = field.amin((-2, -1), keepdim=True), field.amax((-2, -1), keepdim=True)
    return (field - low) / (high - low).clamp(min=1e-6)


def streak_kernel(
    size: Sequence[int],
    length: Float[Tensor, "b 1 1 1"],
    width: Float[Tensor, "b 1 1 1"],
    angle: Float[Tensor, "b 1 1 1"],
) -> Float[Tensor, "b 1 h w"]:
    """A soft line of peak 1 about a plane's centre: `length` and `width` in pixels, `angle` from upright (radians)."""
    rows, columns = _grid(size, length.device)
    along = columns * torch.sin(angle) + rows * torch.cos(angle)
    across = columns * torch.cos(angle) - rows * torch.sin(angle)
    taper = (1 - (2 * along / length) ** 2).clamp(min=0)
    return taper * torch.exp(-0.5 * (across / width) ** 2)


def convolve_periodic(plane: Float[Tensor, "b c h w"], kernel: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b c h w"]:
    """Convolve each plane with its own centred kernel of the same size, wrapping around the borders."""
    size = plane.shape[-2:]
    shifted = torch.fft.ifftshift(kernel, dim=(-2, -1))
    return torch.fft.irfft2(torch.fft.rfft2(plane) * torch.fft.rfft2(shifted), s=size)


def convolve(image: Float[Tensor, "b c h w"], kernel: Float[Tensor, "b 1 k k"]) -> Float[Tensor, "b c h w"]:
    """Convolve each image with its own small kernel, the border pixels being repeated outwards."""
    reach = kernel.shape[-1] // 2
    padded = F.pad(image, (reach, reach, reach, reach), mode="replicate")
    height, width = padded.shape[-2:]
    grown = F.pad(kernel, (0, width - kernel.shape[-1], 0, height - kernel.shape[-2]))
    centred = torch.roll(grown, (-reach, -reach), dims=(-2, -1))
    blurred = torch.fft.irfft2(torch.fft.rfft2(padded) * torch.fft.rfft2(centred), s=(height, width))
    return blurred[..., reach : height - reach, reach : width - reach]


def box_blur(image: Float[Tensor, "b c h w"], reach: int) -> Float[Tensor, "b c h w"]:
    """The mean over squares of `2 * reach + 1` pixels, cut at the borders."""
    return F.avg_pool2d(image, 2 * reach + 1, stride=1, padding=reach, count_include_pad=False)


def _grid(size: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Row and column offsets, in pixels, from the centre pixel of a plane."""
    height, width = size
    rows = torch.arange(height, device=device, dtype=torch.float32) - height // 2
    columns = torch.arange(width, device=device, dtype=torch.float32) - width // 2
    return rows[:, None], columns[None, :]
