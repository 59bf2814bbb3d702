"""What lenses, sensors and files do to an image: defocus, noise, JPEG.

Conventions as in `weather`: RGB in [0, 1], severity in [0, 1] per image or as a map, 0 changes nothing.
"""

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from ceair.degradations.fields import Images, Severity, convolve
from ceair.degradations.jpeg import encode_decode

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
    """Blur by a disc with a soft rim, as a lens out of focus does.

    With a map, a few levels of blur up to its highest are blended.
    """
    del generator  # nothing is random here; every degradation has the same signature
    peak = severity.amax((-2, -1), keepdim=True)
    levels = 1 if severity.shape[-2:] == (1, 1) else 4
    result = image
    for step in range(1, levels + 1):
        blurred = convolve(image, _disc(peak * step / levels)).clamp(0, 1)
        share = (severity / peak.clamp(min=1e-6) * levels - (step - 1)).clamp(0, 1)
        result = result + share * (blurred - result)
    return torch.where(severity > 0, result, image)


def jpeg(image: Images, severity: Severity, generator: Generator) -> Images:
    """What a JPEG file keeps: quality 90 (severity near 0) down to 10 (severity 1), colours at half resolution."""
    del generator  # nothing is random here either
    if severity.shape[-1] == 1 and severity.shape[-2] == 1:
        severity = severity.expand(-1, -1, *image.shape[-2:])
    return torch.where(severity > 0, encode_decode(image, 90 - 80 * severity), image)


def _disc(level: Float[Tensor, "b 1 1 1"]) -> Float[Tensor, "b 1 k k"]:
    """The kernel of a blur; its weights sum to 1."""
    reach = math.ceil(DEFOCUS_RADIUS) + 1
    offsets = torch.arange(-reach, reach + 1, device=level.device, dtype=torch.float32)
    disc = torch.sigmoid((level * DEFOCUS_RADIUS - torch.hypot(offsets[:, None], offsets)) / 0.25)
    return disc / disc.sum((-2, -1), keepdim=True)
