"""Make the damaged photographs of examples/ from photographs that scikit-image ships, and the engines' probe of them.

    python scripts/make_examples.py --out examples --probe src/ceair/engines/probe.webp

The probe shows a crop of each example above the same crop of the clean photo, by which engines are compared.

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

PROBE_SIDE = 96


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


def probe() -> np.ndarray:
    """The middle of each example in the upper row, of its clean photo in the lower one."""
    columns = []
    for example in examples():
        top, left = ((size - PROBE_SIDE) // 2 for size in example.photo.shape[:2])
        place = slice(top, top + PROBE_SIDE), slice(left, left + PROBE_SIDE)
        columns.append(np.concatenate((degrade(example)[place], example.photo[place])))
    return np.concatenate(columns, axis=1)


def main() -> None:
    """Write every example as a JPEG of high quality, and the probe as a lossless WebP."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--probe", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for example in examples():
        Image.fromarray(degrade(example)).save(arguments.out / f"{example.name}.jpg", quality=95, subsampling=0)
    Image.fromarray(probe()).save(arguments.probe, lossless=True, quality=100, method=6)


if __name__ == "__main__":
    main()
