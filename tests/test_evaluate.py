"""Scoring: what is compared with what, means and intervals, and JSON that any parser reads."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ceair import metrics
from ceair.benchmark import conditions, noisy_folder
from ceair.data.benchmarks import BENCHMARKS
from ceair.data.pairs import Sample
from ceair.errors import DataError
from ceair.evaluate import Result, Score, Table, evaluate, identity, score


def sample(height: int = 19, width: int = 34, name: str = "a") -> Sample:
    generator = np.random.default_rng(len(name))
    degraded, clean = generator.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    return Sample(name, degraded, clean)


def table(*values: float) -> Table:
    score_of = {value: Score(value, value, None, None) for value in values}
    return Table("pairs", [Result(f"{i}", 8, 8, 10.0, score_of[value]) for i, value in enumerate(values)])


def test_identity_scores_the_cropped_inputs() -> None:
    one = sample()
    (result,) = evaluate([one], identity)
    inner = (slice(1, 17), slice(1, 33))
    expected = metrics.psnr(one.degraded[inner] / 255, one.clean[inner] / 255)
    assert (result.height, result.width) == (16, 32)
    assert result.score.psnr == pytest.approx(expected, abs=1e-4)
    assert result.input_psnr == result.score.psnr == result.score.psnr_8bit


def test_a_perceptual_distance_gets_both_images_as_tensors() -> None:
    first, second = np.full((16, 17, 3), 0.25, np.float32), np.full((16, 17, 3), 0.75, np.float32)
    seen = []

    def distance(restored: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
        seen.append((restored.shape, restored.mean().item(), clean.mean().item()))
        return (restored - clean).abs().mean((1, 2, 3))

    assert score(first, second, ssim=False, perceptual=distance).lpips == pytest.approx(0.5)
    assert seen == [((1, 3, 16, 17), 0.25, 0.75)]
    assert score(first[:15], second[:15], ssim=False, perceptual=distance).lpips is None


def test_full_images_are_scored_on_request() -> None:
    (result,) = evaluate([sample()], identity, crop=1)
    assert (result.height, result.width) == (19, 34)


def test_restore_sees_unit_range_rgb_and_its_result_is_what_counts() -> None:
    seen: list[Tensor] = []

    def perfect(degraded: Tensor) -> Tensor:
        seen.append(degraded)
        return torch.from_numpy(sample().clean.astype(np.float32) / 255).permute(2, 0, 1)[None]

    (result,) = evaluate([sample()], perfect, crop=1)
    assert torch.equal((seen[0] * 255).round().byte()[0].permute(1, 2, 0), torch.from_numpy(sample().degraded))
    assert result.score.psnr == math.inf
    assert result.score.ssim_uniform == pytest.approx(1)


def test_psnr_compares_floats_and_psnr_8bit_what_a_file_would_hold() -> None:
    clean = np.full((4, 4, 3), 0.2, np.float32)  # 51 of 255
    scored = score(clean + np.float32(0.4 / 255), clean, ssim=False)
    assert scored.psnr == pytest.approx(-20 * math.log10(0.4 / 255), abs=1e-3)
    assert scored.psnr_8bit > 100


def test_values_out_of_range_are_clipped_before_scoring() -> None:
    clean = np.ones((4, 4, 3), np.float32)
    assert score(clean * 7, clean, ssim=False).psnr == math.inf


@pytest.mark.parametrize(("side", "uniform", "gaussian"), [(6, False, False), (7, True, False), (11, True, True)])
def test_images_smaller_than_a_window_have_no_ssim(side: int, uniform: bool, gaussian: bool) -> None:
    (result,) = evaluate([sample(side, 30)], identity, crop=1)
    assert (result.score.ssim_uniform is not None, result.score.ssim_gaussian is not None) == (uniform, gaussian)


@pytest.mark.parametrize("broken", [lambda image: image[..., 1:], lambda image: image * math.nan])
def test_a_result_of_another_size_or_of_no_numbers_is_refused(broken) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match="restored image of a"):
        list(evaluate([sample()], broken))


def test_two_images_that_would_be_one_result_are_both_named(tmp_path: Path) -> None:
    folder = tmp_path / "CBSD68" / "target"
    folder.mkdir(parents=True)
    for name in ("a.jpg", "a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(folder / name)
    both = r"a\.jpg and .*a\.png have one name"
    with pytest.raises(DataError, match=both):
        noisy_folder(folder, [25], 1, None)
    with pytest.raises(DataError, match=both):
        conditions(BENCHMARKS["cbsd68"], tmp_path)


def test_results_come_one_by_one_in_order() -> None:
    stream = (sample(name=name) for name in ("a", "bb"))
    assert next(evaluate(stream, identity)).name == "a"
    assert next(stream).name == "bb"  # not read before it is asked for


def test_mean_and_interval() -> None:
    values = table(20.0, 22.0, 30.0)
    assert values.mean("psnr") == pytest.approx(24.0)
    low, high = values.interval("psnr") or (0, 0)
    assert 20.0 <= low < 24.0 < high <= 30.0
    assert values.interval("psnr") == table(20.0, 22.0, 30.0).interval("psnr")
    assert values.mean("ssim_uniform") is values.interval("ssim_uniform") is None


def test_json_holds_no_infinity() -> None:
    document = table(math.inf, 30.0).as_json()
    read = json.loads(json.dumps(document, allow_nan=False))
    assert read["means"]["psnr"] is None
    assert read["intervals_95"]["psnr"] is None
    assert [image["psnr"] for image in read["images"]] == [None, 30.0]
