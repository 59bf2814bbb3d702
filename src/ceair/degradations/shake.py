"""Motion blur as an exposure makes it: the mean of what was seen on the way, along another path at every place.

Conventions as in `weather`: RGB in [0, 1], severity in [0, 1] per image or as a map, 0 changes nothing.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor

from ceair.degradations.fields import Images, Severity, smooth_field, uniform

SHAKE_LENGTH = 30.0
"""Length of the camera's path at severity 1, in pixels, for what stands at a middling distance."""
MOMENTS = 24
"""How many moments of the exposure are averaged; at severity 0.8 the camera moves by a pixel between two."""
FRAMES = (7, 9, 11, 13)
"""Of how many frames of a film the blur is the mean in half of the calls: a wide one is a row of dots then."""


def motion_blur(image: Images, severity: Severity, generator: Generator, moments: int | None = None) -> Images:
    """Blur along a path, as a shaken or panned camera does: most are arcs, some are straight or wind.

    What is near moves further than what is far, the camera speeds up and slows down on its way and may roll, and
    something in the picture may move by itself. The photo is what was there in the middle of the time, as the targets
    of frames averaged are. Light adds up as something between stored (gamma 1) and linear (gamma 2.2). All images
    of a call are the mean of as many `moments` (at least 2); if none are asked for, half of the calls take few, as
    benchmarks do with the frames of a film.

    Raises:
        ValueError: fewer than two moments are asked for.
    """
    if moments is not None and moments < 2:
        raise ValueError(f"motion blur is the mean of at least 2 moments, not {moments}")
    gamma = uniform(image, generator, 1, 2.2)
    light = image.clamp(0, 1) ** gamma
    path, nearness, drift = _path(image, generator), _nearness(image, generator), _drift(image, generator)
    height, width = image.shape[-2:]
    # In the coordinates of `grid_sample` an image reaches from -1 to 1. Columns and rows have a plane each, since torch
    # adds planes twenty times as fast as numbers that alternate.
    still = F.affine_grid(torch.eye(2, 3, device=image.device)[None], [1, 1, height, width], align_corners=False)
    still = still.movedim(-1, 1).contiguous()
    pixel = torch.tensor([2 / width, 2 / height], device=image.device)[:, None, None]
    length = SHAKE_LENGTH * pixel * severity
    shaken, drifting = length * nearness, length * drift
    moments = moments or _moments(generator)
    path = F.interpolate(path.movedim(1, 2), moments, mode="linear", align_corners=True).movedim(2, 1)
    end, seen = 0.5 - 0.5 / MOMENTS, torch.zeros_like(light)
    for time, place in zip(torch.linspace(-end, end, moments).tolist(), path.unbind(1), strict=True):
        grid = torch.add(still, drifting, alpha=time).addcmul_(shaken, place[:, :, None, None])
        grid = grid.movedim(1, -1).to(light.dtype)
        seen += F.grid_sample(light, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return torch.where(severity > 0, (seen / moments).clamp(0, 1) ** (1 / gamma), image)


def _moments(generator: Generator) -> int:
    """How many moments the images of a call are the mean of: many or, in half of the calls, as few as frames."""
    draw = torch.rand(2, generator=generator, device=generator.device)
    return MOMENTS if draw[0] < 0.5 else FRAMES[int(draw[1] * len(FRAMES))]


def _nearness(image: Images, generator: Generator) -> Float[Tensor, "b 1 h w"]:
    """How far everything moves, in lengths of the camera's path: 1 in the mean, more where it is near."""
    depth = uniform(image, generator, 0, 0.9)
    return 1 + depth * (2 * smooth_field(image, generator, 2) - 1)


def _drift(image: Images, generator: Generator) -> Float[Tensor, "b 2 h w"]:
    """What the camera's roll and a subject of its own speed add during the exposure, (column, row) in path lengths."""
    rolled = uniform(image, generator, -0.5, 0.5) * _around(image, generator)
    # Half of the images hold nothing that moves by itself.
    speed = uniform(image, generator, -1, 1).clamp(min=0)
    heading = uniform(image, generator, 0, 2 * math.pi)
    subject = torch.sigmoid(30 * (smooth_field(image, generator, 3) - 0.65))
    return rolled + speed * subject * torch.cat((heading.cos(), heading.sin()), dim=1)


def _path(image: Images, generator: Generator) -> Float[Tensor, "b moments 2"]:
    """The camera's path for each image, of length 1 and about where it is in the middle of the time."""
    start = uniform(image, generator, 0, 2 * math.pi)[:, 0, 0]
    bend = uniform(image, generator, -2.5, 2.5)[:, 0, 0] * uniform(image, generator)[:, 0, 0]
    wobble = 0.35 * torch.randn(len(image), MOMENTS, generator=generator, device=image.device)
    along = torch.linspace(0, 1, MOMENTS, device=image.device)
    # An exposure is short against the sway of a hand, so most paths are plain arcs and few of them wind.
    heading = start + bend * along + wobble.cumsum(-1) * uniform(image, generator)[:, 0, 0] ** 4
    steps = _speed(image, generator)[..., None] * torch.stack((heading.cos(), heading.sin()), dim=-1)
    path = steps.cumsum(-2)
    middle = MOMENTS // 2
    return path - path[:, middle - 1 : middle + 1].mean(-2, keepdim=True)


def _speed(image: Images, generator: Generator) -> Float[Tensor, "b moments"]:
    """How far each image's camera goes in each moment, 1 in all: evenly, or slower for a while.

    So its place in the middle of the time is about as near to the mean of its path as in pairs made of frames
    (`scripts/shake_statistics.py`, docs/degradations.md).
    """
    sway, rate = uniform(image, generator, 0, 0.7)[:, 0, 0], uniform(image, generator, 0.3, 1.3)[:, 0, 0]
    phase = uniform(image, generator, 0, 1)[:, 0, 0]
    along = torch.linspace(0, 1, MOMENTS, device=image.device)
    speed = 1 + sway * (2 * math.pi * (rate * along + phase)).cos()
    return speed / speed.sum(-1, keepdim=True)


def _around(image: Images, generator: Generator) -> Float[Tensor, "b 2 h w"]:
    """Offsets at right angles to the way from a centre in the middle half of the image, 1 long at half its diagonal."""
    height, width = image.shape[-2:]
    half = math.hypot(height, width) / 2
    columns = (torch.arange(width, device=image.device) + 0.5 - width * uniform(image, generator, 0.25, 0.75)) / half
    rows = (torch.arange(height, device=image.device) + 0.5 - height * uniform(image, generator, 0.25, 0.75)) / half
    return torch.cat((-rows.mT.expand(-1, -1, -1, width), columns.expand(-1, -1, height, -1)), dim=1)
