"""Degraded versions of single photos by `ceair.degradations`, seeded for each photo on its own."""

import hashlib
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Generator, Tensor

from ceair.degradations import DEGRADATIONS, compose, severity_map
from ceair.files import name_bytes

Spread = Literal["even", "left", "right", "smooth"]
"""Where a degradation acts: everywhere, in one half (fading over an eighth of the width), or by a random map."""


class Part(NamedTuple):
    """How strongly a degradation acts, in [0, 1], and where."""

    severity: float
    spread: Spread = "even"


class Degraded(NamedTuple):
    """A degraded photo, 8-bit RGB, and the severity of each degradation in each place, 255 standing for 1."""

    image: UInt8[np.ndarray, "h w 3"]
    maps: dict[str, UInt8[np.ndarray, "h w"]]


def degrade(clean: UInt8[np.ndarray, "h w 3"], parts: Mapping[str, Part], name: str, seed: int = 0) -> Degraded:
    """Degrade a photo; `name`, the stem of its file, `seed` and `parts` settle everything random.

    Raises:
        ConfigError: a part is no degradation.
    """
    ordered = {key: parts[key] for key in sorted(parts, key=[*DEGRADATIONS, *parts].index)}
    condition = ",".join(f"{key}={part.severity!r}@{part.spread}" for key, part in ordered.items())
    digest = hashlib.sha256(name_bytes(f"{seed}/{name}/{condition}")).digest()
    generator = Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
    image = torch.from_numpy(clean.copy()).permute(2, 0, 1)[None].float() / 255
    severities = {key: part.severity * _plane(image, part.spread, generator) for key, part in ordered.items()}
    degraded = compose(image, severities, generator)
    maps = {key: _levels(plane.expand(1, 1, *image.shape[-2:]))[..., 0] for key, plane in severities.items()}
    return Degraded(_levels(degraded), maps)


def _plane(image: Float[Tensor, "1 3 h w"], spread: Spread, generator: Generator) -> Float[Tensor, "1 1 #h #w"]:
    if spread == "even":
        return torch.ones(1, 1, 1, 1)
    if spread == "smooth":
        return severity_map(image, generator)
    right = (torch.linspace(-3.5, 4.5, image.shape[-1])).clamp(0, 1).expand(1, 1, *image.shape[-2:])
    return right if spread == "right" else 1 - right


def _levels(planes: Float[Tensor, "1 c h w"]) -> UInt8[np.ndarray, "h w c"]:
    return (255 * planes[0].permute(1, 2, 0)).round().to(torch.uint8).numpy()
