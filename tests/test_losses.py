"""The laws of the losses."""

import pytest
import torch

from ceair.losses import charbonnier, frequency, l1, make_loss, mse, psnr

LOSSES = [l1, charbonnier, mse, psnr, frequency]


@pytest.fixture
def pair(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(2, 3, 9, 8, generator=generator), torch.rand(2, 3, 9, 8, generator=generator)


@pytest.mark.parametrize("loss", LOSSES)
def test_least_for_equal_images_and_positive_otherwise(loss, pair) -> None:
    restored, clean = pair
    assert loss(clean, clean) <= 1.0001e-3
    assert loss(restored, clean) > 0.02


@pytest.mark.parametrize("loss", LOSSES)
def test_symmetric(loss, pair) -> None:
    torch.testing.assert_close(loss(*pair), loss(*reversed(pair)))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_is_finite_where_images_are_equal(loss, pair) -> None:
    restored = pair[0].clone().requires_grad_()
    loss(restored, pair[0]).backward()
    assert torch.isfinite(restored.grad).all()


def test_values_on_a_constant_difference(pair) -> None:
    clean = pair[0]
    torch.testing.assert_close(l1(clean + 0.5, clean), torch.tensor(0.5))
    torch.testing.assert_close(mse(clean + 0.5, clean), torch.tensor(0.25))
    torch.testing.assert_close(charbonnier(clean + 0.5, clean), torch.tensor((0.25 + 1e-6) ** 0.5))


def test_psnr_counts_the_decibels_of_each_image_alike() -> None:
    clean = torch.zeros(2, 3, 8, 8)
    dark = torch.full((1, 3, 8, 8), 0.5)
    for fine in (0.05, 0.1, 0.2):
        lacking = psnr(torch.cat((torch.full_like(dark, fine), dark)), clean, floor=1e-9)
        expected = 90 + 10 * torch.tensor([fine**2, 0.25]).log10().mean()
        torch.testing.assert_close(lacking, expected)


def test_psnr_hardly_pulls_at_what_is_better_than_its_floor(pair) -> None:
    clean = pair[0]
    pulls = []
    for difference in (3e-5, 1e-2):
        restored = (clean + difference).requires_grad_()
        psnr(restored, clean).backward()
        pulls.append(restored.grad.abs().mean())
    assert pulls[0] < 0.1 * pulls[1]


def test_charbonnier_of_equal_images_is_its_softness(pair) -> None:
    torch.testing.assert_close(charbonnier(pair[0], pair[0], softness=0.01), torch.tensor(0.01))


def test_frequency_is_the_mean_over_real_and_imaginary_parts_of_the_half_spectrum(pair) -> None:
    difference = (pair[0] - pair[1]).numpy()
    import numpy as np

    spectrum = np.fft.rfft2(difference, norm="ortho")
    expected = np.concatenate((np.abs(spectrum.real), np.abs(spectrum.imag))).mean()
    assert frequency(*pair).item() == pytest.approx(expected, rel=1e-5)


def test_frequency_of_white_differences_does_not_grow_with_the_patch(generator: torch.Generator) -> None:
    small, large = (torch.randn(1, 3, size, size, generator=generator) for size in (32, 128))
    ratio = frequency(large, torch.zeros_like(large)) / frequency(small, torch.zeros_like(small))
    assert ratio.item() == pytest.approx(1, abs=0.05)


def test_frequency_accepts_bfloat16(pair) -> None:
    rough = frequency(pair[0].bfloat16(), pair[1].bfloat16())
    assert rough.item() == pytest.approx(frequency(*pair).item(), rel=0.02)


@pytest.mark.parametrize(("name", "loss"), [("l1", l1), ("charbonnier", charbonnier), ("mse", mse), ("psnr", psnr)])
def test_make_loss_adds_the_weighted_frequency_loss(name: str, loss, pair) -> None:
    assert torch.equal(make_loss(name, 0.0)(*pair), loss(*pair))
    torch.testing.assert_close(make_loss(name, 0.3)(*pair), loss(*pair) + 0.3 * frequency(*pair))
