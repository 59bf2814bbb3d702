"""Means, intervals and differences by photo: against plain numbers and against the package's own for one set."""

import numpy as np
import pytest

from ceair.errors import DataError
from ceair.metrics import bootstrap_interval
from ceair.study.statistics import difference, estimate, scores, strata


def result(shift: float = 0.0, photos: int = 6) -> dict[str, object]:
    """Two conditions of one set and one of another, with scores that are known."""

    def condition(name: str, imageset: str, start: float, count: int) -> dict[str, object]:
        images = [{"name": f"{imageset} {i}", "psnr": start + i + shift} for i in range(count)]
        return {"name": name, "set": imageset, "images": images}

    return {
        "conditions": [
            condition("low", "cdd", 10.0, photos),
            condition("haze", "cdd", 20.0, photos),
            condition("lol", "lol", 40.0, 3),
        ]
    }


SETS = {"low": "cdd", "haze": "cdd", "lol": "lol"}


def test_a_group_gives_each_condition_the_same_weight() -> None:
    values = scores([result()], "psnr")
    found = estimate(strata(values, SETS))
    by_hand = np.mean([np.mean(list(values[name].values())) for name in SETS])
    assert found.mean == pytest.approx(by_hand)
    assert found.photos == 9


def test_seeds_are_averaged_image_by_image() -> None:
    values = scores([result(0.0), result(3.0)], "psnr")
    assert values["low"]["cdd 2"] == pytest.approx(10 + 2 + 1.5)


def test_of_one_set_the_interval_is_that_of_the_photos_means() -> None:
    group = strata(scores([result()], "psnr"), {"low": "cdd", "haze": "cdd"})
    assert group[0].values.tolist() == [15.0 + i for i in range(6)]
    assert estimate(group).interval == pytest.approx(bootstrap_interval(group[0].values.tolist()))


def test_strata_are_drawn_apart() -> None:
    """Photos that agree within each set leave nothing unsure, however far the sets lie apart."""
    same = {name: {f"{i}": value for i in range(4)} for name, value in (("a", 10.0), ("b", 30.0))}
    found = estimate(strata(same, {"a": "one", "b": "two"}))
    assert (found.mean, found.interval) == (20.0, (20.0, 20.0))


def test_a_constant_gain_is_certain_and_a_random_one_is_not() -> None:
    before = strata(scores([result()], "psnr"), SETS)
    after = strata(scores([result(0.2)], "psnr"), SETS)
    found = difference(after, before)
    assert found.mean == pytest.approx(0.2)
    assert found.interval == pytest.approx((0.2, 0.2))
    assert found.p is not None
    assert found.p < 0.01  # 9 photos: 2 of 512 tosses are as extreme
    assert difference(before, before).p == 1.0


def test_photos_that_change_together_count_once() -> None:
    """The same photos under ten conditions are no more evidence than under one."""
    draws = np.random.default_rng(0).normal(0.1, 1.0, size=8)
    one = {"c0": {str(i): float(v) for i, v in enumerate(draws)}}
    ten = {f"c{k}": one["c0"] for k in range(10)}
    zero = {name: dict.fromkeys(images, 0.0) for name, images in ten.items()}
    narrow = difference(strata(ten, dict.fromkeys(ten, "s")), strata(zero, dict.fromkeys(ten, "s")))
    wide = difference(strata(one, {"c0": "s"}), strata(zero, {"c0": "s"}))
    assert narrow.interval == pytest.approx(wide.interval)
    assert narrow.p == wide.p


def test_one_photo_has_no_interval() -> None:
    found = estimate(strata(scores([result(photos=1)], "psnr"), {"low": "cdd"}))
    assert (found.mean, found.interval, found.photos) == (10.0, None, 1)


def test_other_images_are_refused() -> None:
    with pytest.raises(DataError, match="not scored on the same images of `low`"):
        scores([result(), result(photos=5)], "psnr")
    few, many = (strata(scores([result(photos=n)], "psnr"), SETS) for n in (5, 6))
    with pytest.raises(DataError, match="not scored on the same photos"):
        difference(few, many)
