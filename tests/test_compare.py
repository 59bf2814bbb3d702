"""Paired comparisons: what they find, what they refuse."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ceair.compare import compare, sign_flip_p
from ceair.errors import DataError


def document(*psnrs: float | None, condition: str = "rain100l", **changes: Any) -> dict[str, Any]:
    images = [
        {
            "name": f"{index}", "height": 8, "width": 9, "input_psnr": 20.0, "psnr": psnr, "psnr_8bit": psnr,
            "ssim_uniform": None, "ssim_gaussian": 0.5, "sha256": {"input": f"i{index}", "target": f"t{index}"},
        }
        | changes
        for index, psnr in enumerate(psnrs)
    ]  # fmt: skip
    absent = {"condition": "gopro", "status": "absent", "reason": "not here"}
    return {"conditions": [{"condition": condition, "status": "complete", "images": images}, absent]}


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def to_file(name: str, content: Any) -> Path:
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return tmp_path / name

    return to_file


def test_differences_are_second_minus_first_image_by_image(write) -> None:  # type: ignore[no-untyped-def]
    first, second = write("a", document(30, 31, 35)), write("b", document(31, 33, 35.6))
    found = {difference.metric: difference for difference in compare(first, second)}
    assert found.keys() == {"psnr", "psnr_8bit", "ssim_gaussian"}
    psnr = found["psnr"]
    assert (psnr.count, psnr.first, psnr.second) == (3, 32.0, pytest.approx(33.2))
    assert psnr.mean_difference == pytest.approx(1.2)
    assert psnr.interval is not None
    assert 0.6 - 1e-9 <= psnr.interval[0] < 1.2 < psnr.interval[1] <= 2.0 + 1e-9
    assert (found["ssim_gaussian"].mean_difference, found["ssim_gaussian"].p) == (0, 1)


def test_exchanging_the_files_changes_signs_only(write) -> None:  # type: ignore[no-untyped-def]
    first, second = write("a", document(30, 31, 35)), write("b", document(31, 33, 34.5))
    there, back = compare(first, second)[0], compare(second, first)[0]
    assert there.mean_difference == pytest.approx(-back.mean_difference)
    assert there.p == back.p


def test_p_is_that_of_all_flips() -> None:
    values = np.array([0.4, -0.1, 0.3, 0.25, 0.6, -0.2, 0.1])
    sums = [abs(np.dot(signs, values)) for signs in itertools.product((1, -1), repeat=len(values))]
    exact = np.mean(np.array(sums) >= abs(values.sum()) - 1e-9)
    assert sign_flip_p(values.tolist()) == pytest.approx(exact, abs=0.01)


def test_p_is_small_for_a_steady_difference_and_never_zero() -> None:
    p = sign_flip_p([0.1] * 40)
    assert p is not None
    assert 0 < p < 0.001
    assert sign_flip_p([0.0] * 5) == 1
    assert sign_flip_p([0.3]) is None


def test_infinite_values_are_left_out(write) -> None:  # type: ignore[no-untyped-def]
    found = compare(write("a", document(30, None, 35)), write("b", document(31, 33, None)))
    assert [difference.count for difference in found if difference.metric == "psnr"] == [1]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (document(30, 31, condition="lol-v1"), "has no results of `rain100l`"),
        (document(30), "different images of `rain100l`: only one of them has `1`"),
        (document(30, 31, height=16), "`0` of `rain100l` is not the same"),
        (document(30, 31, input_psnr=21.0), "its files, crop or noise differ"),
        (document(30, 31, sha256={"target": "another"}), "its files, crop or noise differ"),
        ("{", "is no result file"),
        ("[]", "is no result file"),
        ({"conditions": [{"condition": "a", "images": [{"name": "1"}]}]}, "is no result file"),
        ({"conditions": []}, "holds no results"),
    ],
)
def test_what_does_not_compare_is_refused(write, other: Any, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=message):
        compare(write("a", document(30, 31)), write("b", other))


def test_files_without_hashes_compare(write) -> None:  # type: ignore[no-untyped-def]
    assert compare(write("a", document(30, 31, sha256={})), write("b", document(30, 31)))


def test_a_missing_file_is_named(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=r"cannot read .*absent\.json"):
        compare(write("a", document(30)), tmp_path / "absent.json")
