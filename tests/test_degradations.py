"""The laws of the degradations, design section 4: pure, seeded, in range, graded by severity, uneven where asked."""

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Generator, Tensor

from ceair.degradations import DEGRADATIONS, compose, severity_map
from ceair.degradations.camera import NOISE_SIGMA
from ceair.degradations.jpeg import encode_decode
from ceair.degradations.shake import FRAMES, motion_blur
from ceair.errors import ConfigError

LOCAL = {"low_light", "rain", "snow", "haze", "noise"}
"""Those whose severity at a pixel acts on that pixel alone."""
RANDOM = set(DEGRADATIONS) - {"jpeg", "defocus"}

each = pytest.mark.parametrize("name", DEGRADATIONS)


def photos(height: int = 48, width: int = 56, batch: int = 2, seed: int = 0) -> Tensor:
    """Something like photographs: smooth shapes, edges and some texture, in 8 bits."""
    draw = Generator().manual_seed(seed)
    smooth = torch.nn.functional.interpolate(
        torch.rand(batch, 3, 5, 5, generator=draw), (height, width), mode="bicubic", align_corners=True
    )
    edges = (torch.arange(width) // 9 % 2).float() * 0.25
    texture = 0.03 * torch.randn(batch, 3, height, width, generator=draw)
    return ((0.1 + 0.5 * smooth + edges + texture).clamp(0.02, 0.98) * 255).round() / 255


def apply(name: str, image: Tensor, severity: float | Tensor, seed: int = 3) -> Tensor:
    if isinstance(severity, float):
        severity = torch.full((len(image), 1, 1, 1), severity)
    return DEGRADATIONS[name](image, severity, Generator().manual_seed(seed))


def distance(one: Tensor, other: Tensor) -> float:
    return (one - other).square().mean().sqrt().item()


@each
def test_pure_the_image_and_the_severity_are_left_alone(name: str) -> None:
    image, severity = photos(), torch.full((2, 1, 48, 56), 0.7)
    before = image.clone(), severity.clone()
    apply(name, image, severity)
    assert torch.equal(image, before[0])
    assert torch.equal(severity, before[1])


@each
def test_the_generator_alone_decides(name: str) -> None:
    torch.manual_seed(1)
    first = apply(name, photos(), 0.6)
    torch.manual_seed(2)
    assert torch.equal(apply(name, photos(), 0.6), first)
    differs = not torch.equal(apply(name, photos(), 0.6, seed=4), first)
    assert differs == (name in RANDOM)


@pytest.mark.parametrize("name", sorted(RANDOM))
def test_the_images_of_a_batch_are_damaged_differently(name: str) -> None:
    one = photos(batch=1).expand(2, -1, -1, -1)
    first, second = apply(name, one, 0.8)
    assert not torch.equal(first, second)


@each
@pytest.mark.parametrize("size", [(17, 9), (33, 51), (1, 1), (2, 7)])
@pytest.mark.parametrize("severity", [0.3, 1.0])
def test_shape_and_range_and_type_are_kept_at_any_size(name: str, size: tuple[int, int], severity: float) -> None:
    image = photos(*size)
    for extreme in (image, torch.zeros_like(image), torch.ones_like(image)):
        degraded = apply(name, extreme, severity)
        assert degraded.shape == image.shape
        assert degraded.dtype == torch.float32
        assert degraded.device == image.device
        assert torch.isfinite(degraded).all()
        assert degraded.min() >= 0
        assert degraded.max() <= 1


@each
def test_double_precision_is_kept_and_agrees_with_single(name: str) -> None:
    degraded = apply(name, photos().double(), 0.5)
    assert degraded.dtype == torch.float64
    assert distance(degraded.float(), apply(name, photos(), 0.5)) < 2e-3


@each
def test_severity_0_is_exactly_the_identity(name: str) -> None:
    image = photos()
    assert torch.equal(apply(name, image, 0.0), image)
    assert torch.equal(apply(name, image, torch.zeros(2, 1, 48, 56)), image)


@each
def test_severity_0_spares_one_image_of_a_batch(name: str) -> None:
    image = photos()
    degraded = apply(name, image, torch.tensor([0.0, 0.8]).view(2, 1, 1, 1))
    assert torch.equal(degraded[0], image[0])
    assert distance(degraded[1], image[1]) > 5e-3


@each
def test_the_distance_to_clean_grows_with_severity(name: str) -> None:
    image = photos(batch=6)
    distances = [distance(apply(name, image, severity), image) for severity in (0.0, 0.1, 0.4, 0.7, 1.0)]
    assert distances == sorted(set(distances)), distances
    assert distances[-1] > 1.5 * distances[1]


@each
def test_a_constant_map_equals_the_number(name: str) -> None:
    image = photos()
    uneven = apply(name, image, torch.full((2, 1, 48, 56), 0.55))
    torch.testing.assert_close(uneven, apply(name, image, 0.55), atol=2e-6, rtol=0)


@each
def test_nothing_changes_where_the_map_is_zero(name: str) -> None:
    image = photos()
    severity = torch.zeros(2, 1, 48, 56)
    severity[..., 16:32, 16:40] = 0.9
    degraded = apply(name, image, severity)
    untouched = (severity == 0).expand_as(image)
    assert torch.equal(degraded[untouched], image[untouched])
    assert distance(degraded[..., 16:32, 16:40], image[..., 16:32, 16:40]) > 5e-3


@pytest.mark.parametrize("name", sorted(LOCAL))
def test_a_map_acts_pixel_by_pixel(name: str) -> None:
    image, severity = photos(), torch.full((2, 1, 48, 56), 0.8)
    severity[..., :20] = 0.3
    degraded = apply(name, image, severity)
    torch.testing.assert_close(degraded[..., :20], apply(name, image, 0.3)[..., :20], atol=1e-6, rtol=0)
    torch.testing.assert_close(degraded[..., 20:], apply(name, image, 0.8)[..., 20:], atol=1e-6, rtol=0)


@each
def test_more_severe_pixels_of_a_map_are_further_from_clean(name: str) -> None:
    image = photos(batch=8)
    severity = torch.full((8, 1, 48, 56), 0.15)
    severity[..., 28:] = 1.0
    degraded = apply(name, image, severity)
    assert distance(degraded[..., 32:], image[..., 32:]) > 1.2 * distance(degraded[..., :24], image[..., :24])


def test_noise_is_numpys_clip_and_truncate_to_8_bits() -> None:
    image = photos(batch=4)
    drawn = torch.randn(image.shape, generator=Generator().manual_seed(3)).numpy().astype(np.float64)
    levels = np.rint(image.numpy().astype(np.float64) * 255)
    expected = np.uint8(np.clip(levels + 0.5 * NOISE_SIGMA * drawn, 0, 255))
    got = np.rint(apply("noise", image, 0.5).numpy() * 255)
    assert np.abs(got - expected).max() <= 1
    # The offset that protects whole levels moves draws within a thousandth below a level.
    assert (got != expected).mean() < 3e-3


def test_noise_keeps_8_bit_levels_that_it_does_not_move() -> None:
    ramp = (torch.arange(256.0) / 255).view(1, 1, 16, 16).expand(1, 3, -1, -1)
    assert torch.equal((apply("noise", ramp, 1e-9) * 255).round(), (ramp * 255).round())


def test_noise_has_the_stated_deviation_and_darkens_by_half_a_level() -> None:
    image = torch.full((4, 3, 64, 64), 128 / 255)
    difference = 255 * (apply("noise", image, 0.3) - image)
    assert difference.std().item() == pytest.approx(0.3 * NOISE_SIGMA, rel=0.02)
    assert difference.mean().item() == pytest.approx(-0.5, abs=0.2)


@pytest.mark.parametrize("name", ["defocus", "motion_blur"])
def test_blurs_keep_constant_images_and_spread_points(name: str) -> None:
    flat = torch.full((2, 3, 40, 44), 0.4)
    torch.testing.assert_close(apply(name, flat, 0.9), flat, atol=1e-5, rtol=0)
    dot = torch.zeros(1, 3, 61, 61)
    dot[..., 30, 30] = 1
    assert apply(name, dot, 0.8).max() < 0.5


def test_defocus_keeps_the_mean() -> None:
    dot = torch.zeros(1, 3, 61, 61)
    dot[..., 30, 30] = 1
    torch.testing.assert_close(apply("defocus", dot, 0.8).sum((-2, -1)), torch.ones(1, 3), atol=1e-3, rtol=0)


def reaches(image: Tensor, every: int) -> Tensor:
    """How far the light of each of a grid of points is spread about its centre: the root of its mean square, b n."""
    cells = image[:, 0].unfold(1, every, every).unfold(2, every, every).flatten(1, 2)
    share = cells / cells.sum((-2, -1), keepdim=True)
    places = torch.arange(every, dtype=torch.float32)
    rows, columns = share.sum(-1), share.sum(-2)
    squares = ((axis @ places.square()) - (axis @ places).square() for axis in (rows, columns))
    return sum(squares).clamp(min=0).sqrt()


def test_motion_blur_differs_from_place_to_place_and_is_about_as_long_as_stated() -> None:
    points = torch.zeros(24, 3, 240, 240)
    points[..., 24::48, 24::48] = 1
    spread = reaches(apply("motion_blur", points, 0.5), 48)
    # A straight line of a length has a deviation of the root of a twelfth of it.
    length = 12**0.5 * spread
    assert 0.6 * 15 < length.median() < 1.3 * 15
    assert length.max() < 3 * 15
    assert (length.amax(-1) / length.amin(-1)).median() > 1.15


def test_motion_blur_passes_through_the_photo_in_the_middle_of_its_time_and_not_of_its_light() -> None:
    points = torch.zeros(64, 3, 61, 61)
    points[..., 30, 30] = 1
    image = apply("motion_blur", points, 0.6)
    blurred = image[:, 0]
    assert (blurred[:, 29:32, 29:32].sum((-2, -1)) > 0).all()
    share = blurred / blurred.sum((-2, -1), keepdim=True)
    places = torch.arange(61, dtype=torch.float32) - 30
    # In deviations of the blur; pairs made of frames have 0.13 in the median and 0.25 in one of ten (REDS).
    away = torch.hypot(share.sum(-1) @ places, share.sum(-2) @ places) / reaches(image, 61)[:, 0]
    assert 0.1 < away.median() < 0.3
    assert away.quantile(0.9) < 0.6


def test_motion_blur_is_a_row_of_few_dots_in_half_of_the_calls_and_a_line_in_the_others() -> None:
    dot = torch.zeros(1, 3, 81, 81)
    dot[..., 40, 40] = 1
    lit = [(apply("motion_blur", dot, 1.0, seed)[0, 0] > 1e-6).numpy().astype(np.uint8) for seed in range(40)]
    parts = [cv2.connectedComponents(pixels)[0] - 1 for pixels in lit]
    assert 12 < sum(part > 2 for part in parts) < 28
    assert max(parts) <= max(FRAMES)


@pytest.mark.parametrize("moments", [0, 1])
def test_motion_blur_of_less_than_two_moments_is_refused(moments: int) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        motion_blur(torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 1, 1), torch.Generator(), moments)


