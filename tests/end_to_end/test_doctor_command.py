"""`ceair doctor` as a user calls it."""

import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def ceair(ceair, monkeypatch, tmp_path):
    """Runs `ceair` in a folder of its own: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    return ceair


@pytest.fixture
def lol(tmp_path):
    """The test set of LOL-v1 in AdaIR's layout, of the right number of images."""
    for index in range(15):
        for kind in ("input", "target"):
            path = tmp_path / "data/test/enhance/lol" / kind / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            seed = 2 * index + (kind == "input")
            Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)).save(path)
    return tmp_path / "data/test/enhance/lol"


@pytest.mark.usefixtures("lol")
def test_a_healthy_set(ceair):
    code, out, err = ceair("doctor", "lol-v1", "--data", "data")
    assert code == 0
    assert "LOL-v1" in out
    assert "AdaIR" in out
    assert err == "LOL-v1 can run: 0 errors, 0 warnings\n"


def test_an_error_and_its_remedy(ceair, lol):
    (lol / "input/3.png").write_bytes(b"no image")
    code, out, err = ceair("doctor", "lol-v1", "--data", "data")
    assert code == 1
    assert "error (unreadable): data/test/enhance/lol/input/3.png" in out
    assert "anew" in out
    assert "cannot run" in err


def test_a_warning_stops_nothing(ceair, lol):
    (lol / "input/3.png").unlink()
    (lol / "target/3.png").unlink()
    code, out, _ = ceair("doctor", "lol-v1", "--data", "data", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["runs"] is True
    assert {(finding["check"], finding["severity"]) for finding in document["findings"]} == {("count", "warning")}
    assert document["found"][0]["degraded"] == 14


def test_what_degrade_makes_is_healthy(ceair, tmp_path):
    for index in range(2):
        coarse = np.random.default_rng(index).integers(0, 256, (4, 4, 3), np.uint8)
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(coarse).resize((48, 40), Image.Resampling.BICUBIC).save(tmp_path / f"in/{index}.png")
    assert ceair("degrade", "in", "-o", "out", "--preset", "cdd-open")[0] == 0
    code, out, _ = ceair("doctor", "cdd-open", "--data", "out", "--json")
    document = json.loads(out)
    assert (code, document["findings"]) == (0, [])
    assert len(document["found"]) == 15


def test_usage(ceair, tmp_path):
    code, _, err = ceair("doctor", "aio4", "--data", tmp_path)
    assert code == 2
    assert "aio3" in err
    assert ceair("doctor", "aio3", "--data", "nowhere")[0] == 2
