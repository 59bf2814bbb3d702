"""Training batches are a function of the seed and the step, whoever draws them."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Generator, Tensor

from ceair.data.mixture import Batch, Ingredient, Mixture, draw_severities
from ceair.data.sources import PairedFolder, PhotoSource, pair_up
from ceair.errors import ConfigError, DataError

CPU = torch.device("cpu")


def write(path: Path, height: int = 40, width: int = 48, value: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(len(path.name) + sum(path.name.encode()))
    pixels = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels if value is None else np.full_like(pixels, value)).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for index in range(5):
        write(tmp_path / "photos" / f"p{index}.png", 40 + index, 50 - index)
    return tmp_path / "photos"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    for index in range(3):
        write(tmp_path / "pairs" / "input" / f"q{index}.png", value=10 * index)
        write(tmp_path / "pairs" / "target" / f"q{index}.png", value=10 * index + 100)
    return tmp_path / "pairs"


@pytest.fixture
def mixture(photos: Path, pairs: Path) -> Mixture:
    ingredients = (
        Ingredient("photos", 3, {"noise": (0.1, 0.9), "haze": (0.2, 0.4)}, pick=1, uneven=0.5),
        Ingredient("pairs", 2),
        Ingredient("photos", 1, name="clean"),
    )
    sources = {"photos": PhotoSource(photos), "pairs": PairedFolder(pairs)}
    return Mixture(sources, ingredients, seed=4, group_size=2, kinds=True)


def same(one: Batch, other: Batch) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("degraded", "clean", "kinds"))


def test_the_same_step_gives_the_same_batch_and_another_step_another(mixture: Mixture) -> None:
    first = mixture.batch(7, range(4), 4, 24, CPU)
    mixture.batch(3, range(4), 4, 24, CPU)
    assert same(mixture.batch(7, range(4), 4, 24, CPU), first)
    assert not same(mixture.batch(8, range(4), 4, 24, CPU), first)


def test_the_global_generator_is_neither_used_nor_moved(mixture: Mixture) -> None:
    torch.manual_seed(1)
    first, state = mixture.batch(7, range(4), 4, 24, CPU), torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(2)
    assert same(mixture.batch(7, range(4), 4, 24, CPU), first)


def test_another_seed_gives_another_batch(mixture: Mixture) -> None:
    other = Mixture(mixture.sources, mixture.ingredients, seed=5, group_size=2, kinds=True)
    assert not same(mixture.batch(7, range(4), 4, 24, CPU), other.batch(7, range(4), 4, 24, CPU))


@pytest.mark.parametrize("processes", [2, 4])
def test_groups_do_not_depend_on_how_processes_share_them(mixture: Mixture, processes: int) -> None:
    whole, share = mixture.batch(2, range(4), 4, 24, CPU), 4 // processes
    parts = [mixture.batch(2, range(r * share, (r + 1) * share), 4, 24, CPU) for r in range(processes)]
    joined = Batch(*(torch.cat([getattr(p, name) for p in parts]) for name in ("degraded", "clean", "kinds")))
    assert same(joined, whole)


def test_batches_are_8_bit_images_in_0_to_1_of_the_size_asked_for(mixture: Mixture) -> None:
    batch = mixture.batch(0, range(6), 6, 20, CPU)
    for images in (batch.degraded, batch.clean):
        assert images.shape == (12, 3, 20, 20)
        assert images.min() >= 0
        assert images.max() <= 1
        torch.testing.assert_close(images * 255, (images * 255).round(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_shares_are_met_over_any_stretch_of_groups(mixture: Mixture, seed: int) -> None:
    drawn = Mixture(mixture.sources, mixture.ingredients, seed, group_size=2)
    for start in (0, 12345):
        counts = Counter(drawn.ingredient(group).label for group in range(start, start + 120))
        for label, share in (("noise+haze", 60), ("pairs", 40), ("clean", 20)):
            assert abs(counts[label] - share) <= 3, counts


def test_an_ingredient_of_weight_0_is_never_drawn(mixture: Mixture) -> None:
    ingredients = (Ingredient("photos", 0, name="never"), Ingredient("photos", 1), Ingredient("pairs", 0, name="not"))
    drawn = Mixture(mixture.sources, ingredients, seed=0, group_size=1)
    assert {drawn.ingredient(group).label for group in range(300)} == {"photos"}


def test_clean_ingredients_stay_clean_and_real_pairs_stay_together(mixture: Mixture) -> None:
    fixed = mixture.fixed(8, 16, CPU)
    assert list(fixed) == ["noise+haze", "pairs", "clean"]
    assert torch.equal(fixed["clean"].degraded, fixed["clean"].clean)
    assert not torch.equal(fixed["noise+haze"].degraded, fixed["noise+haze"].clean)
    difference = 255 * (fixed["pairs"].clean - fixed["pairs"].degraded)
    torch.testing.assert_close(difference, torch.full((8, 3, 16, 16), 100.0), atol=1e-3, rtol=0)
    assert (fixed["clean"].kinds == 0).all()
    assert (fixed["pairs"].kinds == -1).all(), "nobody says what happened to a real pair"


def test_kinds_are_told_only_where_they_were_asked_for_and_change_nothing_else(mixture: Mixture) -> None:
    untold = Mixture(mixture.sources, mixture.ingredients, seed=4, group_size=2).batch(3, range(4), 4, 16, CPU)
    told = mixture.batch(3, range(4), 4, 16, CPU)
    assert untold.kinds is None
    assert told.kinds is not None
    assert torch.equal(untold.degraded, told.degraded)
    assert torch.equal(untold.clean, told.clean)


def test_the_groups_of_a_batch_are_its_parts_in_order(mixture: Mixture) -> None:
    batch = mixture.batch(3, range(3), 3, 16, CPU)
    parts = batch.groups(2)
    assert len(parts) == 3
    assert all(same(part, mixture.batch(3, [index], 3, 16, CPU)) for index, part in enumerate(parts))
    untold = Batch(batch.degraded, batch.clean).groups(2)
    assert [part.kinds for part in untold] == [None] * 3


def test_fixed_samples_are_always_the_same(mixture: Mixture) -> None:
    first = mixture.fixed(3, 16, CPU)
    mixture.batch(1, range(2), 2, 16, CPU)
    assert all(same(batch, first[label]) for label, batch in mixture.fixed(3, 16, CPU).items())


@pytest.mark.parametrize("kind", [PhotoSource, PairedFolder])
def test_held_out_stems_are_never_drawn(kind: type, photos: Path, pairs: Path) -> None:
    folder, held_out = (photos, {"p1", "p3"}) if kind is PhotoSource else (pairs, {"q1"})
    for file in [*photos.iterdir(), *pairs.rglob("*.png")]:
        if file.stem in held_out:
            write(file, value=255)
    _, clean = kind(folder, held_out).draw(64, 16, Generator().manual_seed(0))
    assert (clean == 255).flatten(1).all(1).sum() == 0
    _, clean = kind(folder).draw(64, 16, Generator().manual_seed(0))
    held_in = (clean == 255).flatten(1).all(1).sum()
    assert held_in > 0, "without holding out they would be drawn"


@pytest.mark.parametrize("kind", [PhotoSource, PairedFolder])
def test_reading_as_needed_gives_what_reading_at_once_gives(kind: type, photos: Path, pairs: Path) -> None:
    folder = photos if kind is PhotoSource else pairs
    draws = [
        source.draw(12, 16, Generator().manual_seed(3))
        for source in (kind(folder), kind(folder, in_memory=False), kind(folder, in_memory=False, cache=1))
    ]
    for other in draws[1:]:
        assert torch.equal(other[0], draws[0][0])
        assert torch.equal(other[1], draws[0][1])


def test_crops_are_turned_and_mirrored_in_all_8_ways(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0], pixels[0, 1] = 50, 100
    (tmp_path / "one").mkdir()
    Image.fromarray(pixels).save(tmp_path / "one" / "a.png")
    crops, _ = PhotoSource(tmp_path / "one").draw(200, 2, Generator().manual_seed(0))
    assert len({tuple(crop[0].flatten().tolist()) for crop in crops}) == 8


def test_crops_come_from_everywhere(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(30, dtype=np.uint8)[None, :, None], 30, 0).repeat(3, 2)
    (tmp_path / "one").mkdir()
    Image.fromarray(ramp).save(tmp_path / "one" / "a.png")
    crops, _ = PhotoSource(tmp_path / "one").draw(300, 8, Generator().manual_seed(0))
    assert crops.min() == 0
    assert crops.max() == 29


def test_photos_as_large_as_the_patch_begin_anywhere_on_the_grid(tmp_path: Path) -> None:
    write(tmp_path / "one" / "a.png", 24, 24)
    crops, _ = PhotoSource(tmp_path / "one").draw(64, 24, Generator().manual_seed(0))
    assert len({crop.numpy().tobytes() for crop in crops}) > 8, "more than the turned and mirrored ones"


def test_photos_smaller_than_the_patch_are_mirrored_out(tmp_path: Path) -> None:
    write(tmp_path / "small" / "a.png", 5, 9)
    crops, _ = PhotoSource(tmp_path / "small").draw(4, 24, Generator().manual_seed(0))
    assert crops.shape == (4, 3, 24, 24)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1)])
def test_photos_of_one_pixels_width_are_refused_and_not_looped_on(size: tuple[int, int], tmp_path: Path) -> None:
    write(tmp_path / "tiny" / "a.png", *size)
    with pytest.raises(DataError, match="too small"):
        PhotoSource(tmp_path / "tiny").draw(1, 24, Generator().manual_seed(0))


def test_a_folder_that_is_missing_or_empty_or_held_out_is_named(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        PhotoSource(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty"):
        PhotoSource(tmp_path / "empty")
    with pytest.raises(DataError, match="held out"):
        PhotoSource(photos, {path.stem for path in photos.iterdir()})


def test_a_photo_without_partner_is_named(pairs: Path) -> None:
    write(pairs / "input" / "lonely.png")
    with pytest.raises(DataError, match=r"lonely\.png has no partner"):
        PairedFolder(pairs)
    assert len(PairedFolder(pairs, {"lonely"}).pairs) == 3


def test_a_pair_of_two_sizes_is_named(pairs: Path) -> None:
    write(pairs / "target" / "q1.png", 30, 30)
    with pytest.raises(DataError, match=r"q1\.png.*q1\.png differ in size"):
        PairedFolder(pairs)


def test_a_missing_half_of_the_pairs_is_named(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(DataError, match="target"):
        pair_up(photos, tmp_path / "target")


@pytest.mark.parametrize(
    ("degrade", "message"),
    [
        ({"fog": (0.1, 0.2)}, "no degradation `fog`"),
        ({"noise": (0.5, 0.2)}, "`noise` needs two severities"),
        ({"noise": (0.5,)}, "`noise` needs two severities"),
        ({"noise": (0.5, 1.2)}, "`noise` needs two severities"),
    ],
)
def test_ingredients_refuse_what_they_cannot_do(degrade: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Ingredient("photos", 1.0, degrade)


def test_mixtures_refuse_unknown_sources_and_senseless_weights(mixture: Mixture) -> None:
    for ingredients, message in (
        ([Ingredient("phots", 1.0)], r"no source `phots`; the sources are photos, pairs"),
        ([Ingredient("photos", 0.0)], "weights"),
        ([Ingredient("photos", 2.0), Ingredient("pairs", -1.0)], "weights"),
        ([], "weights"),
    ):
        with pytest.raises(ConfigError, match=message):
            Mixture(mixture.sources, ingredients, seed=0, group_size=1)


def severities(ingredient: Ingredient, seed: int) -> dict[str, Tensor]:
    return draw_severities(torch.zeros(4, 3, 12, 12), ingredient, Generator().manual_seed(seed))


def test_severities_stay_in_their_ranges_and_differ_between_images() -> None:
    drawn = severities(Ingredient("photos", 1, {"noise": (0.2, 0.4), "snow": (0.6, 0.6)}), 0)
    assert drawn["noise"].shape == (4, 1, 1, 1)
    assert 0.2 <= drawn["noise"].min() < drawn["noise"].max() <= 0.4
    assert torch.equal(drawn["snow"], torch.full((4, 1, 1, 1), 0.6))


def test_pick_chooses_that_many_and_each_in_turn() -> None:
    ingredient = Ingredient("photos", 1, dict.fromkeys(("noise", "haze", "rain"), (0.1, 0.9)), pick=2)
    chosen = Counter(name for seed in range(60) for name in severities(ingredient, seed))
    assert all(len(severities(ingredient, seed)) == 2 for seed in range(5))
    assert set(chosen) == {"noise", "haze", "rain"}
    assert min(chosen.values()) > 25


def test_uneven_is_the_share_of_groups_whose_severity_is_a_map() -> None:
    for uneven, least, most in ((0.0, 0, 0), (0.5, 15, 45), (1.0, 60, 60)):
        ingredient = Ingredient("photos", 1, {"noise": (0.5, 0.9)}, uneven=uneven)
        maps = [severities(ingredient, seed)["noise"] for seed in range(60)]
        assert least <= sum(drawn.shape[-1] == 12 for drawn in maps) <= most
        assert all(drawn.min() >= 0 and drawn.max() <= 0.9001 for drawn in maps)


def test_apart_is_the_share_of_groups_whose_degradations_lie_side_by_side() -> None:
    bounds = {"noise": (0.8, 0.8), "rain": (0.8, 0.8), "haze": (0.8, 0.8)}
    for apart, least, most in ((0.0, 0, 0), (0.5, 15, 45), (1.0, 60, 60)):
        ingredient = Ingredient("photos", 1, bounds, pick=2, apart=apart)
        drawn = [list(severities(ingredient, seed).values()) for seed in range(60)]
        beside = [pair for pair in drawn if pair[0].shape[-1] == 12]
        assert least <= len(beside) <= most
        assert all(torch.allclose(first + second, torch.tensor(0.8)) for first, second in beside)
        assert all(plane.min() >= 0 and plane.max() <= 0.8001 for pair in beside for plane in pair)


def test_of_three_that_lie_apart_the_first_and_the_third_share_their_place() -> None:
    bounds = {"noise": (0.5, 0.5), "rain": (0.5, 0.5), "haze": (0.5, 0.5)}
    noise, rain, haze = severities(Ingredient("photos", 1, bounds, apart=1.0), 3).values()
    assert torch.equal(noise, haze)
    assert torch.allclose(noise + rain, torch.tensor(0.5))


@pytest.mark.parametrize(
    ("bounds", "pick", "apart"),
    [
        ({"noise": (0, 1)}, 0, 0.5),
        ({"noise": (0, 1), "rain": (0, 1)}, 1, 0.5),
        ({"noise": (0, 1), "rain": (0, 1)}, 2, 1.5),
    ],
)
def test_apart_that_cannot_be_is_refused(bounds: dict[str, tuple[float, ...]], pick: int, apart: float) -> None:
    with pytest.raises(ConfigError, match="apart"):
        Ingredient("photos", 1, bounds, pick=pick, apart=apart)


def test_half_of_shrunk_crops_show_more_of_the_scene_and_none_shows_less(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(240, dtype=np.uint8)[None, :, None], 240, 0).repeat(3, 2)
    (tmp_path / "one").mkdir()
    Image.fromarray(ramp).save(tmp_path / "one" / "a.png")
    source = PhotoSource(tmp_path / "one", shrink=3.0)
    crops, clean = source.draw(200, 20, Generator().manual_seed(0))
    assert torch.equal(crops, clean)
    shown = torch.stack([crop[0].float().amax() - crop[0].float().amin() for crop in crops])
    assert shown.min() >= 18.5
    assert 50 <= shown.max() <= 59
    assert 70 <= (shown > 20).sum() <= 130
    again, _ = source.draw(200, 20, Generator().manual_seed(0))
    assert torch.equal(again, crops)


def test_shrinking_goes_as_far_as_the_photo_does(tmp_path: Path) -> None:
    write(tmp_path / "small" / "a.png", 30, 26)
    crops, _ = PhotoSource(tmp_path / "small", shrink=9.0).draw(30, 24, Generator().manual_seed(0))
    assert crops.shape == (30, 3, 24, 24)


def exposed(folder: Path, value: int, bounds: tuple[float, float]) -> Batch:
    """200 patches of grey pairs, the degraded ones made darker or brighter."""
    for part, level in (("input", value), ("target", 180)):
        write(folder / part / "a.png", value=level)
    ingredient = Ingredient("pairs", 1, exposure=bounds)
    return Mixture({"pairs": PairedFolder(folder)}, [ingredient], 0, 200).batch(0, [0], 1, 16, CPU)


def test_exposure_varies_the_degraded_photo_of_a_pair_alone(tmp_path: Path) -> None:
    batch = exposed(tmp_path, 60, (2 / 3, 1.5))
    levels = (255 * batch.degraded[:, :1, :1, :1]).round()
    assert torch.allclose(batch.clean, torch.tensor(180 / 255))
    assert torch.allclose(255 * batch.degraded, levels.expand_as(batch.degraded))
    assert levels.min() >= 40
    assert levels.max() <= 90
    assert 80 <= (levels < 60).sum() <= 120
    assert torch.equal(exposed(tmp_path, 60, (2 / 3, 1.5)).degraded, batch.degraded)


def test_exposure_does_not_go_past_white(tmp_path: Path) -> None:
    degraded = exposed(tmp_path, 250, (0.5, 2.0)).degraded
    assert degraded.max() == 1
    assert degraded.min() >= 125 / 255 - 1e-6


def test_enlarged_groups_show_less_of_the_scene_in_as_many_pixels(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], 60, 0).repeat(3, 2)
    for part in ("input", "target"):
        (tmp_path / part).mkdir()
        Image.fromarray(ramp if part == "input" else ramp + 10).save(tmp_path / part / "a.png")
    ingredient = Ingredient("pairs", 1, enlarge=(2, 3))
    mixture = Mixture({"pairs": PairedFolder(tmp_path)}, [ingredient], 0, 2)
    shown = []
    for step in range(30):
        batch = mixture.batch(step, [0], 1, 30, CPU)
        assert batch.degraded.shape == batch.clean.shape == (2, 3, 30, 30)
        assert torch.allclose(batch.clean - batch.degraded, torch.tensor(10 / 255), atol=1.1 / 255)
        spans = 255 / 4 * (batch.degraded[:, 0].amax((-2, -1)) - batch.degraded[:, 0].amin((-2, -1)))
        shown.append(spans.max().item())
    # A crop of n pixels spans n - 1 steps of the ramp; bicubic borders keep the ends to within a step.
    assert 8 <= min(shown) <= 11
    assert 12.5 <= max(shown) <= 15


@pytest.mark.parametrize("bounds", [(0.5, 2), (3, 2), (2,)])
def test_enlarging_that_cannot_be_is_refused(bounds: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="enlarge must be two factors of 1 or more"):
        Ingredient("photos", 1, enlarge=bounds)