def test_motion_blur_is_shorter_where_its_map_is_lower() -> None:
    points = torch.zeros(8, 3, 96, 192)
    points[..., 24::48, 24::48] = 1
    severity = torch.full((8, 1, 96, 192), 0.2)
    severity[..., 96:] = 0.6
    near, far = reaches(apply("motion_blur", points, severity), 48).unflatten(1, (2, 4)).split(2, -1)
    assert 1.5 < (far.mean() / near.mean()).item() < 5


def test_defocus_spreads_a_point_to_a_centred_disc_of_the_stated_radius() -> None:
    dot = torch.zeros(1, 3, 31, 31)
    dot[..., 15, 15] = 1
    disc = apply("defocus", dot, 0.8)[0, 0]
    torch.testing.assert_close(disc, disc.T, atol=1e-6, rtol=0)
    torch.testing.assert_close(disc, disc.flip(0, 1), atol=1e-6, rtol=0)
    assert disc[15, 15 + 3] > 0.9 * disc[15, 15]
    assert disc[15, 15 + 5] < 0.1 * disc[15, 15]


def pillow(image: Tensor, quality: int) -> Tensor:
    pixels = (image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2)
    return torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("quality", [10, 40, 75, 90])
@pytest.mark.parametrize("size", [(96, 128), (61, 45)])
def test_jpeg_is_as_far_from_clean_as_pillows(quality: int, size: tuple[int, int]) -> None:
    image = photos(*size, batch=1)
    own = encode_decode(image, torch.full((1, 1, *size), float(quality)))
    other = pillow(image, quality)
    decibels = [-20 * np.log10(distance(result, image)) for result in (own, other)]
    assert abs(decibels[0] - decibels[1]) < 0.3, decibels
    assert distance(own, other) < 0.5 * distance(own, image)


