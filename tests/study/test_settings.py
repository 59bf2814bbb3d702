"""What a study's configuration says, what it refuses, and the images that follow from it."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from ceair.data.cdd_open import SUBSETS
from ceair.errors import ConfigError, DataError
from ceair.study.run import perform
from ceair.study.runner import room
from ceair.study.sets import conditions, made_up_photo, prepare, samples
from ceair.study.settings import BUNDLED, Run, read, runs, train_settings


def words(tmp_path: Path, *more: str) -> list[str]:
    return [f"output={tmp_path / 'out'}", *more]


def test_runs_follow_the_grids_in_order_and_each_once(tmp_path: Path) -> None:
    grids = (
        "[{variants: [cea, none], seeds: [0, 1], steps: 3}, {variants: [prompt, cea], seeds: [0], steps: 3},"
        " {part: short, variants: [cea], seeds: [0], steps: 1}]"
    )
    found = runs(read("smoke", words(tmp_path, f"grids={grids}")))
    names = ["main/cea/0", "main/none/0", "main/cea/1", "main/none/1", "main/prompt/0", "short/cea/0"]
    assert [run.name for run in found] == names


def test_variants_share_everything_but_their_name(tmp_path: Path) -> None:
    settings = read("smoke", words(tmp_path))
    one, other = (train_settings(settings, Run("main", name, 1, 7)) for name in ("cea", "prompt"))
    assert (one.seed, one.train.steps, one.stages, one.data) == (1, 7, other.stages, other.data)
    assert one.output != other.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("grids=[{variants: [sea], seeds: [0], steps: 3}]", "no variant `sea`; choose from cea"),
        ("grids=[{variants: [cea], seeds: [], steps: 3}]", "needs variants, seeds"),
        (
            "grids=[{variants: [cea], seeds: [0], steps: 3}, {variants: [none], seeds: [0], steps: 4}]",
            "part `main` differ in their steps",
        ),
        ("sets=[{benchmark: cbsd}]", "no set `cbsd`"),
        ("sets=[{limit: 3}]", "either a benchmark, or strengths"),
        ("sets=[{benchmark: cbsd68, noise: [25]}]", "either a benchmark, or strengths"),
        ("sets=[{noise: [25], crop: 10}]", "crop must be 11 or more, the window of SSIM, not 10"),
        ("sets=[{noise: [25], limit: 0}]", "limit must be 1 or more, not 0"),
        ("sets=[{noise: [25, 0]}]", "a strength of noise must be from 1 to 255, not 0"),
        ("sets=[{noise: [256]}]", "a strength of noise must be from 1 to 255, not 256"),
        ("training.log_every=0", "log_every must be 1 or more, not 0"),
        ("training.stages=[{until: 0.5, patch: 48, batch: 4}]", "stages must ascend"),
        ("training.devices.count=2", "takes one device"),
    ],
)
def test_what_cannot_be_is_refused(change: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read("smoke", words(tmp_path, change))


def test_an_unknown_study_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"no study `smok`.*smoke"):
        read("smok", [])


def test_made_up_photos_are_the_same_each_time_and_differ() -> None:
    assert np.array_equal(made_up_photo(3), made_up_photo(3))
    assert not np.array_equal(made_up_photo(3), made_up_photo(4))
    assert made_up_photo(3).std() > 10


def test_composites_and_noise_of_held_out_photos_only(tmp_path: Path) -> None:
    sets = "[{benchmark: cdd-open, limit: 1, crop: 32}, {noise: [15, 50], crop: 40}]"
    settings = read("smoke", words(tmp_path, "made_up=4", f"sets={sets}"))
    prepare(settings)
    found = {condition.name: condition for condition in conditions(settings)}
    assert list(found) == [*SUBSETS, "noise-15", "noise-50"]
    groups = {name: condition.group for name, condition in found.items()}
    assert (groups["low"], groups["low_haze"], groups["low_smooth"], groups["noise-15"]) == (
        "single", "composite", "varying", "single",
    )  # fmt: skip
    (sample,) = samples(found["low"])
    assert sample.degraded.shape == sample.clean.shape == (32, 32, 3)
    assert sample.clean.mean() > sample.degraded.mean()
    weak, strong = (list(samples(found[name])) for name in ("noise-15", "noise-50"))
    assert [one.name for one in weak] == ["made-up-0", "made-up-3"]
    apart = [np.abs(one.degraded.astype(float) - one.clean).mean() for one in (weak[0], strong[0])]
    assert apart[1] > 2 * apart[0]
    before = (settings.output / "cdd-open" / "low" / "made-up-0.png").stat().st_mtime_ns
    prepare(settings)
    assert (settings.output / "cdd-open" / "low" / "made-up-0.png").stat().st_mtime_ns == before


def test_the_bounds_of_noise_and_crop_are_taken(tmp_path: Path) -> None:
    (one,) = read("smoke", words(tmp_path, "sets=[{noise: [1, 255], limit: 1, crop: 11}]")).sets
    assert (one.noise, one.limit, one.crop) == ((1, 255), 1, 11)


def test_held_out_photos_of_one_name_are_refused(tmp_path: Path) -> None:
    settings = read("smoke", words(tmp_path, "made_up=4"))
    prepare(settings)
    Image.new("RGB", (40, 40)).save(settings.data.root / "clean" / "made-up-3.jpg")
    with pytest.raises(DataError, match=r"made-up-3\.jpg and .*made-up-3\.png have one name"):
        conditions(settings)


@pytest.mark.parametrize("sets", ["[{noise: [15, 15]}]", "[{noise: [15]}, {noise: [25, 15], crop: 32}]"])
def test_two_conditions_of_one_name_are_refused(sets: str, tmp_path: Path) -> None:
    settings = read("smoke", words(tmp_path, "made_up=4", f"sets={sets}"))
    prepare(settings)
    with pytest.raises(ConfigError, match=r"two conditions of the study's sets are called `noise-15`"):
        conditions(settings)


def test_a_photo_smaller_than_the_window_of_ssim_is_refused_before_training(tmp_path: Path) -> None:
    settings = read("smoke", words(tmp_path, "made_up=4", "sets=[{noise: [15]}]"))
    prepare(settings)
    Image.new("RGB", (40, 10)).save(settings.data.root / "clean" / "made-up-3.png")
    with pytest.raises(DataError, match=r"made-up-3\.png has 40x10 pixels, fewer than the window of SSIM, 11"):
        perform(settings, runs(settings)[0])
    assert not (settings.output / "runs").exists()


def test_absent_sets_and_photos_are_named(tmp_path: Path) -> None:
    raw = yaml.safe_load(BUNDLED["smoke"].read_text())
    raw |= {"made_up": 0, "output": str(tmp_path / "out"), "sets": [{"benchmark": "rain100l"}]}
    (tmp_path / "clean").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "clean" / "one.png")
    (tmp_path / "held_out.txt").write_text("other\n")
    raw["data"] |= {"root": str(tmp_path), "held_out": str(tmp_path / "held_out.txt")}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(DataError, match="holds no set of Rain100L"):
        conditions(read(str(tmp_path / "study.yaml"), []))
    with pytest.raises(DataError, match=r"none of the photos that data\.held_out lists"):
        prepare(read(str(tmp_path / "study.yaml"), ["sets=[{benchmark: cdd-open}]"]))


@pytest.mark.parametrize(
    ("devices", "runs_at_a_time"),
    [
        ("{accelerator: cpu, threads: 1}", 8),
        ("{accelerator: cpu, threads: 3}", 2),
        ("{accelerator: cpu, threads: 16}", 1),
        ("{accelerator: cpu}", 1),
        ("{accelerator: cuda, threads: 1}", 1),
    ],
)
def test_processors_are_filled_with_runs_whose_threads_are_known(devices, runs_at_a_time, monkeypatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert room(read("smoke", [f"training.devices={devices}"])) == runs_at_a_time
