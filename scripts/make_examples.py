"""Make the damaged photographs of examples/ from photographs that scikit-image ships.

    python scripts/make_examples.py --out examples

Their terms: `astronaut` is NASA's, public domain; `chelsea` (Stefan van der Walt), `coffee` (Rachel Michetti) and
`rocket` (SpaceX) are CC0.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data

from ceair.degradations import compose, severity_map


@dataclass(frozen=True)
class Example:
    """A file to make: which photo, what happens to it, and whether the first damage is uneven."""

    name: str
    photo: np.ndarray
    severities: dict[str, float]
    seed: int
    uneven: bool = False


def examples() -> list[Example]:
    """The bundled examples: single, composite and spatially varying damage."""
    astronaut, chelsea, coffee, rocket = data.astronaut(), data.chelsea(), data.coffee(), data.rocket()
    return [
        Example("astronaut-noise", astronaut[:384, 60:444], {"noise": 0.6}, 0),
        Example("chelsea-rain", chelsea, {"rain": 0.45}, 3),
        Example("coffee-low-light", coffee, {"low_light": 0.6}, 1),
        Example("rocket-haze-rain", rocket, {"haze": 0.35, "rain": 0.35}, 2),
        Example("chelsea-uneven-noise", chelsea, {"noise": 1.0}, 5, uneven=True),
        Example("astronaut-low-light-snow", astronaut[:384, 60:444], {"low_light": 0.4, "snow": 0.8}, 4),
    ]


def degrade(example: Example) -> np.ndarray:
    """The damaged photo as 8-bit RGB."""
    generator = torch.Generator().manual_seed(example.seed)
    clean = torch.from_numpy(example.photo.copy()).permute(2, 0, 1)[None] / 255
    shape = severity_map(clean, generator) if example.uneven else torch.ones(1, 1, 1, 1)
    degraded = compose(clean, {name: level * shape for name, level in example.severities.items()}, generator)
    return (degraded[0].permute(1, 2, 0) * 255).round().byte().numpy()


def main() -> None:
    """Write every example as a JPEG of high quality."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for example in examples():
        Image.fromarray(degrade(example)).save(out / f"{example.name}.jpg", quality=95, subsampling=0)


if __name__ == "__main__":
    main()
