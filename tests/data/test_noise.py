"""The benchmarks' noise: the same for a name wherever it is drawn, clipped, truncated."""

import hashlib

import numpy as np
import pytest

from ceair.data.noise import LegacyNoise, add_noise

GREY = np.full((128, 128, 3), 128, np.uint8)


def test_a_small_case_is_what_it_always_was() -> None:
    ramp = np.arange(12 * 10 * 3).astype(np.uint8).reshape(12, 10, 3)
    digest = hashlib.sha256(add_noise(ramp, 25, "101085").tobytes()).hexdigest()
    assert digest == "5f6ed934d61c27446c1215d445c4eb9f5f92777afb687cd3e9b81e34278d5276"


def test_a_name_that_is_no_utf_8_has_noise_of_its_own() -> None:
    odd = "x\udcff"  # as Linux gives the name b"x\xff"
    assert np.array_equal(add_noise(GREY, 15, odd), add_noise(GREY, 15, odd))
    assert not np.array_equal(add_noise(GREY, 15, odd), add_noise(GREY, 15, "x"))


def test_order_and_the_global_generator_do_not_matter() -> None:
    first = {name: add_noise(GREY, 15, name) for name in ("a", "b")}
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    second = {name: add_noise(GREY, 15, name) for name in ("b", "a")}
    assert np.array_equal(np.random.get_state()[1], before)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_names_and_strengths_give_unrelated_noise() -> None:
    reference = add_noise(GREY, 15, "a").astype(float) - 128
    for other in (add_noise(GREY, 15, "b"), add_noise(GREY, 16, "a")):
        correlation = np.corrcoef(reference.ravel(), other.ravel())[0, 1]
        assert abs(correlation) < 0.02


def test_an_integer_strength_is_the_same_as_a_float() -> None:
    assert np.array_equal(add_noise(GREY, 15, "a"), add_noise(GREY, 15.0, "a"))


@pytest.mark.parametrize("sigma", [15, 25])
def test_truncation_darkens_by_half_a_grey_level(sigma: int) -> None:
    noise = add_noise(GREY, sigma, "a").astype(float) - 128
    assert noise.mean() == pytest.approx(-0.5, abs=4 * sigma / np.sqrt(GREY.size))
    assert noise.std() == pytest.approx(sigma, rel=0.02)


def test_values_are_clipped_and_never_wrap() -> None:
    black, white = (np.full((64, 64, 3), value, np.uint8) for value in (0, 255))
    assert add_noise(black, 50, "a").max() < 255
    assert (add_noise(black, 50, "a") == 0).mean() > 0.5
    assert (add_noise(white, 50, "a") == 255).mean() > 0.48
    assert add_noise(white, 50, "a").min() > 0


def test_no_noise_is_the_identity() -> None:
    assert np.array_equal(add_noise(GREY, 0, "a"), GREY)


def test_legacy_noise_is_the_stream_of_the_published_code() -> None:
    images = [np.full((16, 16 + 16 * index, 3), 40 * index, np.uint8) for index in range(4)]
    expected = {}
    np.random.seed(0)
    for sigma in (15, 25, 50):
        for index, image in enumerate(images):
            noise = np.random.randn(*image.shape)
            expected[sigma, index] = np.clip(image + noise * sigma, 0, 255).astype(np.uint8)
    size = sum(image.size for image in images)
    for before, sigma in enumerate((15, 25, 50)):
        stream = LegacyNoise(skipped=before * size)
        for index, image in enumerate(images):
            assert np.array_equal(stream.add(image, sigma), expected[sigma, index])
