"""CDD-open: the same bits everywhere, the laws of the formulas, and the places where uneven degradations act."""

import hashlib

import numpy as np
import pytest

from ceair.data import cdd_open
from ceair.data.cdd_layers import rain_layer, severity_plane, snow_layer
from ceair.data.cdd_open import SUBSETS, compose, make_scene
from ceair.data.fixed_point import (
    ONE,
    Draws,
    decay,
    from_bytes,
    guided_filter,
    look_up,
    power,
    smooth_noise,
    to_bytes,
    window_mean,
)
from ceair.data.sets import CDD_OPEN_SUBSETS

HASHES = {
    "low": "c00d322a106cb76a",
    "haze": "766dbfcb8e1bbdfe",
    "rain": "a3e084c31137c5d5",
    "snow": "fbc176edf9141f6d",
    "low_haze": "73e3ddb96ddb4551",
    "low_rain": "c044fcef89404c20",
    "low_snow": "7b06897e9757c543",
    "haze_rain": "9e8f6bd93b041dae",
    "haze_snow": "42a207e0d014171a",
    "low_haze_rain": "d69a80cac11ded03",
    "low_haze_snow": "b2347f0b1d6a7d04",
    "low_smooth": "7a5c459591578e05",
    "low_haze_rain_smooth": "b0a03680a9a2cdba",
    "low_left_haze_right": "6791fe17c36c82d4",
    "rain_left_snow_right": "903e8daaf235857f",
}


def photo(height=48, width=64):
    """A photo that no library has a part in: two ramps and a disc."""
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    disc = (rows - height // 2) ** 2 + (columns - width // 2) ** 2 < (height // 3) ** 2
    planes = [rows * 255 // height + 0 * columns, columns * 255 // width + 0 * rows, np.where(disc, 200, 60)]
    return np.stack(planes, axis=-1).astype(np.uint8)


@pytest.fixture(scope="module")
def scene():
    return make_scene(photo(), "a")


def even(scene, subset):
    return compose(scene, subset).image.astype(int)


def test_the_same_bits_as_ever():
    """A change of these is a change of the benchmark: it needs a new `VERSION`."""
    scene = make_scene(photo(), "a", seed=0)
    hashes = {name: hashlib.sha256(compose(scene, name).image.tobytes()).hexdigest()[:16] for name in SUBSETS}
    assert hashes == HASHES


def test_neither_order_nor_company_matters():
    names = ["a", "b", "c"]
    forth = {(n, s): compose(make_scene(photo(), n, 3), s).image for n in names for s in ("low_rain", "haze_snow")}
    back = {(n, s): compose(make_scene(photo(), n, 3), s).image for s in ("haze_snow", "low_rain") for n in names[::-1]}
    assert all(np.array_equal(forth[key], back[key]) for key in forth)
    assert not np.array_equal(forth["a", "low_rain"], forth["b", "low_rain"])


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 3)])
def test_photos_of_any_size(size):
    scene = make_scene(photo(*size), "a")
    for subset in SUBSETS:
        assert compose(scene, subset).image.shape == (*size, 3)


def test_rain_only_brightens(scene):
    difference = even(scene, "rain") - photo()
    assert difference.min() >= 0
    assert (difference > 20).any()
    assert (difference == 0).any()


def test_snow_only_whitens_and_all_colours_alike(scene):
    image, clean = even(scene, "snow"), photo().astype(int)
    assert (image >= clean).all()
    opacity = (image - clean) / np.maximum(255 - clean, 1)
    dark = (clean < 200).all(axis=-1)
    assert np.ptp(opacity[dark], axis=-1).max() < 0.02


def test_haze_pulls_towards_the_airlight_and_leaves_a_quarter_at_least(scene):
    composite = compose(scene, "haze")
    airlight, beta = (255 * composite.strengths["airlight"], composite.strengths["beta"])
    before, after = photo() - airlight, composite.image - airlight
    assert (abs(after) <= abs(before) + 0.51).all()
    assert (abs(after) + 0.51 >= np.exp(-0.7 * beta) * abs(before)).all()
    assert 0.6 <= composite.strengths["airlight"] <= 0.9
    assert 1 <= beta <= 2


def test_low_light_darkens_by_the_power_of_the_light(scene):
    composite = compose(scene, "low")
    gamma, noise = composite.strengths["gamma"], composite.strengths["noise"]
    assert 2 <= gamma <= 3
    assert 0.03 <= noise <= 0.08
    expected = photo() / 255 * (scene.light / ONE)[..., None] ** (gamma - 1)
    error = composite.image / 255 - expected
    inside = (expected > 3 * noise) & (expected < 1 - 3 * noise)
    assert error[inside].std() == pytest.approx(noise, rel=0.15)
    assert composite.image.mean() < 0.8 * photo().mean()


