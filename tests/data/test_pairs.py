"""Reading pairs to be scored: cropping, spreading, and folders that do not fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ceair.data.pairs import centre_crop, complete_pairs, evenly_spaced, read_pair
from ceair.errors import DataError


def save(path: Path, height: int = 8, width: int = 9, value: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), value, np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    ("size", "multiple", "expected"),
    [((321, 481), 16, (320, 480)), ((400, 600), 16, (400, 592)), ((20, 9), 16, (16, 9)), ((5, 7), 1, (5, 7))],
)
def test_crop_sizes(size: tuple[int, int], multiple: int, expected: tuple[int, int]) -> None:
    assert centre_crop(np.zeros((*size, 3), np.uint8), multiple).shape[:2] == expected


def test_crop_takes_the_same_pixels_as_the_published_code() -> None:
    image = np.arange(37 * 45 * 3).reshape(37, 45, 3).astype(np.uint8)
    excess_h, excess_w = 37 % 16, 45 % 16
    rows = slice(excess_h // 2, 37 - excess_h + excess_h // 2)
    columns = slice(excess_w // 2, 45 - excess_w + excess_w // 2)
    assert np.array_equal(centre_crop(image, 16), image[rows, columns])


def test_evenly_spaced_starts_at_the_first_and_spreads() -> None:
    assert evenly_spaced(range(10), 5) == [0, 2, 4, 6, 8]
    assert evenly_spaced(range(3), 5) == [0, 1, 2]
    assert evenly_spaced(range(3), None) == [0, 1, 2]


def test_samples_carry_the_stem_and_both_images(tmp_path: Path) -> None:
    degraded, clean = save(tmp_path / "input/a.png", value=3), save(tmp_path / "target/a.bmp", value=200)
    (pair,) = complete_pairs(degraded.parent, clean.parent)
    sample = read_pair(*pair)
    assert (sample.name, sample.degraded.max(), sample.clean.min()) == ("a", 3, 200)


def test_a_border_is_cut_off_evenly_on_request(tmp_path: Path) -> None:
    degraded, clean = save(tmp_path / "input/a.png"), save(tmp_path / "target/a.png", 12, 11, value=7)
    assert read_pair(degraded, clean, cut_border=True).clean.shape == (8, 9, 3)
    with pytest.raises(DataError, match="differ in size"):
        read_pair(clean, degraded, cut_border=True)


def test_pairs_of_different_sizes_are_refused(tmp_path: Path) -> None:
    pair = save(tmp_path / "input/a.png"), save(tmp_path / "target/a.png", width=10)
    with pytest.raises(DataError, match="9x8 and 10x8"):
        read_pair(*pair)


@pytest.mark.parametrize("folder", ["input", "target"])
def test_two_files_of_one_stem_are_both_named(tmp_path: Path, folder: str) -> None:
    save(tmp_path / "input/a.png"), save(tmp_path / "target/a.png"), save(tmp_path / folder / "a.bmp")
    with pytest.raises(DataError, match=rf"{folder}/a\.bmp and .*{folder}/a\.png have one name"):
        complete_pairs(tmp_path / "input", tmp_path / "target")


@pytest.mark.parametrize("extra", ["input/b.png", "target/b.png"])
def test_a_file_without_a_partner_is_named(tmp_path: Path, extra: str) -> None:
    save(tmp_path / "input/a.png"), save(tmp_path / "target/a.png"), save(tmp_path / extra)
    with pytest.raises(DataError, match=r"b\.png has no partner"):
        complete_pairs(tmp_path / "input", tmp_path / "target")