def test_jpeg_runs_from_quality_90_to_10() -> None:
    image = photos(48, 48)
    for severity, quality in ((1.0, 10.0), (0.5, 50.0), (0.0125, 89.0)):
        expected = encode_decode(image, torch.full((2, 1, 48, 48), quality))
        torch.testing.assert_close(apply("jpeg", image, severity), expected, atol=1e-6, rtol=0)


def test_jpeg_compresses_far_blocks_by_their_own_quality() -> None:
    image, severity = photos(48, 64), torch.full((2, 1, 48, 64), 0.2)
    severity[..., 32:] = 1.0
    degraded = apply("jpeg", image, severity)
    # Colours are interpolated across the border of the two regions, two pixels wide at most.
    torch.testing.assert_close(degraded[..., :30], apply("jpeg", image, 0.2)[..., :30], atol=1e-6, rtol=0)
    torch.testing.assert_close(degraded[..., 34:], apply("jpeg", image, 1.0)[..., 34:], atol=1e-6, rtol=0)


def test_compose_does_not_depend_on_the_order_of_the_mapping() -> None:
    image, severity = photos(), torch.full((2, 1, 1, 1), 0.4)
    forward = dict.fromkeys(DEGRADATIONS, severity)
    backward = dict.fromkeys(reversed(DEGRADATIONS), severity)
    first = compose(image, forward, Generator().manual_seed(1))
    assert torch.equal(compose(image, backward, Generator().manual_seed(1)), first)
    assert distance(first, image) > 0.05


