"""What `--cautious` keeps of clean images, and what it costs damaged ones, on test sets.

    python benchmarks/do_no_harm.py --data DIR --limit 20

DIR holds `Rain100L/input` and `target`, `LOL-v1/input` and `target`, and `CBSD68/target`; sides are cropped to
multiples of 16, noise is that of `ceair evaluate`. An image that is left exactly as it is has an infinite PSNR, so two
means are given: with every image counting 100 dB at most, and 60 dB at most.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from ceair.caution import Damping, load_caution, moments
from ceair.data.noise import add_noise
from ceair.data.pairs import centre_crop
from ceair.image import list_images, read_rgb
from ceair.metrics import psnr
from ceair.restore import Restorer

Pair = tuple[np.ndarray, np.ndarray]


def main() -> None:
    """Print a line for each set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", default="ceair-t")
    parser.add_argument("--engine", default="openvino")
    parser.add_argument("--limit", type=int, default=10**9, help="use about so many images of each set, evenly spaced")
    arguments = parser.parse_args()
    restorer = Restorer.from_pretrained(arguments.weights, engine=arguments.engine, precision="fp32")
    damping = Damping(1.0, load_caution(arguments.weights))
    for name, pairs in sets(arguments.data, arguments.limit):
        rows = np.array([judged(restorer, damping, *pair) for pair in pairs])
        plain, cautious, shares = rows.T
        print(
            f"{name:22} {len(rows):4} images  PSNR {plain.clip(max=100).mean():6.2f}"
            f"  cautious {cautious.clip(max=100).mean():6.2f} (60 at most: {cautious.clip(max=60).mean():.2f})"
            f"  left as they are {(shares == 0).sum()}, fully restored {(shares == 1).sum()}",
            flush=True,
        )


def sets(data: Path, limit: int) -> Iterator[tuple[str, Iterator[Pair]]]:
    """The sets by name, each with its degraded and clean images."""
    rain, light, photos = (data / name for name in ("Rain100L", "LOL-v1", "CBSD68"))
    yield "Rain100L targets", ((clean, clean) for _, clean in paired(rain / "target", rain / "target", limit))
    yield "Rain100L", paired(rain / "input", rain / "target", limit)
    yield "LOL-v1", paired(light / "input", light / "target", limit)
    for strength in (15, 25, 50):
        yield f"CBSD68, noise {strength}", noisy(photos / "target", strength, limit)


def paired(degraded: Path, clean: Path, limit: int) -> Iterator[Pair]:
    """Images of the same names."""
    for path in spaced(degraded, limit):
        yield cropped(path), cropped(clean / path.name)


def noisy(folder: Path, strength: float, limit: int) -> Iterator[Pair]:
    """Clean images with noise of a standard deviation in grey levels."""
    for path in spaced(folder, limit):
        yield centre_crop(add_noise(read_rgb(path), strength, path.stem), 16), cropped(path)


def spaced(folder: Path, limit: int) -> list[Path]:
    """About so many images of a folder, evenly spaced."""
    paths = list_images(folder)
    return paths[:: max(1, len(paths) // limit)]


def cropped(path: Path) -> np.ndarray:
    """An image with sides that are multiples of 16."""
    return centre_crop(read_rgb(path), 16)


def judged(restorer: Restorer, damping: Damping, degraded: np.ndarray, clean: np.ndarray) -> tuple[float, float, float]:
    """PSNR in dB without and with caution, and the share of the change that caution applies."""
    before, target = (
        torch.from_numpy(one.astype(np.float32) / 255).permute(2, 0, 1)[None] for one in (degraded, clean)
    )
    after = restorer.restore_tensor(before)
    share = damping.share(moments(before, after)[0])
    whole, cautious = (psnr(image.numpy(), target.numpy()) for image in (after, torch.lerp(before, after, share)))
    return whole, cautious, share


if __name__ == "__main__":
    main()
