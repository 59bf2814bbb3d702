"""A camera's noise: after the light, coarse, of the stated strength, through the mosaic as OpenCV knows it."""

import cv2
import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from ceair.degradations import DEGRADATIONS
from ceair.degradations.sensor import SHOT_GAIN, demosaic


def to_linear(levels: Tensor) -> Tensor:
    return torch.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def noisy(level: float, severity: float, name: str = "sensor_noise") -> Tensor:
    """Sixteen flat grey images with noise; the same cameras whatever the level."""
    image = torch.full((16, 3, 64, 64), level)
    return DEGRADATIONS[name](image, torch.full((16, 1, 1, 1), severity), Generator().manual_seed(1))


def test_the_mosaic_is_interpolated_as_by_opencv():
    light = torch.rand(1, 3, 12, 16, generator=Generator().manual_seed(0), dtype=torch.float64)
    light = (light * 60000 / 4).round() * 4  # whole numbers, also their means
    raw = light[0, 1].numpy().copy()
    raw[::2, ::2], raw[1::2, 1::2] = light[0, 0, ::2, ::2], light[0, 2, 1::2, 1::2]
    expected = cv2.cvtColor(raw.astype(np.uint16), cv2.COLOR_BayerBG2RGB).astype(np.float64)
    got = demosaic(light)[0].permute(1, 2, 0).numpy()
    assert np.abs(got - expected)[2:-2, 2:-2].max() < 1e-6


def test_its_variance_in_linear_light_grows_evenly_with_the_light():
    greys = (0.35, 0.5, 0.7)
    light = [to_linear(torch.tensor(grey)).item() for grey in greys]
    variance = [to_linear(noisy(grey, 0.3)).var((-2, -1)).mean().item() for grey in greys]
    low, high = ((variance[i + 1] - variance[i]) / (light[i + 1] - light[i]) for i in (0, 1))
    assert low > 0
    assert high == pytest.approx(low, rel=0.15)


def test_the_light_is_kept_and_the_stated_gain_bounds_the_noise():
    restored = to_linear(noisy(0.6, 0.5))
    light = to_linear(torch.tensor(0.6)).item()
    assert restored.mean().item() == pytest.approx(light, rel=0.01)
    deviation = restored.std((-2, -1)).mean().item()
    assert 1.7 < deviation / (SHOT_GAIN * 0.25 * light) ** 0.5 < 2.2  # mosaic, gains and colours move it


def test_its_deviation_grows_with_the_severity():
    weak, strong = (to_linear(noisy(0.5, severity)).std((-2, -1)).mean().item() for severity in (0.3, 0.6))
    assert strong / weak == pytest.approx(2, rel=0.08)


def test_it_is_coarse_and_of_many_colours_unlike_white_noise():
    def alike(name: str, level: float, severity: float) -> tuple[float, float]:
        noise = noisy(level, severity, name) - level
        beside = (noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean()
        between = (noise[:, 0] * noise[:, 1]).mean() / noise.square().mean()
        return beside.item(), between.item()

    assert alike("sensor_noise", 0.6, 0.5)[0] > 0.3
    assert abs(alike("noise", 0.6, 0.5)[0]) < 0.05
    assert alike("sensor_noise", 0.6, 0.5)[1] < 0.3


def test_the_dark_is_noisier_than_the_light():
    assert noisy(0.15, 0.4).std() > 1.2 * noisy(0.8, 0.4).std()
