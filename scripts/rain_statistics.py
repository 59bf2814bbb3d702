"""Measure the streaks of rain layers: those of a folder of masks, or of pairs, beside our own.

    python scripts/rain_statistics.py --masks DIR
    python scripts/rain_statistics.py --pairs DIR        # with `input/` and `target/`: the layer is input minus target

Of each layer, in grey: how far the streaks lean from upright, in degrees; their length and width, as the full width at
half of the maximum of the layer's autocorrelation along and across the lean, in pixels; the share of pixels that are
brighter than half of the brightest hundredth; the mean, and the 99th percentile of brightness, in grey levels of 255.
Our own are drawn at severity 0.5, on black. Printed: the least, the median and the most of each.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from ceair.data.pairs import read_pair
from ceair.data.sources import pair_up
from ceair.degradations import compose
from ceair.errors import CeairError, DataError
from ceair.image import list_images, read_rgb

NAMES = ("lean", "length", "width", "share", "mean", "bright")
REACH = 80
OURS = 60


def main() -> None:
    """Print a line for each kind of layer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--masks", type=Path, help="a folder; its images with `rain` in their names are measured")
    parser.add_argument("--pairs", type=Path)
    try:
        report(parser.parse_args())
    except CeairError as error:
        parser.error(str(error))


def report(arguments: argparse.Namespace) -> None:
    """Measure what was asked for, and ours."""
    print(f"{'layers':8} {'number':>6} ", *(f"{name:>20}" for name in NAMES))
    if arguments.masks:
        masks = [path for path in list_images(arguments.masks) if "rain" in path.stem]
        if not masks:
            raise DataError(f"{arguments.masks} holds no image with `rain` in its name")
        show("masks", (grey(read_rgb(path)) for path in masks))
    if arguments.pairs:
        show("pairs", differences(arguments.pairs))
    show("ours", ours())


def show(name: str, layers: Iterator[np.ndarray]) -> None:
    """Print the least, the median and the most of each measure."""
    rows = np.array([measure(layer) for layer in layers])
    cells = [f"{low:.3g} / {middle:.3g} / {high:.3g}" for low, middle, high in np.quantile(rows, (0, 0.5, 1), axis=0).T]
    print(f"{name:8} {len(rows):6} ", *(f"{cell:>20}" for cell in cells))


def differences(folder: Path) -> Iterator[np.ndarray]:
    """What the rain added to each photo."""
    for paths in pair_up(folder / "input", folder / "target"):
        pair = read_pair(*paths)
        yield np.clip(grey(pair.degraded) - grey(pair.clean), 0, None)


def ours() -> Iterator[np.ndarray]:
    """Our rain at severity 0.5, on black, of a photo's size."""
    for seed in range(OURS):
        black, severity = torch.zeros(1, 3, 320, 480), torch.full((1, 1, 1, 1), 0.5)
        yield 255 * compose(black, {"rain": severity}, torch.Generator().manual_seed(seed))[0, 0].numpy()


def grey(image: np.ndarray) -> np.ndarray:
    """The mean of the channels, in [0, 255]."""
    return image.astype(np.float64).mean(-1)


def measure(layer: np.ndarray) -> tuple[float, ...]:
    """The measures of `NAMES`."""
    lean = leaning(layer)
    spectrum = np.fft.rfft2(layer - layer.mean())
    correlation = np.fft.fftshift(np.fft.irfft2(np.abs(spectrum) ** 2, s=layer.shape))
    along, across = (full_width(correlation, angle) for angle in (lean, lean + np.pi / 2))
    bright = float(np.quantile(layer, 0.99))
    share = float((layer > bright / 2).mean())
    return float(np.degrees(lean)), along, across, share, float(layer.mean()), bright


def leaning(layer: np.ndarray) -> float:
    """The direction of least change, in radians from upright, rightwards at the bottom: of the structure tensor."""
    down, right = np.gradient(gaussian_filter(layer, 0.7))
    angle = 0.5 * np.arctan2(2 * (down * right).mean(), (right**2).mean() - (down**2).mean())
    return float(-angle)


def full_width(correlation: np.ndarray, angle: float) -> float:
    """Twice how far a centred autocorrelation stays above half of its maximum, in a direction given from upright."""
    steps = np.arange(0, REACH, 0.1)
    rows, columns = (size // 2 for size in correlation.shape)
    line = map_coordinates(
        correlation, (rows + steps * np.cos(angle), columns + steps * np.sin(angle)), order=1, mode="nearest"
    )
    below = np.flatnonzero(line < line[0] / 2)
    return float(2 * steps[below[0]]) if len(below) else 2.0 * REACH


if __name__ == "__main__":
    main()
