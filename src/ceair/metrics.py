"""PSNR and the two SSIM conventions of the field, through scikit-image, and how sure a mean of them is.

Those of images take a restored and a clean one, RGB `h w 3` as floats in [0, 1], and compare with a data range of 1.

Source: scikit-image, as the evaluation code of the AirNet/PromptIR line (SSIM with a uniform 7x7 window) and of the
MoCE-IR line (Gaussian window, sigma 1.5, 11 taps) calls it. The two differ by up to 0.01 on the same image.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ceair.errors import DataError

Image = Float[np.ndarray, "h w 3"]

UNIFORM_WINDOW, GAUSSIAN_WINDOW = 7, 11
"""The smallest side, in pixels, of an image for `ssim_uniform` and for `ssim_gaussian`."""


def psnr(restored: Image, clean: Image) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and channels; infinite for equal images."""
    error = float(np.mean(np.square(restored.astype(np.float64) - clean.astype(np.float64))))
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def ssim_uniform(restored: Image, clean: Image) -> float:
    """Structural similarity with a uniform 7x7 window, the mean of the three channels.

    Raises:
        DataError: scikit-image is not installed.
    """
    return _ssim(restored, clean, gaussian=False)


def ssim_gaussian(restored: Image, clean: Image) -> float:
    """Structural similarity with a Gaussian window of sigma 1.5 (11 taps), the mean of the three channels.

    Raises:
        DataError: scikit-image is not installed.
    """
    return _ssim(restored, clean, gaussian=True)


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The bootstrap interval that holds the mean with 95 % confidence, as another draw of images might give it.

    The draws are seeded, so that the same values give the same interval. None for fewer than two values, and where one
    is infinite.
    """
    numbers = np.array(values)
    if len(numbers) < 2 or not np.isfinite(numbers).all():
        return None
    draws = np.random.default_rng(0).integers(len(numbers), size=(1000, len(numbers)))
    low, high = np.quantile(numbers[draws].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def _ssim(restored: Image, clean: Image, gaussian: bool) -> float:
    try:
        from skimage.metrics import structural_similarity
    except ImportError as error:
        raise DataError("SSIM needs scikit-image; install it with `pip install 'ceair[bench]'`") from error
    return float(structural_similarity(restored, clean, channel_axis=-1, data_range=1.0, gaussian_weights=gaussian))
