"""What restoring changed, in numbers that need no knowledge of the network."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Shaped

from ceair.metrics import psnr
from ceair.picture import LUMA, Picture

VISIBLE = 5
"""Levels of 255 by which a pixel must change, in its brightest-changing channel, to count as changed."""

_ROWS = 256  # that are looked at at a time
_GRAIN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)

Samples = Shaped[np.ndarray, "h w c"]


@dataclass(frozen=True)
class Look:
    """How an image looks, in levels of 0 to 255.

    Attributes:
        brightness: mean of the luma.
        contrast: standard deviation of the luma.
        grain: standard deviation of what varies from pixel to pixel: noise, and the finest texture with it.
    """

    brightness: float
    contrast: float
    grain: float


@dataclass(frozen=True)
class Figures:
    """What was changed from one image to another.

    Attributes:
        before, after: how they look.
        change: mean absolute change of a channel, in levels of 255.
        changed: share of pixels that changed by more than `VISIBLE` levels in some channel.
        truth: PSNR to the clean photo, in dB, before and after, where that is known.
    """

    before: Look
    after: Look
    change: float
    changed: float
    truth: tuple[float, float] | None = None


def compare(before: Picture, after: Picture, truth: Samples | None = None) -> Figures:
    """The figures of a photo and its result, which have the same size.

    Args:
        truth: the clean photo, 8-bit RGB.
    """
    change, changed = 0.0, 0
    for first, second in zip(_bands(before), _bands(after), strict=True):
        difference = np.abs(second - first)
        change += float(difference.sum(dtype=np.float64)) / difference.shape[-1]
        changed += int(np.count_nonzero(difference.max(axis=-1) > VISIBLE))
    count = math.prod(before.samples.shape[:2])
    clean = None if truth is None else truth.astype(np.float32) / 255
    scores = None if clean is None else (psnr(before.pixels, clean), psnr(after.pixels, clean))
    return Figures(_look(before), _look(after), change / count, changed / count, scores)


def _look(picture: Picture) -> Look:
    """Source of the grain: J. Immerkaer, Fast noise variance estimation, CVIU 64 (1996), eq. 3, over bands of rows."""
    total = squares = grain = 0.0
    count = inner = 0
    for band in _bands(picture):
        luma = band @ np.array(LUMA, np.float32) if band.shape[-1] == 3 else band[..., 0]
        total += float(luma.sum(dtype=np.float64))
        squares += float(np.square(luma, dtype=np.float64).sum())
        count += luma.size
        if min(luma.shape) >= 3:
            rough = cv2.filter2D(luma, cv2.CV_32F, _GRAIN)[1:-1, 1:-1]
            grain += float(np.abs(rough).sum(dtype=np.float64))
            inner += rough.size
    mean = total / count
    contrast = math.sqrt(max(0.0, squares / count - mean**2))
    return Look(mean, contrast, math.sqrt(math.pi / 2) / 6 * grain / inner if inner else 0.0)


def _bands(picture: Picture) -> Iterator[Float32[np.ndarray, "h w c"]]:
    """Its colours in bands of rows, in levels of 0 to 255."""
    unit = np.float32(257 if picture.depth == 16 else 1)
    for top in range(0, len(picture.samples), _ROWS):
        yield picture.samples[top : top + _ROWS].astype(np.float32) / unit
