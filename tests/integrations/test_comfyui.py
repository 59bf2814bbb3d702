"""The nodes for ComfyUI, imported and called as ComfyUI does, which is not there."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from ceair.checkpoint import load_network
from ceair.restore import Restorer

FOLDER = Path(__file__).parents[2] / "examples" / "comfyui"


@pytest.fixture(scope="module")
def nodes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "spandrel", None)
        patch.delitem(sys.modules, "ceair.integrations.spandrel", raising=False)
        spec = importlib.util.spec_from_file_location("ceair_nodes", FOLDER / "__init__.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def restorer(nodes):
    with pytest.MonkeyPatch.context() as patch:  # in bfloat16 answers would differ from the reference by more
        patch.setattr("ceair.engines.choose.computes_bf16", lambda: False)
        (restorer,) = nodes.LoadCeair().load(" ceair-t ", "cpu")
    return restorer


def test_each_node_has_what_comfyui_asks_for(nodes):
    assert nodes.NODE_CLASS_MAPPINGS.keys() == nodes.NODE_DISPLAY_NAME_MAPPINGS.keys()
    for node in nodes.NODE_CLASS_MAPPINGS.values():
        words = node.INPUT_TYPES()["required"]
        code = getattr(node, node.FUNCTION).__code__
        assert list(code.co_varnames[1 : code.co_argcount]) == list(words)
        assert isinstance(node.RETURN_TYPES, tuple)
        assert node.CATEGORY


def test_a_batch_is_restored_image_by_image(nodes, restorer):
    images = torch.rand(2, 21, 34, 3)
    (restored,) = nodes.RestoreCeair().restore(restorer, images)
    assert (restored.shape, restored.dtype) == (images.shape, images.dtype)
    assert 0 <= restored.min() <= restored.max() <= 1
    expected = Restorer(load_network("ceair-t"), "cpu").restore_tensor(images[1:].movedim(-1, 1))
    assert torch.allclose(restored[1:], expected.movedim(1, -1), atol=2e-3)
    alone = torch.cat([restorer.restore_tensor(image[None].movedim(-1, 1)) for image in images])
    assert torch.allclose(restored, alone.movedim(1, -1), atol=1e-6)


def test_strength_blends_and_alpha_stays(nodes, restorer):
    image = torch.rand(1, 18, 18, 4)
    none, half, whole = (nodes.RestoreCeair().restore(restorer, image, share)[0] for share in (0.0, 0.5, 1.0))
    assert torch.equal(none, image)
    assert torch.allclose(half, (image + whole) / 2, atol=1e-6)
    assert torch.equal(whole[..., 3], image[..., 3])


def test_progress_is_told_to_comfyui(nodes, restorer, monkeypatch):
    told = []

    class ProgressBar:
        def __init__(self, total):
            told.append(total)

        def update(self, steps):
            told.append(steps)

    utils = ModuleType("comfy.utils")
    utils.ProgressBar = ProgressBar
    monkeypatch.setitem(sys.modules, "comfy", ModuleType("comfy"))
    monkeypatch.setitem(sys.modules, "comfy.utils", utils)
    nodes.RestoreCeair().restore(restorer, torch.rand(2, 8, 8, 3))
    assert told == [2, 1, 1]