def test_compose_follows_the_physical_order() -> None:
    image, severity = photos(), torch.full((2, 1, 1, 1), 0.5)
    generator = Generator().manual_seed(1)
    hazy = DEGRADATIONS["haze"](image, severity, generator)
    expected = DEGRADATIONS["jpeg"](DEGRADATIONS["noise"](hazy, severity, generator), severity, generator)
    composed = compose(image, {"jpeg": severity, "noise": severity, "haze": severity}, Generator().manual_seed(1))
    assert torch.equal(composed, expected)


def test_compose_of_nothing_is_the_identity(generator: Generator) -> None:
    image = photos()
    assert torch.equal(compose(image, {}, generator), image)


def test_compose_mixes_maps_and_numbers(generator: Generator) -> None:
    image = photos()
    severities = {"noise": severity_map(image, generator), "haze": torch.full((2, 1, 1, 1), 0.3)}
    assert compose(image, severities, generator).shape == image.shape


def test_compose_refuses_unknown_names_and_lists_the_known(generator: Generator) -> None:
    with pytest.raises(ConfigError, match=r"no degradation `fog`; choose from low_light, .*jpeg"):
        compose(photos(), {"fog": torch.ones(2, 1, 1, 1)}, generator)


@pytest.mark.parametrize("size", [(48, 56), (17, 9), (1, 1), (1, 30)])
def test_severity_maps_are_seeded_and_reach_both_ends(size: tuple[int, int]) -> None:
    image = photos(*size, batch=8)
    maps = severity_map(image, Generator().manual_seed(5))
    assert maps.shape == (8, 1, *size)
    assert torch.equal(maps, severity_map(image, Generator().manual_seed(5)))
    assert maps.min() >= 0
    assert maps.max() <= 1
    if min(size) > 1:
        torch.testing.assert_close(maps.amin((1, 2, 3)), torch.zeros(8), atol=1e-6, rtol=0)
        torch.testing.assert_close(maps.amax((1, 2, 3)), torch.ones(8), atol=1e-4, rtol=0)
        assert not torch.equal(maps, severity_map(image, Generator().manual_seed(6)))
