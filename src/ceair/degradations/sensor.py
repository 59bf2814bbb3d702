"""The noise of a camera: drawn where the sensor counts light, and then developed into the picture with it.

Conventions as in `weather`: RGB in [0, 1], severity in [0, 1] per image or as a map, 0 changes nothing.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor

from ceair.degradations.fields import Images, Severity, convolve, uniform

SHOT_GAIN = 0.012
"""Variance of the shot noise at severity 1 for each unit of light, white being 1."""
# The logarithm of the read variance is a line of that of the shot gain, give or take a spread.
_READ_SLOPE, _READ_OFFSET, _READ_SPREAD = 2.18, 1.20, 0.26
_GREEN = torch.tensor([[0.0, 1.0, 0.0], [1.0, 4.0, 1.0], [0.0, 1.0, 0.0]]) / 4
_RED_OR_BLUE = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 4


def sensor_noise(image: Images, severity: Severity, generator: Generator) -> Images:
    """Noise of a sensor under a mosaic of colour filters, as it looks in a developed picture: coarse, coloured, uneven.

    The picture is taken back to linear light in the colours of a camera. There each pixel of the mosaic gets noise of
    variance `shot * light + read`, `shot` growing with the square of the severity up to `SHOT_GAIN`; the noise alone
    is interpolated as a camera does it, softened a little, white-balanced, and brought back with the picture.
    Rounded to 8 bits.

    Source: the sensor's and development's model of Brooks et al., arXiv 1811.11127, sections 3.1 to 3.4: the line
    between shot and read noise, the white balance's range.
    Differs: the picture is not interpolated itself, so it stays sharp; any camera's colours are one number, saturation.
    """
    gains = _white_balance(image, generator)
    colours = _camera_colours(image, generator)
    linear = _to_linear(image)
    light = torch.einsum("bij,bjhw->bihw", torch.linalg.inv(colours), linear).clamp(0, 1) / gains
    grain = _mosaic_noise(light, severity, generator)
    noise = torch.einsum("bij,bjhw->bihw", colours, _softened(grain, generator) * gains)
    levels = (255 * _from_linear((linear + noise).clamp(0, 1))).round() / 255
    return torch.where(severity > 0, levels, image)


def _white_balance(image: Images, generator: Generator) -> Float[Tensor, "b 3 1 1"]:
    """What red and blue are multiplied by beside green, and all of them together."""
    red, blue = uniform(image, generator, 1.9, 2.4), uniform(image, generator, 1.5, 1.9)
    return torch.cat((red, torch.ones_like(red), blue), 1) * uniform(image, generator, 1.0, 1.5)


def _camera_colours(image: Images, generator: Generator) -> Float[Tensor, "b 3 3"]:
    """Matrices from a camera's colours to those of the picture, which are more saturated; white stays white."""
    more = uniform(image, generator, 0.2, 0.7)[:, 0].to(image.dtype)
    return (1 + more) * torch.eye(3, dtype=image.dtype, device=image.device) - more / 3


def _mosaic_noise(light: Images, severity: Severity, generator: Generator) -> Images:
    """Shot and read noise, as they come out of a mosaic of colour filters."""
    shot = SHOT_GAIN * severity.square()
    spread = _READ_SPREAD * torch.randn(len(light), 1, 1, 1, generator=generator, device=light.device)
    read = (_READ_SLOPE * shot.log() + _READ_OFFSET + spread).exp()
    draw = torch.randn(light.shape, generator=generator, device=light.device)
    return demosaic(draw * (shot * light + read).sqrt())


def demosaic(light: Images) -> Images:
    """What is left of three colours behind Bayer's filters (RGGB), one for each pixel, the others bilinear."""
    rows, columns = (torch.arange(side, device=light.device) % 2 for side in light.shape[-2:])
    red, blue = (1 - rows[:, None]) * (1 - columns), rows[:, None] * columns
    seen = light * torch.stack((red, 1 - red - blue, blue))
    kernels = torch.stack((_RED_OR_BLUE, _GREEN, _RED_OR_BLUE))[:, None].to(light)
    return F.conv2d(seen, kernels, padding=1, groups=3)


def _softened(noise: Images, generator: Generator) -> Images:
    """The noise blurred by a Gaussian of up to a pixel, as cameras and resizing do it, no weaker than before."""
    width = uniform(noise, generator, 0.0, 1.0).clamp(min=0.2)
    offsets = torch.arange(-3, 4, device=noise.device)
    line = torch.exp(-0.5 * (offsets / width).square())
    kernel = line * line.mT
    return convolve(noise, kernel / kernel.square().sum((-2, -1), keepdim=True).sqrt())


def _to_linear(image: Images) -> Images:
    """sRGB's levels to light (IEC 61966-2-1)."""
    return torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055).pow(2.4))


def _from_linear(light: Images) -> Images:
    """Light to sRGB's levels (IEC 61966-2-1)."""
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light.pow(1 / 2.4) - 0.055)
