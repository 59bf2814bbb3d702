"""Exported files compute what torch does, at any size, without ceair; and nothing is kept that does not."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from ceair import export as exporting
from ceair.checkpoint import load_network
from ceair.errors import CeairError
from ceair.export import export
from ceair.models import NetworkConfig, build

SIZES = [(48, 112), (16, 16), (80, 32)]  # the larger one first: see `ceair.export`


def toy():
    torch.manual_seed(0)
    return build(NetworkConfig((8, 12), (1, 1), (1,), stem_stride=2, family="gated_conv")).eval()


@pytest.mark.parametrize("ending", [".onnx", ".xml"])
@torch.no_grad()
def test_files_give_what_torch_gives(tmp_path, ending):
    pytest.importorskip("onnxruntime" if ending == ".onnx" else "openvino")
    network, path = toy(), tmp_path / f"net{ending}"
    assert export(network, path, {"weights": "toy"}) <= exporting.TOLERANCE
    if ending == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        assert session.get_modelmeta().custom_metadata_map["size_multiple"] == "16"
        run = lambda image: session.run(["restored"], {"image": image})[0]  # noqa: E731
    else:
        import openvino

        compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        run = lambda image: compiled({"image": image})["restored"]  # noqa: E731
    for size in SIZES:
        image = torch.rand(1, 3, *size)
        assert np.allclose(run(image.numpy()), network(image).clamp(0, 1).numpy(), atol=1e-5)


@pytest.mark.parametrize("ending", [".onnx", ".xml"])
def test_nothing_is_kept_of_a_file_whose_answers_differ(tmp_path, ending, monkeypatch):
    pytest.importorskip("onnxruntime" if ending == ".onnx" else "openvino")
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(CeairError, match="nothing was written"):
        export(toy(), tmp_path / f"net{ending}", {})
    assert not list(tmp_path.iterdir())


def test_other_endings_and_missing_packages_are_named(tmp_path, monkeypatch):
    with pytest.raises(CeairError, match=r"\.onnx, \.xml"):
        export(toy(), tmp_path / "net.pt", {})
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(CeairError, match=r"ceair\[cpu\]"):
        export(toy(), tmp_path / "net.xml", {})
    (tmp_path / "file").write_text("")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_command_writes_tells_and_does_not_replace(tmp_path):
    pytest.importorskip("openvino")
    path = tmp_path / "ceair-t.XML"  # in capitals, as some systems write endings
    command = [sys.executable, "-m", "ceair", "export", "-o", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    facts = json.loads(done.stdout)
    assert (facts["output"], facts["size_multiple"]) == (str(path), load_network("ceair-t").size_multiple)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["ceair-t.XML", "ceair-t.bin"]
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "--overwrite" in again.stderr
