"""What weather and light do to a scene: low light, rain, snow, haze.

Each function maps RGB images in [0, 1] to the same shape and range. `severity` is in [0, 1], one number per image
(`b 1 1 1`) or a map (`b 1 h w`); 0 leaves every pixel as it is. All randomness comes from the generator.

Source: the forms of the CDD-11 synthesis (Guo et al., OneRestore, arXiv 2407.04621, section 3), with procedural depth,
light, streaks and flakes, since the originals were never released.
"""

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from ceair.degradations.fields import (
    Images,
    Severity,
    box_blur,
    convolve_periodic,
    ramp,
    smooth_field,
    streak_kernel,
    uniform,
)


def low_light(image: Images, severity: Severity, generator: Generator) -> Images:
    """Darken by a power of the local light and by a shorter exposure, tint slightly, add sensor noise.

    Severity 1 is a gamma of 3 on the light map, down to a fifth of the exposure, and noise of up to 0.04.
    """
    light = 0.05 + 0.95 * box_blur(image.amax(1, keepdim=True), reach=3)
    exposure = 1 - severity * uniform(image, generator, 0.0, 0.8)
    tint = 1 - 0.15 * severity * torch.rand(len(image), 3, 1, 1, generator=generator, device=image.device)
    sensor = uniform(image, generator, 0.0, 0.04) * severity
    noise = torch.randn(image.shape, generator=generator, device=image.device)
    return (image * light ** (2 * severity) * exposure * tint + sensor * noise).clamp(0, 1)


def rain(image: Images, severity: Severity, generator: Generator) -> Images:
    """Add bright streaks that share a direction: sparse and long ones, or a dense fine veil, or both.

    Severity scales the brightness of the streaks; at 1 the brightest saturate.
    """
    angle = (0.3 * torch.randn(len(image), 1, 1, 1, generator=generator, device=image.device)).clamp(-0.8, 0.8)
    length = uniform(image, generator, 12, 60)
    width = 0.45 * 3.4 ** uniform(image, generator)
    sparse = _drops(image, generator, uniform(image, generator, 0.3, 1.6) / length * 0.06)
    layer = convolve_periodic(sparse, streak_kernel(image.shape[-2:], length, width, angle))
    few = _drops(image, generator, uniform(image, generator, 0.0, 0.6) / length * 0.04)
    layer = layer + convolve_periodic(few, streak_kernel(image.shape[-2:], length * 1.7, width * 1.3, angle))
    veil = _drops(image, generator, uniform(image, generator, 0.5, 4.5) / length)
    fine = convolve_periodic(veil, streak_kernel(image.shape[-2:], length * 1.4, 0.5 + 0 * width, angle))
    share = uniform(image, generator, -1.0, 1.0)
    layer = torch.where(share > 0.5, 0.25 * share * fine, layer + 0.25 * share.clamp(min=0) * fine)
    strength = uniform(image, generator, 0.6, 1.2) * severity
    return (image + strength * layer.clamp(min=0)).clamp(0, 1)


def snow(image: Images, severity: Severity, generator: Generator) -> Images:
    """Lay white flakes over the scene, from a fine fall to near, blurred ones, slightly smeared along the wind.

    Severity is the opacity of the flakes' mask.
    """
    angle = uniform(image, generator, -1.0, 1.0)
    mask = torch.zeros_like(image[:, :1])
    for radius, density in ((0.7, 6e-3), (1.4, 2.5e-3), (2.5, 6e-4), (5.0, 4e-5)):
        flakes = _drops(image, generator, uniform(image, generator, 0.2, 1.0) * density, low=0.5)
        length = uniform(image, generator, 3.0, 6.0) * radius
        mask = mask + convolve_periodic(
            flakes, streak_kernel(image.shape[-2:], length, radius + 0 * length, angle)
        ).clamp(min=0)
    opacity = mask.clamp(0, 1) * severity
    return (image * (1 - opacity) + opacity).clamp(0, 1)


def haze(image: Images, severity: Severity, generator: Generator) -> Images:
    """Fade the scene into an airlight with the distance: `I t + A (1 - t)`, `t = exp(-beta depth)`.

    The depth is a mix of a ramp towards the top and a smooth field, in [0.2, 1]; severity 1 is a beta of 2.5, A is in
    [0.6, 1] with a slight colour.
    """
    lean = -math.pi / 2 + uniform(image, generator, -0.6, 0.6)
    share = uniform(image, generator)
    field = share * ramp(image, lean) + (1 - share) * smooth_field(image, generator, 3)
    depth = 0.2 + 0.8 * field
    tint = 0.06 * (torch.rand(len(image), 3, 1, 1, generator=generator, device=image.device) - 0.5)
    airlight = uniform(image, generator, 0.6, 0.97) + tint
    transmission = torch.exp(-2.5 * severity * depth)
    return (image * transmission + airlight * (1 - transmission)).clamp(0, 1)


def _drops(image: Images, generator: Generator, density: Tensor, low: float = 0.1) -> Float[Tensor, "b 1 h w"]:
    """A plane that is zero but for single pixels, `density` of them, with brightnesses from `low` to 1, most faint."""
    shape = (len(image), 1, *image.shape[-2:])
    place = torch.rand(shape, generator=generator, device=image.device)
    bright = torch.rand(shape, generator=generator, device=image.device)
    return torch.where(place < density, low + (1 - low) * bright**2, torch.zeros_like(bright))
