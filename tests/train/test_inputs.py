"""What the settings of a source do to the batches of a run, and to those of its validation."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from ceair.config import load
from ceair.errors import ConfigError
from ceair.train.inputs import training_mixture, validation_batches
from ceair.train.settings import TrainSettings

CPU = torch.device("cpu")


@pytest.fixture
def pairs(config: Path, tmp_path: Path) -> Path:
    """A configuration that trains on real pairs of grey 60 and 180, and holds one of them out."""
    for part, value in (("input", 60), ("target", 180)):
        (tmp_path / "pairs" / part).mkdir(parents=True)
        for name in ("a", "b", "p5"):
            Image.fromarray(np.full((40, 40, 3), value, np.uint8)).save(tmp_path / "pairs" / part / f"{name}.png")
    settings = yaml.safe_load(config.read_text())
    settings["data"] |= {
        "root": str(tmp_path),
        "sources": {"pairs": {"path": "pairs", "kind": "pairs"}},
        "mixture": [{"weight": 1, "source": "pairs", "exposure": [0.67, 1.5]}],
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path / "config.yaml"


def test_exposure_varies_in_training_and_not_in_validation(pairs: Path) -> None:
    settings = load(TrainSettings, pairs, ["validation.images=8"])
    drawn = training_mixture(settings).batch(0, range(4), 4, 16, CPU)
    assert len(drawn.degraded[:, 0, 0, 0].unique()) > 4
    assert torch.allclose(drawn.clean, torch.tensor(180 / 255))
    kept = validation_batches(settings, CPU)["pairs"]
    assert torch.allclose(kept.degraded, torch.tensor(60 / 255))


def test_photos_are_dark_in_validation_too(pairs: Path) -> None:
    words = [
        "data.sources.pairs={path: pairs/target}",
        "data.mixture=[{weight: 1, source: pairs, exposure: [0.1, 0.5]}]",
        "validation.images=8",
    ]
    settings = load(TrainSettings, pairs, words)
    for batch in (
        training_mixture(settings).batch(0, range(4), 4, 16, CPU),
        validation_batches(settings, CPU)["pairs"],
    ):
        assert batch.degraded.amax() <= 90 / 255 + 1e-6
        assert batch.degraded.amin() >= 18 / 255 - 1e-6
        assert torch.allclose(batch.clean, torch.tensor(180 / 255))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "data.mixture=[{weight: 1, source: pairs, exposure: [0, 1]}]",
            r"`pairs`: exposure must be two factors above 0, the lower first, not \[0.0, 1.0\]",
        ),
        ("data.mixture=[{weight: 1, source: pairs, exposure: [2, 1]}]", "the lower first"),
        ("data.mixture=[{weight: 1, source: pairs, exposure: [2]}]", "two factors"),
        ("data.sources.pairs.shrink=0.5", "shrink must be 1 or more, not 0.5"),
    ],
)
def test_what_a_source_or_an_ingredient_cannot_do_is_refused(pairs: Path, words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(TrainSettings, pairs, [words])