def test_haze_lies_over_rain(scene):
    """The composite is the hazy view of the rainy image, not rain before a hazy view."""
    composite = compose(scene, "haze_rain")
    beta, airlight = (round(composite.strengths[name] * ONE) for name in ("beta", "airlight"))
    rainy = scene.clean + scene.rain[..., None]
    assert np.array_equal(composite.image, to_bytes(cdd_open.haze(rainy, scene.distance, beta, airlight)))
    hazy_first = cdd_open.haze(scene.clean, scene.distance, beta, airlight) + scene.rain[..., None]
    assert not np.array_equal(composite.image, to_bytes(hazy_first))


def test_the_subsets_are_those_that_are_evaluated():
    assert tuple(SUBSETS) == CDD_OPEN_SUBSETS


def test_halves_stay_as_they_were(scene):
    composite = compose(scene, "rain_left_snow_right")
    assert set(composite.maps) == {"rain", "snow"}
    assert composite.maps["rain"][0, 0] == 255 == composite.maps["snow"][0, -1]
    assert composite.maps["rain"][0, -1] == 0 == composite.maps["snow"][0, 0]
    assert np.array_equal(composite.maps["rain"].astype(int) + composite.maps["snow"], np.full((48, 64), 255))
    assert np.array_equal(composite.image[:, :20], compose(scene, "rain").image[:, :20])
    assert np.array_equal(composite.image[:, -20:], compose(scene, "snow").image[:, -20:])


def test_smooth_maps_reach_both_ends():
    plane = severity_plane("smooth", 40, 60, Draws("map"))
    assert (plane.min(), plane.max()) == (0, ONE)
    assert abs(np.diff(plane, axis=1)).max() < ONE / 4


def test_even_subsets_have_no_maps(scene):
    assert all(bool(compose(scene, name).maps) == (index >= 11) for index, name in enumerate(SUBSETS))


def test_flakes_cover_as_much_at_any_resolution():
    small, large = (snow_layer(size, size, Draws("layer")).mean() for size in (720, 1440))
    assert small == pytest.approx(large, rel=0.1)


def test_streaks_are_as_dense_at_the_borders_as_in_the_middle():
    layers = sum(rain_layer(90, 120, Draws("layer", number)) for number in range(8))
    assert layers[:, :20].mean() == pytest.approx(layers[:, 50:70].mean(), rel=0.3)
    assert layers[:20].mean() == pytest.approx(layers[35:55].mean(), rel=0.3)


def test_bytes_survive():
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_bytes(from_bytes(levels)), levels)


@pytest.mark.parametrize("exponent", [1.0, 1.37, 2.0])
def test_tables_agree_with_floats(exponent):
    x = np.arange(0, ONE + 1, 97)[None]
    unit = x / ONE
    assert abs(look_up(power(round(exponent * ONE)), x) / ONE - unit**exponent).max() < 1e-4
    assert abs(look_up(decay(round(exponent * ONE)), x) / ONE - np.exp(-exponent * unit)).max() < 1e-4


def test_window_mean_agrees_with_a_loop():
    plane = np.random.default_rng(0).integers(0, ONE, (9, 7))
    for row, column in ((0, 0), (4, 3), (8, 6), (2, 6)):
        window = plane[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
        assert window_mean(plane, 2)[row, column] == window.sum() // window.size


def test_guided_filter_keeps_edges_and_smooths_the_rest():
    rng = np.random.default_rng(0)
    guide = np.where(np.arange(60) < 30, 30, 220)[None] + np.zeros((40, 1), int)
    plane = (guide + rng.integers(-20, 21, guide.shape)).clip(0, 255)
    smooth = guided_filter(plane, guide, 5) * 255 / ONE
    assert smooth[:, 20:29].std() < 3
    assert smooth[:, 31].mean() - smooth[:, 28].mean() > 170


def test_draws():
    draws = Draws("a", 1)
    assert set(draws.integers(-2, 2, 400).tolist()) == {-2, -1, 0, 1, 2}
    grain = draws.gaussian(1000, (100, 100))
    assert abs(grain.mean()) < 30
    assert grain.std() == pytest.approx(1000, rel=0.03)
    field = smooth_noise(30, 50, draws, 4)
    assert 0 <= field.min() < field.max() <= ONE
    assert Draws("a", 1).one(0, 10**6) == Draws("a", 1).one(0, 10**6) != Draws("a", 2).one(0, 10**6)


def test_every_subset_names_known_degradations():
    kinds = {(name, kind) for parts in cdd_open.SUBSETS.values() for name, kind in parts.items()}
    assert {name for name, _ in kinds} == {"low", "rain", "snow", "haze"}
    assert {kind for _, kind in kinds} == {"even", "smooth", "left", "right"}
