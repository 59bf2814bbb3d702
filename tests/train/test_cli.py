"""What `ceair train` says of configurations that it cannot use: one line, and the exit code of the command line."""

import re
import sys
from pathlib import Path

import pytest

from ceair.cli.app import main
from ceair.config import load
from ceair.errors import ConfigError
from ceair.train.loop import train as run
from ceair.train.settings import TrainSettings


def complain(
    config: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[object, str]:
    """The exit code and what was written to stderr."""
    monkeypatch.setattr(sys, "argv", ["ceair", "train", str(config), *words])
    monkeypatch.setattr("ceair.cli.train.keep_large_blocks", lambda: None)
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("optm.lr=1", "unknown key `optm`; did you mean `optim`?"),
        ("optim.learning_rate=1", "unknown key `optim.learning_rate`; did you mean `optim."),
        ("optim.lr=fast", "`optim.lr` must be of type float, not 'fast'"),
        ("preset=ceair-x", "there is no preset `ceair-x`; choose one of ceair-t"),
        ("devices.precision=fp8", "`devices.precision` must be one of 32-true"),
        ("data.sources.photos.kind=video", "`data.sources.photos.kind` must be one of photos, pairs"),
        ("data.mixture=[{weight: 1, source: nowhere}]", "there is no source `nowhere`; the sources are photos"),
        ("data.held_out=/nowhere/list.txt", "cannot read the list of held-out images"),
        ("data.group_size=3", "a batch of 4 does not split into groups of 3"),
        ("stages=[{until: 0.5, patch: 32, batch: 4}]", "stages must ascend"),
        ("train.steps=null", "set train.steps, train.epochs or train.minutes"),
        ("verbose", "`verbose` is no override"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_one_line_and_exit_code_2(
    word: str,
    message: str,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    code, errors = complain(config, [f"output={tmp_path / 'out'}", word], monkeypatch, capsys)
    lines = [line for line in errors.splitlines() if line.startswith("ceair: ")]
    assert code == 2, errors
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train.steps=0", "train.steps must be above 0, not 0"),
        ("train.steps=-5", "train.steps must be above 0, not -5"),
        ("train.minutes=0", "train.minutes must be above 0"),
        ("train.epochs=0", "train.epochs must be above 0"),
        ("log_every=0", "log_every must be 1 or more, not 0"),
        ("checkpoint_minutes=-1", "checkpoint_minutes must be 0 or more"),
        ("data.group_size=0", "data.group_size must be 1 or more, not 0"),
        ("data.held_out_scenes=-1", "data.held_out_scenes must be 0 or more"),
        ("devices.count=0", "devices.count must be 1 or more, not 0"),
        ("devices.nodes=0", "devices.nodes must be 1 or more"),
        ("devices.threads=-1", "devices.threads must be 1 or more"),
        ("validation.every_steps=0", "validation.every_steps must be 1 or more, not 0"),
        ("validation.every_minutes=-1", "validation.every_minutes must be 0 or more"),
        ("validation.images=0", "validation.images must be 1 or more, not 0"),
        ("validation.crop=0", "validation.crop must be 1 or more"),
        ("stages=[{until: 1.0, patch: 0, batch: 4}]", "patch must be 1 or more, not 0"),
        ("stages=[{until: 1.0, patch: 32, batch: 0}]", "batch must be 1 or more, not 0"),
        ("stages=[{until: 1.0, patch: 32, batch: -4}]", "batch must be 1 or more, not -4"),
        ("stages=[{until: -1, patch: 32, batch: 4}, {until: 1.0, patch: 32, batch: 4}]", "until must be a share"),
        ("optim.lr=0", "optim.lr must be above 0"),
        ("optim.warmup=1", "optim.warmup must be from 0 to 1 and below optim.horizon"),
        ("optim.warmup=-0.1", "optim.warmup must be from 0 to 1"),
        ("optim.horizon=0.01", "below optim.horizon"),
        ("optim.betas=[0.9]", "optim.betas must be two numbers"),
        ("optim.betas=[0.9, 1.0]", "optim.betas must be 0 or more and below 1, not 1.0"),
        ("optim.momentum=1", "optim.momentum must be 0 or more and below 1"),
        ("optim.ema=2", "optim.ema must be 0 or more and below 1, not 2.0"),
        ("optim.weight_decay=-1", "optim.weight_decay must be 0 or more"),
        ("optim.final=-1", "optim.final must be 0 or more"),
    ],
)
def test_a_number_out_of_range_is_refused_under_its_name(config: Path, words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        load(TrainSettings, config, [words])


def test_the_ends_of_the_ranges_are_taken(config: Path) -> None:
    ends = ["optim.warmup=0", "optim.final=0", "optim.ema=0", "checkpoint_minutes=0", "validation.every_minutes=0"]
    load(TrainSettings, config, [*ends, "train.steps=1", "data.group_size=1", "validation.every_steps=1"])
    unset = ["train.steps=null", "train.minutes=0.1", "optim.clip=null", "devices.threads=null"]
    load(TrainSettings, config, [*unset, "optim.warmup=1", "optim.horizon=1.25"])


def test_other_failures_are_one_line_and_exit_code_1(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = [f"output={tmp_path / 'out'}", "data.root=/nowhere"]
    code, errors = complain(config, words, monkeypatch, capsys)
    assert code == 1
    assert errors.splitlines()[-1] == "ceair: /nowhere/photos is no folder"


def test_a_missing_file_is_exit_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, errors = complain(Path("/nowhere.yaml"), [], monkeypatch, capsys)
    assert code == 2
    assert "cannot read the configuration /nowhere.yaml" in errors


def test_stages_follow_the_schedule(config: Path) -> None:
    settings = load(TrainSettings, config)
    assert [settings.stage(share).patch for share in (0.0, 0.54, 0.55, 0.99, 1.0)] == [32, 32, 16, 16, 16]


def test_a_batch_must_split_between_the_devices(config: Path) -> None:
    with pytest.raises(ConfigError, match="does not split"):
        load(TrainSettings, config, ["devices.count=3"])


@pytest.mark.parametrize(
    ("able", "precision", "told"), [(False, "bf16-mixed", 1), (True, "bf16-mixed", 0), (False, "32-true", 0)]
)
def test_a_processor_that_is_slow_in_bfloat16_is_told_of(
    able: bool,
    precision: str,
    told: int,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("ceair.train.loop.computes_bf16", lambda: able)
    run(load(TrainSettings, config, [f"output={tmp_path}", "train.steps=1", f"devices.precision={precision}"]))
    assert capsys.readouterr().err.count("devices.precision=32-true is many times as fast") == told
