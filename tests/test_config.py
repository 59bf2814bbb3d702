"""Configurations: what is read is what was written, and what cannot be meant is an error that names it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import yaml

from ceair.config import dump, load, parse
from ceair.errors import ConfigError


@dataclass(frozen=True)
class Optim:
    lr: float = 1e-3
    steps: int = 10
    betas: tuple[float, ...] = (0.9, 0.99)
    kind: Literal["muon", "adamw"] = "muon"


@dataclass(frozen=True)
class Part:
    name: str
    share: float | None = None


@dataclass(frozen=True)
class Settings:
    output: Path
    optim: Optim = field(default_factory=Optim)
    parts: dict[str, Part] = field(default_factory=dict)
    listed: tuple[Part, ...] = ()
    compile: bool = False
    folder: Path | None = None

    def __post_init__(self) -> None:
        if self.optim.steps < 0:
            raise ValueError("steps must not be negative")


FULL = {
    "output": "runs/a",
    "optim": {"lr": 0.002, "steps": 3, "betas": [0.8, 0.9], "kind": "adamw"},
    "parts": {"x": {"name": "first", "share": 0.5}},
    "listed": [{"name": "second", "share": None}],
    "compile": True,
    "folder": "there",
}


def read(tmp_path: Path, text: str, *words: str) -> Settings:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load(Settings, path, words)


def test_a_file_becomes_the_dataclass(tmp_path: Path) -> None:
    settings = read(tmp_path, yaml.safe_dump(FULL))
    assert settings.optim == Optim(0.002, 3, (0.8, 0.9), "adamw")
    assert settings.parts == {"x": Part("first", 0.5)}
    assert settings.listed == (Part("second"),)
    assert (settings.output, settings.folder, settings.compile) == (Path("runs/a"), Path("there"), True)


def test_defaults_fill_what_is_not_said(tmp_path: Path) -> None:
    assert read(tmp_path, "output: a") == Settings(Path("a"))


def test_dump_and_parse_round_trip() -> None:
    settings = parse(Settings, FULL)
    assert dump(settings) == FULL
    assert parse(Settings, yaml.safe_load(yaml.safe_dump(dump(settings)))) == settings


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"output": "a", "optm": {}}, "unknown key `optm`; did you mean `optim`"),
        ({"output": "a", "optim": {"rl": 1}}, r"unknown key `optim\.rl`; did you mean `optim\.lr`"),
        (
            {"output": "a", "parts": {"x": {"name": "n", "shar": 1}}},
            r"`parts\.x\.shar`; did you mean `parts\.x\.share",
        ),
        ({"output": "a", "listed": [{"name": "n", "q": 1}]}, r"unknown key `listed\[0\]\.q`"),
        ({}, "the key `output` is missing"),
        ({"output": "a", "listed": [{}]}, r"the key `listed\[0\]\.name` is missing"),
        ({"output": "a", "optim": {"lr": "fast"}}, r"`optim\.lr` must be of type float, not 'fast'"),
        ({"output": "a", "optim": {"steps": 1.5}}, r"`optim\.steps` must be of type int"),
        ({"output": "a", "optim": {"steps": True}}, r"`optim\.steps` must be of type int"),
        ({"output": "a", "optim": {"lr": True}}, r"`optim\.lr` must be of type float"),
        ({"output": "a", "compile": 1}, "`compile` must be of type bool"),
        ({"output": 3}, "`output` must be of type Path"),
        ({"output": "a", "optim": 3}, "`optim` must be a group of keys, not 3"),
        ({"output": "a", "parts": [1]}, "`parts` must be a group of keys"),
        ({"output": "a", "listed": "n"}, "`listed` must be a list"),
        ({"output": "a", "optim": {"kind": "sgd"}}, r"`optim\.kind` must be one of muon, adamw, not 'sgd'"),
        ({"output": "a", "optim": {"betas": [0.9, "x"]}}, r"`optim\.betas\[1\]` must be of type float"),
        ({"output": "a", "optim": {"lr": None}}, r"`optim\.lr` must be of type float, not None"),
        ({"output": "a", "optim": {"lr": "nan"}}, r"`optim\.lr` must be a finite number"),
        ({"output": "a", "optim": {"lr": float("inf")}}, r"`optim\.lr` must be a finite number"),
        ({"output": "a", "optim": {"steps": -1}}, "steps must not be negative"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_names_the_key(raw: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(Settings, raw)


@pytest.mark.parametrize(
    ("word", "value"),
    [("optim.lr=1e-3", 1e-3), ("optim.lr=2", 2.0), ("optim.lr=1E-4", 1e-4), ("optim.lr=.5", 0.5)],
)
def test_overrides_read_floats_however_they_are_written(word: str, value: float, tmp_path: Path) -> None:
    settings = read(tmp_path, "output: a\noptim: {lr: 9}", word)
    assert settings.optim.lr == value
    assert isinstance(settings.optim.lr, float)


def test_overrides_reach_groups_that_the_file_leaves_out_and_later_ones_win(tmp_path: Path) -> None:
    words = (
        "optim.steps=4",
        "optim.steps=5",
        "optim.betas=[0.5, 0.6]",
        "parts.y.name=new",
        "folder=x=y",
        "compile=true",
    )
    settings = read(tmp_path, "output: a", *words)
    assert settings.optim == Optim(steps=5, betas=(0.5, 0.6))
    assert settings.parts == {"y": Part("new")}
    assert settings.folder == Path("x=y")
    assert settings.compile is True


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("optim.lr", "`optim.lr` is no override"),
        ("=3", "`=3` is no override"),
        ("optim.rl=3", r"did you mean `optim\.lr`"),
        ("output.x=3", r"`output\.x` cannot be set"),
        ("optim.lr.x=3", r"`optim\.lr\.x` cannot be set"),
        ("optim.betas=[1,", r"the value of `optim\.betas` is not valid YAML"),
    ],
)
def test_bad_overrides_are_named(word: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, "output: a\noptim: {lr: 1.0}", word)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("output: [a", "not valid YAML"),
        ("", "must hold `key: value` lines, not NoneType"),
        ("- a", "must hold `key: value` lines, not list"),
        ("output: a\noptim: {lr: 1, lr: 2}", "`lr` is given twice"),
        ("output: !!python/object:os.system a", "not valid YAML"),
    ],
)
def test_bad_files_are_one_line_that_names_the_file(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read(tmp_path, text)
    assert "config.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: No such file"):
        load(Settings, tmp_path / "nowhere.yaml")


def test_a_file_of_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        load(Settings, path)
