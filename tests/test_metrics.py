"""PSNR by hand, and both SSIM conventions against a window-by-window second implementation."""

import math
import sys

import numpy as np
import pytest

from ceair.errors import DataError
from ceair.metrics import psnr, ssim_gaussian, ssim_uniform


def pictures(height: int = 14, width: int = 17) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    clean = generator.random((height, width, 3))
    return (clean + 0.1 * generator.standard_normal(clean.shape)).clip(0, 1), clean


def slow_ssim(restored: np.ndarray, clean: np.ndarray, weights: np.ndarray) -> float:
    """The mean of SSIM over all windows that lie inside the image, with sample covariances."""
    side = len(weights)
    unbiased = side**2 / (side**2 - 1)
    values = []
    for channel in range(3):
        for top in range(clean.shape[0] - side + 1):
            for left in range(clean.shape[1] - side + 1):
                x, y = (image[top : top + side, left : left + side, channel] for image in (restored, clean))
                mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
                var_x = unbiased * ((weights * x * x).sum() - mean_x**2)
                var_y = unbiased * ((weights * y * y).sum() - mean_y**2)
                cov = unbiased * ((weights * x * y).sum() - mean_x * mean_y)
                means = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
                values.append(means * (2 * cov + 0.03**2) / (var_x + var_y + 0.03**2))
    return float(np.mean(values))


def test_psnr_of_a_constant_error_by_hand() -> None:
    clean = np.full((2, 3, 3), 0.5)
    assert psnr(clean + 0.1, clean) == pytest.approx(20.0)
    one_channel = clean.copy()
    one_channel[..., 0] += 0.1  # a third of the squared error
    assert psnr(one_channel, clean) == pytest.approx(20.0 + 10 * math.log10(3))


def test_psnr_of_equal_images_is_infinite() -> None:
    assert psnr(np.ones((2, 2, 3)), np.ones((2, 2, 3))) == math.inf


def test_ssim_uniform_equals_the_slow_one() -> None:
    assert ssim_uniform(*pictures()) == pytest.approx(slow_ssim(*pictures(), np.full((7, 7), 1 / 49)), abs=1e-9)


def test_ssim_gaussian_equals_the_slow_one() -> None:
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights = np.outer(taps, taps) / taps.sum() ** 2
    assert ssim_gaussian(*pictures()) == pytest.approx(slow_ssim(*pictures(), weights), abs=1e-9)


def test_ssim_without_scikit_image_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(DataError, match=r"pip install 'ceair\[bench\]'"):
        ssim_uniform(*pictures())
