"""Training on the benchmarks' own sets at their repeats: from doctor to table on small trees of PromptIR's layout."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ceair.checkpoint import load_tensors
from ceair.config import load
from ceair.data.sets import CDD11_SUBSETS
from ceair.data.sources import FilePairs
from ceair.errors import ConfigError, DataError
from ceair.train.inputs import schedule_steps, training_mixture, validation_batches
from ceair.train.settings import TrainSettings

CONFIGS = Path(__file__).parents[2] / "configs"
CPU = torch.device("cpu")
SHORT = ("train.steps=2", "data.held_out_scenes=1", "validation.crop=32")
SMALL = ("preset=ceair-t", "devices.accelerator=cpu", "devices.threads=1")


def photo(path: Path, seed: int, noise: float = 0.0) -> None:
    rows, columns = np.mgrid[0:48, 0:56]
    draws = np.random.default_rng(seed)
    frequency, shift = draws.uniform(2, 9, 2), draws.normal(0, 1, (48, 56, 3))
    waves = 128 + 90 * np.sin(rows / frequency[0] + columns / frequency[1])[..., None] + noise * shift
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(waves.clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def aio3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images of each set of AIO-3, in the layout and under the names of PromptIR."""
    root = tmp_path_factory.mktemp("aio3")
    for index in range(1, 4):
        photo(root / f"Train/Denoise/{index:05}.bmp", index)
        photo(root / f"Train/Denoise/a{index:05}.jpg", 10 + index)
        photo(root / f"Train/Derain/gt/norain-{index}.png", 20 + index)
        photo(root / f"Train/Derain/rainy/rain-{index}.png", 20 + index, 20)
        photo(root / f"Train/Dehaze/original/000{index}.jpg", 30 + index)
        for part in range(1, 5):
            name = f"000{index}_0.8{part}_0.04.jpg"
            photo(root / f"Train/Dehaze/synthetic/part{part}/{name}", 30 + index, 10)
        photo(root / f"test/denoise/bsd68/{index}.png", 40 + index)
        for folder, noise in (("input", 20.0), ("target", 0.0)):
            photo(root / f"test/derain/Rain100L/{folder}/{index}.png", 50 + index, noise)
        photo(root / f"test/dehaze/input/000{index}_0.8_0.2.jpg", 60 + index, 10)
        photo(root / f"test/dehaze/target/000{index}.png", 60 + index)
    return root


@pytest.fixture(scope="module")
def aio5(aio3: Path) -> Path:
    """The same, with the sets that AIO-5 has beside those of AIO-3, in the layout of AdaIR."""
    folders = {
        "Train/Deblur": ("blur", "sharp"),
        "Train/Enhance": ("low", "gt"),
        "test/deblur/gopro": ("input", "target"),
        "test/enhance/lol": ("input", "target"),
    }
    for number, (parent, (degraded, clean)) in enumerate(folders.items()):
        for index in range(3):
            seed = 100 * number + 200 + index
            photo(aio3 / parent / degraded / f"{index}.png", seed, 20)
            photo(aio3 / parent / clean / f"{index}.png", seed)
    return aio3


@pytest.fixture(scope="module")
def cdd11(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes of each split of CDD-11, as OneRestore's authors pack it."""
    root = tmp_path_factory.mktemp("cdd11")
    for split, first in (("train", 0), ("test", 50)):
        for folder in ("clear", *CDD11_SUBSETS):
            for index in range(3):
                noise = 0 if folder == "clear" else 15
                photo(root / f"CDD-11_{split}/{folder}/{index:05}.png", first + index, noise)
    return root


def settings_of(name: str, root: Path, *words: str) -> TrainSettings:
    return load(TrainSettings, CONFIGS / f"{name}.yaml", [f"data.root={root}", *SMALL, *words])


def ceair(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ceair", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "held_out", "columns"),
    [("aio3", "wed noise 15", 5), ("aio5", "lol-v1-train", 5), ("cdd11", "cdd11-low-haze-train", 11)],
)
def test_from_doctor_to_table(
    name: str, held_out: str, columns: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    data = str(request.getfixturevalue(name))
    assert ceair("doctor", name, "--data", data).returncode == 0
    stages = "stages=[{until: 1.0, patch: 32, batch: 4}]"
    words = (f"data.root={data}", f"output={tmp_path}", *SMALL, stages, *SHORT)
    trained = ceair("train", str(CONFIGS / f"{name}.yaml"), *words)
    assert trained.returncode == 0, trained.stderr
    assert held_out in trained.stderr  # validated on what was held out
    weights = tmp_path / "ceair-t.safetensors"
    assert load_tensors(weights)[1]["steps"] == 2
    scored = ceair("evaluate", name, "--data", data, "--weights", str(weights), "--device", "cpu", "--json")
    assert scored.returncode == 0, scored.stderr
    assert len(json.loads(scored.stdout)["conditions"]) == columns


def test_each_image_comes_at_the_repeats_of_the_protocol(aio3: Path) -> None:
    mixture = training_mixture(settings_of("aio3", aio3, "data.held_out_scenes=0"))
    weights = {ingredient.label: ingredient.weight for ingredient in mixture.ingredients}
    noisy = {f"{name} noise {sigma}": 9 for name in ("wed", "bsd400") for sigma in (15, 25, 50)}
    assert weights == {**noisy, "raintrainl": 360, "reside-ots": 12}


def test_epochs_are_counted_in_batches(aio3: Path) -> None:
    settings = settings_of("aio3", aio3, "data.held_out_scenes=0", "train.epochs=2")
    assert schedule_steps(settings, training_mixture(settings)) == -(-2 * (54 + 360 + 12) // 32)


def test_scenes_held_out_are_validated_on_and_never_drawn(aio3: Path) -> None:
    settings = settings_of("aio3", aio3, "data.held_out_scenes=1", "validation.crop=32")
    source = training_mixture(settings).sources["reside-ots"]
    assert isinstance(source, FilePairs)
    assert len({clean for _, clean in source.pairs}) == 2
    assert len(source.pairs) == 8
    batches = validation_batches(settings, CPU)
    assert len(batches) == 8
    assert not validation_batches(settings_of("aio3", aio3, "data.held_out_scenes=0"), CPU)


def test_cdd11_draws_all_subsets_alike(cdd11: Path) -> None:
    mixture = training_mixture(settings_of("cdd11", cdd11, "data.held_out_scenes=0"))
    assert [ingredient.weight for ingredient in mixture.ingredients] == [6.0] * 11


def test_holding_out_everything_is_refused(aio3: Path) -> None:
    with pytest.raises(DataError, match=r"nothing of Waterloo .* is left to train on"):
        training_mixture(settings_of("aio3", aio3, "data.held_out_scenes=3"))


def test_a_missing_set_is_named_with_the_command_that_says_more(cdd11: Path) -> None:
    message = r"Waterloo Exploration Database is not in .*; `ceair doctor aio5 --data .*` says"
    with pytest.raises(DataError, match=message):
        training_mixture(settings_of("aio5", cdd11, "data.held_out_scenes=0"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("data.benchmark=rain100l",), "no benchmark that says what to train on"),
        (("data.mixture=[{weight: 1, source: a}]",), "set either data.benchmark, or"),
        (("data.sources={a: {path: b}}",), "brings its own sources"),
        (("data.benchmark=null",), "set either data.benchmark, or"),
    ],
)
def test_settings_that_contradict_are_refused(aio3: Path, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        training_mixture(settings_of("aio3", aio3, *words))
