"""What lenses, sensors and files do to an image: defocus, noise, JPEG.

Conventions as in `weather`: RGB in [0, 1], severity in [0, 1] per image or as a map, 0 changes nothing.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from ceair.degradations.fields import convolve
from ceair.degradations.jpeg import encode_decode

Images = Float[Tensor, "b 3 h w"]
Severity = Float[Tensor, "b 1 #h #w"]

NOISE_SIGMA = 50.0
"""Standard deviation of the noise at severity 1, in grey levels of 8 bits."""
DEFOCUS_RADIUS = 5.0
"""Radius of the blur disc at severity 1, in pixels."""


def noise(image: Images, severity: Severity, generator: Generator) -> Images:
    """Gaussian noise as the all-in-one benchmarks have it: clipped to 8 bits and truncated, so slightly dark.

    Source: the data code of the AirNet/PromptIR line, `uint8(clip(x + N(0, sigma^2), 0, 255))`.
    """
    levels = 255 * image + NOISE_SIGMA * severity * torch.randn(image.shape, generator=generator, device=image.device)
    # The small offset keeps 8-bit levels that float32 holds a hair too low from being truncated to the level below.
    return torch.where(severity > 0, (levels.clamp(0, 255) + 1e-3).floor() / 255, image)


def defocus(image: Images, severity: Severity, generator: Generator) -> Images:
    """Blur by a disc with a soft rim, as a lens out of focus does."""
    del generator  # nothing is random here; every degradation has the same signature
    reach = math.ceil(DEFOCUS_RADIUS) + 1
    distance = torch.linalg.vector_norm(_kernel_grid(reach, image.device), dim=-1)

    def kernel(level: Float[Tensor, "b 1 1 1"]) -> Float[Tensor, "b 1 k k"]:
        return torch.sigmoid((level * DEFOCUS_RADIUS - distance) / 0.25)

    return _blur(image, severity, kernel)


def jpeg(image: Images, severity: Severity, generator: Generator) -> Images:
    """What a JPEG file keeps: quality 90 (severity near 0) down to 10 (severity 1), colours at half resolution."""
    del generator  # nothing is random here either
    if severity.shape[-1] == 1 and severity.shape[-2] == 1:
        severity = severity.expand(-1, -1, *image.shape[-2:])
    return torch.where(severity > 0, encode_decode(image, 90 - 80 * severity), image)


def _blur(image: Images, severity: Severity, kernel: Callable[[Tensor], Tensor]) -> Images:
    """Blur by `kernel(level)`; with a map, blend between a few levels of blur up to its highest."""
    peak = severity.amax((-2, -1), keepdim=True)
    levels = 1 if severity.shape[-2:] == (1, 1) else 4
    result = image
    for step in range(1, levels + 1):
        blurred = convolve(image, _normalised(kernel(peak * step / levels))).clamp(0, 1)
        share = (severity / peak.clamp(min=1e-6) * levels - (step - 1)).clamp(0, 1)
        result = result + share * (blurred - result)
    return torch.where(severity > 0, result, image)


def _normalised(kernel: Float[Tensor, "b 1 k k"]) -> Float[Tensor, "b 1 k k"]:
    return kernel / kernel.sum((-2, -1), keepdim=True)


def _kernel_grid(reach: int, device: torch.device) -> Float[Tensor, "k k 2"]:
    """Offsets (column, row) in pixels from the centre of a square kernel."""
    offsets = torch.arange(-reach, reach + 1, device=device, dtype=torch.float32)
    rows, columns = torch.meshgrid(offsets, offsets, indexing="ij")
    return torch.stack((columns, rows), dim=-1)
