"""Measure how far the middle of an exposure lies from the middle of its blur: in pairs made of frames, and in ours.

    python scripts/shake_statistics.py --pairs DIR        # with `input/`, shaken, and `target/`, what was there halfway

Of each pair, in grey: the kernel that makes the target the input as well as one kernel for the whole picture can, from
their spectra; its standard deviation along its longest direction, in pixels; and how far its mean is from the place of
the target, in such deviations. Ours are the same targets with `motion_blur` at a severity between 0.3 and 0.9. Printed:
what a tenth, a half and nine tenths of the pictures stay below.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from ceair.data.pairs import Sample, complete_pairs, read_pair
from ceair.degradations import compose
from ceair.errors import CeairError

SIDE = 61
NOISE = 0.01
"""Of a picture's mean power: where it has less than this, its kernel is not to be had."""
FAINT = 0.12
"""What stays below this share of a kernel's highest value is taken for noise."""


def main() -> None:
    """Print a line for the pairs and one for ours."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=Path, required=True)
    folder = parser.parse_args().pairs
    try:
        samples = [read_pair(*paths) for paths in complete_pairs(folder / "input", folder / "target")]
    except CeairError as error:
        parser.error(str(error))
    for sample in samples:
        if min(sample.clean.shape[:2]) < SIDE:
            parser.error(
                f"{sample.name} is smaller than {SIDE}x{SIDE}, the largest kernel that is looked for; leave it out"
            )
    print(f"{'shakes':8} {'number':>6} {'deviation, pixels':>22} {'off the middle':>22}")
    show("pairs", ((sample.degraded.mean(-1), sample.clean.mean(-1)) for sample in samples))
    show("ours", ours(samples))


def show(name: str, found: Iterator[tuple[np.ndarray, np.ndarray]]) -> None:
    """Print three quantiles of each measure."""
    rows = np.array([measure(kernel_of(shaken, sharp)) for shaken, sharp in found])
    cells = [" / ".join(f"{value:.2f}" for value in column) for column in np.quantile(rows, (0.1, 0.5, 0.9), axis=0).T]
    print(f"{name:8} {len(rows):6}", *(f"{cell:>22}" for cell in cells))


def ours(samples: Sequence[Sample]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The sharp pictures in grey, shaken by us and as they are."""
    for seed, sample in enumerate(samples):
        generator = torch.Generator().manual_seed(seed)
        sharp = torch.from_numpy(sample.clean.copy()).movedim(-1, 0)[None] / 255
        severity = 0.3 + 0.6 * torch.rand(1, 1, 1, 1, generator=generator)
        shaken = compose(sharp, {"motion_blur": severity}, generator)
        yield shaken[0].mean(0).double().numpy(), sharp[0].mean(0).double().numpy()


def kernel_of(shaken: np.ndarray, sharp: np.ndarray) -> np.ndarray:
    """The centred kernel between two pictures, by Wiener's quotient of their spectra; it sums to 1."""
    window = np.outer(*(np.hanning(size) for size in sharp.shape))
    after, before = (np.fft.fft2((plane - plane.mean()) * window) for plane in (shaken, sharp))
    power = np.abs(before) ** 2
    kernel = np.fft.fftshift(np.fft.ifft2(after * before.conj() / (power + NOISE * power.mean())).real)
    row, column = (size // 2 - SIDE // 2 for size in kernel.shape)
    kernel = kernel[row : row + SIDE, column : column + SIDE]
    kernel = np.where(kernel < FAINT * kernel.max(), 0, kernel)
    return kernel / kernel.sum()


def measure(kernel: np.ndarray) -> tuple[float, float]:
    """The deviation along the longest direction, and how far the mean is from the centre, in deviations."""
    places = np.indices(kernel.shape).reshape(2, -1) - SIDE // 2
    mean = places @ kernel.ravel()
    longest = np.linalg.eigvalsh(np.cov(places, aweights=kernel.ravel(), ddof=0))[-1]
    deviation = float(np.sqrt(max(longest, 1e-6)))
    return deviation, float(np.hypot(*mean)) / deviation


if __name__ == "__main__":
    main()
