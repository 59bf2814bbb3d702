"""Damaged files end in a result or in one sentence; the full run is `benchmarks/fuzz.py`."""

import json
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ceair.checkpoint import load_network, load_tensors
from ceair.config import load, parse
from ceair.errors import ConfigError, WeightsError
from ceair.train.settings import TrainSettings

FUZZ = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["preset", "output", "stages", "optim", "data", "loss", "devices", "validation", "train", "x"])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measures memory by /proc")
def test_some_hundred_damaged_files_give_no_finding():
    done = subprocess.run(
        [sys.executable, FUZZ, "--cases", "300", "--seed", "7"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["cases"] == 360
    assert document["outcomes"]["images"]["restored"] > 30, "damage must not be so large that nothing is tested"
    assert document["outcomes"]["images"]["refused"] > 100
    assert document["outcomes"]["weights"]["refused"] > 10


@settings(max_examples=60)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_no_weights(tmp_path_factory, content, with_length):
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    path.write_bytes((struct.pack("<Q", len(content)) if with_length else b"") + content)
    try:
        load_tensors(path)
    except WeightsError as error:
        said = str(error)
        assert ("w.safetensors" in said, "\n" in said) == (True, False)
    else:
        assert with_length, "what has no length is no safetensors file"
        assert content.strip() == b"{}"


@settings(max_examples=60)
@given(ANYTHING)
def test_any_card_is_taken_or_refused(tmp_path_factory, card):
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    head = json.dumps({"__metadata__": {"preset": json.dumps(card)}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head)
    with pytest.raises(WeightsError, match=r"w\.safetensors"):
        load_network(path)


@settings(max_examples=100)
@given(st.dictionaries(KEYS, ANYTHING, max_size=4))
def test_any_mapping_is_a_configuration_or_an_error_of_one_sentence(raw):
    with pytest.raises(ConfigError) as caught:
        parse(TrainSettings, raw)
    assert len(str(caught.value)) < 1000


@settings(max_examples=100)
@given(st.text(max_size=40), st.text(max_size=20))
def test_any_text_and_override_are_taken_or_refused(tmp_path_factory, text, word):
    path = tmp_path_factory.mktemp("configuration") / "c.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load(TrainSettings, path, [word])


class Bomb:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("ending", [".pth", ".pt", ".ckpt", ".safetensors"])
@pytest.mark.parametrize("kind", ["torch", "old torch", "plain"])
def test_pickles_are_refused_by_name_and_never_loaded(tmp_path, ending, kind):
    path, trace = tmp_path / f"weights{ending}", tmp_path / "trace"
    if kind == "plain":
        path.write_bytes(pickle.dumps(Bomb(trace)))
    else:
        torch.save({"w": Bomb(trace)}, path, _use_new_zipfile_serialization=kind == "torch")
    with pytest.raises(WeightsError, match=r"weights\..* is a pickle.*convert it to safetensors"):
        load_network(path)
    assert not trace.exists()
