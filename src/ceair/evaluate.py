"""Scoring a way of restoring images against clean ones, as the published tables of the field do.

Both images are first cropped to multiples of 16. The restored one is clipped to [0, 1] and compared as floats, and
once more rounded to 8 bits, as a saved file would be. A table's number is the mean over its images.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ceair import metrics
from ceair.data.pairs import Sample, centre_crop
from ceair.errors import DataError

Restore = Callable[[Float[Tensor, "b 3 h w"]], Float[Tensor, "b 3 h w"]]
"""Restores RGB images in [0, 1]; the result may lie on any device."""

Perceptual = Callable[[Float[Tensor, "b 3 h w"], Float[Tensor, "b 3 h w"]], Float[Tensor, "b"]]
"""A learned distance of restored and clean images, such as `ceair.lpips.LPIPS`."""

FIELD_CROP = 16
"""Sides are cropped to multiples of this in AirNet, PromptIR and all that follow them."""


@dataclass(frozen=True)
class Score:
    """How close a restored image is to the clean one: PSNR in dB, infinite for equal images, and SSIM.

    An SSIM is None where the image is smaller than its window (7 pixels the uniform, 11 the Gaussian one); LPIPS where
    nobody asked for it or a side is shorter than 16 pixels.
    """

    psnr: float
    psnr_8bit: float
    ssim_uniform: float | None
    ssim_gaussian: float | None
    lpips: float | None = None


METRICS = tuple(metric.name for metric in fields(Score))
"""Names of the numbers of a `Score`."""


@dataclass(frozen=True)
class Result:
    """What an image scored, the PSNR that it had before it was restored, and the SHA-256 of the files read."""

    name: str
    height: int
    width: int
    input_psnr: float
    score: Score
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """The results of one condition, such as one strength of noise."""

    condition: str
    results: Sequence[Result]

    @property
    def input_psnr(self) -> float:
        """The mean PSNR before anything was restored; infinite if one image was clean already."""
        return float(np.mean([result.input_psnr for result in self.results]))

    def values(self, metric: str) -> list[float]:
        """The numbers of one metric, of the images that have it."""
        values = (getattr(result.score, metric) for result in self.results)
        return [value for value in values if value is not None]

    def mean(self, metric: str) -> float | None:
        """The mean over the images that have this metric, None if none has."""
        values = self.values(metric)
        return float(np.mean(values)) if values else None

    def interval(self, metric: str) -> tuple[float, float] | None:
        """The 95 % interval of the mean (`metrics.bootstrap_interval`)."""
        return metrics.bootstrap_interval(self.values(metric))

    def as_json(self) -> dict[str, Any]:
        """Plain data for a JSON document; null stands for an infinite PSNR and for what could not be computed."""
        return {
            "condition": self.condition,
            "count": len(self.results),
            "input_psnr": _finite(self.input_psnr),
            "means": {metric: _finite(self.mean(metric)) for metric in METRICS},
            "intervals_95": {metric: self.interval(metric) for metric in METRICS},
            "images": [_flat(result) for result in self.results],
        }


def evaluate(
    samples: Iterable[Sample], restore: Restore, crop: int = FIELD_CROP, ssim: bool = True
) -> Iterator[Result]:
    """Restore and score samples one by one, in their order.

    Args:
        crop: sides are cropped to multiples of this about the centre; 1 for the full images.
        ssim: whether to compute SSIM, which takes longer than PSNR and needs scikit-image.

    Raises:
        DataError: the restored image is of another size or holds values that are not finite.
    """
    for sample in samples:
        inner = cropped(sample, crop)
        yield judge(inner, restored_pixels(inner, restore), ssim)


def cropped(sample: Sample, crop: int) -> Sample:
    """Both images with their sides cropped to multiples of `crop` about the centre."""
    return replace(sample, degraded=centre_crop(sample.degraded, crop), clean=centre_crop(sample.clean, crop))


def restored_pixels(sample: Sample, restore: Restore) -> metrics.Image:
    """What `restore` makes of the degraded image of a sample.

    Raises:
        DataError: it is of another size or holds values that are not finite.
    """
    batch = torch.from_numpy(_unit(sample.degraded)).permute(2, 0, 1)[None]
    restored = restore(batch).detach().float().cpu()
    if restored.shape != batch.shape or not torch.isfinite(restored).all():
        shapes = f"{tuple(restored.shape)} from {tuple(batch.shape)}"
        raise DataError(f"the restored image of {sample.name} is of another size ({shapes}) or not finite")
    return restored[0].permute(1, 2, 0).numpy()


def judge(
    sample: Sample,
    restored: metrics.Image,
    ssim: bool = True,
    files: Mapping[str, str] | None = None,
    perceptual: Perceptual | None = None,
) -> Result:
    """The result of a sample: `restored` and its degraded image, compared with the clean one; `files` are noted."""
    clean = _unit(sample.clean)
    height, width = clean.shape[:2]
    before = metrics.psnr(_unit(sample.degraded), clean)
    return Result(sample.name, height, width, before, score(restored, clean, ssim, perceptual), files or {})


def score(
    restored: metrics.Image, clean: metrics.Image, ssim: bool = True, perceptual: Perceptual | None = None
) -> Score:
    """Compare a restored with a clean image, RGB in [0, 1]; the restored one is clipped to that range.

    Raises:
        DataError: scikit-image, which computes SSIM, is not installed.
    """
    restored = restored.clip(0, 1)
    rounded = (np.rint(restored * 255) / 255).astype(clean.dtype)
    side = min(clean.shape[:2]) if ssim else 0
    return Score(
        psnr=metrics.psnr(restored, clean),
        psnr_8bit=metrics.psnr(rounded, clean),
        ssim_uniform=metrics.ssim_uniform(restored, clean) if side >= metrics.UNIFORM_WINDOW else None,
        ssim_gaussian=metrics.ssim_gaussian(restored, clean) if side >= metrics.GAUSSIAN_WINDOW else None,
        lpips=_distance(perceptual, restored, clean) if perceptual and min(clean.shape[:2]) >= 16 else None,
    )


def identity(degraded: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """The `Restore` that does nothing: what unprocessed images score."""
    return degraded


def _distance(perceptual: Perceptual, restored: metrics.Image, clean: metrics.Image) -> float:
    pair = (torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None] for image in (restored, clean))
    return float(perceptual(*pair))


def _unit(image: np.ndarray) -> metrics.Image:
    return image.astype(np.float32) / 255


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _flat(result: Result) -> dict[str, Any]:
    numbers = {"input_psnr": result.input_psnr, **asdict(result.score)}
    finite = {name: _finite(value) for name, value in numbers.items()}
    files = {"sha256": dict(result.files)} if result.files else {}
    return {"name": result.name, "height": result.height, "width": result.width, **finite, **files}
