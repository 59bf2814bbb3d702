"""spandrel reads weights of ceair and gives what ceair gives. It is skipped where spandrel is not installed.

spandrel imports two names of torchvision, for networks other than ours. Where torchvision is not there, as in our own
checks, a stand-in takes its place, which fails when it is used.
"""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType

import pytest
import torch

from ceair.checkpoint import BUNDLED, load_network
from ceair.errors import CeairError, WeightsError
from ceair.models import PRESETS, build
from ceair.pretrained import save_network
from ceair.restore import Limits, Restorer

HERE = all(find_spec(name) for name in ("spandrel", "einops", "typing_extensions"))
needs_spandrel = pytest.mark.skipif(not HERE, reason="needs spandrel and einops: pip install --no-deps spandrel einops")


def stand_in() -> dict[str, ModuleType]:
    """`torchvision.transforms.functional`, with names that cannot be used."""

    def absent(*_: object) -> None:
        raise AssertionError("a network of ceair needs nothing of torchvision")

    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
    modules = {name: ModuleType(name) for name in names}
    functional = modules[names[-1]]
    functional.InterpolationMode, functional.rotate, functional.normalize = object, absent, absent
    modules["torchvision"].transforms, modules["torchvision.transforms"].functional = modules[names[1]], functional
    return modules


@pytest.fixture(scope="module")
def spandrel():
    with pytest.MonkeyPatch.context() as patch:
        if not find_spec("torchvision"):
            for name, module in stand_in().items():
                patch.setitem(sys.modules, name, module)
        spandrel = importlib.import_module("spandrel")
        from ceair.integrations.spandrel import install

        install()
        install()
        yield spandrel


@needs_spandrel
def test_bundled_weights_are_told_from_all_other_kinds_and_described(spandrel):
    model = spandrel.ModelLoader().load_from_file(BUNDLED / "ceair-t.safetensors")
    assert isinstance(model, spandrel.ImageModelDescriptor)
    assert (model.architecture.id, model.purpose, model.scale) == ("ceair", "Restoration", 1)
    assert model.tags == ["ceair-t", "rank 16"]
    assert (model.input_channels, model.output_channels) == (3, 3)
    assert model.size_requirements.multiple_of == load_network("ceair-t").size_multiple
    assert model.tiling is spandrel.ModelTiling.INTERNAL
    with pytest.raises(spandrel.UnsupportedDtypeError):
        model.half()


@needs_spandrel
@pytest.mark.parametrize("size", [(1, 1), (16, 48), (37, 50), (9, 100)])
def test_it_gives_what_ceair_gives_for_any_size(spandrel, size):
    model = spandrel.ModelLoader().load_from_file(BUNDLED / "ceair-t.safetensors")
    image = torch.rand(1, 3, *size)
    assert torch.allclose(model(image), Restorer(load_network("ceair-t"), "cpu").restore_tensor(image), atol=2e-5)


@needs_spandrel
def test_large_images_are_run_in_tiles_that_share_their_context(spandrel, monkeypatch):
    monkeypatch.setattr("ceair.limits.available_memory", lambda: 2 * 560 * 42_000)  # for tiles of 144 pixels
    model = spandrel.ModelLoader().load_from_file(BUNDLED / "ceair-t.safetensors")
    image = torch.rand(1, 3, 192, 256)
    tiled = model(image)
    ours = Restorer(load_network("ceair-t"), "cpu", Limits(whole=1, tile=144)).restore_tensor(image)
    assert torch.allclose(tiled, ours, atol=1e-5)
    with torch.no_grad():
        assert not torch.allclose(tiled, load_network("ceair-t")(image).clamp(0, 1), atol=1e-5)


@needs_spandrel
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_loaded(spandrel, tmp_path, name):
    path = save_network(build(PRESETS[name].network), tmp_path)
    assert spandrel.ModelLoader().load_from_file(path).tags[0] == name


@needs_spandrel
def test_weights_of_no_preset_are_named(spandrel):
    weights = load_network("ceair-t").state_dict()
    del weights["head.bias"]
    with pytest.raises(WeightsError, match="of no preset"):
        spandrel.MAIN_REGISTRY.load(weights)


@needs_spandrel
def test_a_registry_of_ones_own_may_be_given(spandrel):
    from ceair.integrations.spandrel import install

    registry = spandrel.ArchRegistry()
    install(registry)
    assert [support.architecture.id for support in registry] == ["ceair"]


def test_without_spandrel_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "ceair.integrations.spandrel", raising=False)
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(CeairError, match="pip install spandrel"):
        importlib.import_module("ceair.integrations.spandrel")
