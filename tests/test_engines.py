"""Every engine gives what torch gives, for whole images, for crops with a context, and at any size."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from ceair.checkpoint import load_network
from ceair.engines import TorchEngine, choose, find_device, make_engine
from ceair.engines.choose import agrees, probe
from ceair.engines.graphs import flatten, seeing
from ceair.errors import CeairError
from ceair.metrics import psnr
from ceair.models import NetworkConfig, build
from ceair.models.fold import fold, ready_for_bf16, split_for_bf16
from ceair.nn.cea import Components
from ceair.restore import Limits, Restorer

pytestmark = pytest.mark.xdist_group("graphs")  # one process, so that each graph is converted once
PAIRS = [("torch", "fp32"), ("torch", "bf16"), ("openvino", "fp32"), ("openvino", "bf16"), ("onnx", "fp32")]
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
CPU = torch.device("cpu")


def toy(family: str = "gated_conv"):
    torch.manual_seed(0)
    kernels = (3, 5, 7) if family == "gated_conv" else None
    config = NetworkConfig((8, 12, 16), (1, 1, 1), (2, 1), stem_stride=2, family=family, kernels=kernels)
    network = build(replace(config, cea=replace(config.cea, rank=3, key_width=6, probe_width=8, heads=2, pooling=4)))
    for module in network.modules():
        if isinstance(module, torch.nn.LayerNorm):  # so that nothing hangs on their starts
            torch.nn.init.normal_(module.weight, 1, 0.2)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    return network.eval()


def needs(name: str) -> None:
    for package in choose._NEEDS[name]:
        pytest.importorskip(package)


@pytest.mark.parametrize("family", ["gated_conv", "transposed_attention"])
@torch.no_grad()
def test_a_folded_network_computes_the_same(family):
    network, crops = toy(family), torch.rand(3, 3, 24, 32)
    folded = fold(network)
    assert torch.allclose(folded(crops[:1]), network(crops[:1]), atol=2e-6)
    mine, its = network.context(crops), folded.context(crops)
    for one, other in zip(flatten(mine), flatten(its), strict=True):
        assert torch.allclose(one, other, atol=2e-6)
    assert torch.allclose(folded(crops, its), network(crops, mine), atol=2e-6)


@pytest.mark.parametrize("family", ["gated_conv", "transposed_attention"])
@torch.no_grad()
def test_the_context_of_the_whole_image_gives_the_whole_image(family):
    network, image = toy(family), torch.rand(1, 3, 40, 56)
    context = network.context(image)
    assert torch.allclose(network(image, context), network(image), atol=2e-6)
    assert len(context) == len(seeing(network))
    assert not torch.allclose(network(image, network.context(image / 3)), network(image), atol=1e-4)


@torch.no_grad()
def test_crops_in_any_order_have_one_context():
    network, crops = toy(), torch.rand(4, 3, 16, 24)
    for one, other in zip(network.context(crops), network.context(crops.flip(0)), strict=True):
        assert isinstance(one, Components)
        assert one.bases.shape[0] == one.directions.shape[0] == 1
        assert torch.allclose(one.bases, other.bases, atol=1e-6)
        assert torch.allclose(one.directions, other.directions, atol=1e-6)


@pytest.mark.parametrize(("engine", "precision"), PAIRS)
def test_engines_agree_with_torch(engine, precision):
    needs(engine)
    network = load_network("ceair-t")
    reference, tried = TorchEngine(network, CPU), make_engine(network, "cpu", engine, precision)
    assert tried.name == f"{engine} {precision}"
    degraded, _ = probe()
    least = 50 if precision == "bf16" else 100
    pairs = [
        (tried.restore(degraded[:2]), reference.restore(degraded[:2])),
        (tried.restore(degraded[2:3, :, :32, :80]), reference.restore(degraded[2:3, :, :32, :80])),
        (
            tried.restore_crop(degraded[:1], tried.look(degraded[:3])),
            reference.restore_crop(degraded[:1], reference.look(degraded[:3])),
        ),
    ]
    for one, other in pairs:
        assert one.dtype == torch.float32
        assert one.shape == other.shape
        assert 0 <= one.min() <= one.max() <= 1
        difference = (one - other).double().square().mean()
        assert -10 * torch.log10(difference + 1e-20) > least


@pytest.mark.parametrize(("engine", "precision"), PAIRS)
def test_a_tiny_image_does_not_spoil_those_after_it(engine, precision):
    needs(engine)
    network = load_network("ceair-t")
    tried, reference = make_engine(network, "cpu", engine, precision), TorchEngine(network, CPU)
    for side in (16, 96, 16, 160, 32):
        image = torch.rand(1, 3, side, 96, generator=torch.Generator().manual_seed(side))[..., :side]
        difference = (tried.restore(image) - reference.restore(image)).square().mean()
        assert difference < (1e-4 if precision == "bf16" else 1e-9)


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_wider_families_run_in_other_engines(engine):
    needs(engine)
    network, image = toy("transposed_attention"), torch.rand(1, 3, 32, 24)
    tried, reference = make_engine(network, "cpu", engine, "fp32"), TorchEngine(network, CPU)
    assert torch.allclose(tried.restore(image), reference.restore(image), atol=1e-5)
    if engine == "openvino":  # of the other, converting takes long
        assert torch.allclose(tried.restore_crop(image, tried.look(image)), reference.restore(image), atol=1e-5)


@pytest.mark.parametrize(("engine", "precision"), PAIRS)
def test_tiles_of_any_engine_are_those_of_torch(engine, precision):
    needs(engine)
    network, image = toy(), torch.rand(1, 3, 75, 101)
    limits = Limits(whole=1, tile=48)
    expected = Restorer(network, "cpu", limits, overlap=16).restore_tensor(image)
    restored = Restorer(network, "cpu", limits, overlap=16, engine=engine, precision=precision).restore_tensor(image)
    assert torch.allclose(restored, expected, atol=0.02 if precision == "bf16" else 1e-5)


def test_auto_takes_the_fastest_that_agrees(monkeypatch, tmp_path):
    needs("openvino")
    network = load_network("ceair-t")
    monkeypatch.setattr(choose, "computes_bf16", lambda: False)
    monkeypatch.setenv("CEAIR_CACHE", str(tmp_path / "agree"))
    assert make_engine(network, "cpu").name == "openvino fp32"
    monkeypatch.setattr(choose, "agrees", lambda *_: False)
    assert make_engine(network, "cpu").name == "openvino fp32", "the answer was not remembered"
    monkeypatch.setenv("CEAIR_CACHE", str(tmp_path / "differ"))
    assert make_engine(network, "cpu").name == "torch fp32"
    monkeypatch.setattr(choose, "_installed", lambda name: name == "torch")
    assert make_engine(network, "cpu").name == "torch fp32"


def test_auto_takes_bf16_only_where_it_is_faster(monkeypatch, tmp_path):
    network = toy()
    monkeypatch.setattr(choose, "computes_bf16", lambda: True)
    monkeypatch.setattr(choose, "agrees", lambda *_: True)
    monkeypatch.setattr(choose, "_installed", lambda name: name == "torch")
    asked = []

    def tell(answer):
        def stand_in(engine, other):
            asked.append((engine.name, other.name))
            return answer

        monkeypatch.setattr(choose, "is_faster", stand_in)
        monkeypatch.setenv("CEAIR_CACHE", str(tmp_path / str(answer)))

    tell(True)
    assert make_engine(network, "cpu").name == "torch bf16"
    tell(False)
    assert make_engine(network, "cpu").name == "torch fp32"
    assert make_engine(network, "cpu").name == "torch fp32"
    assert asked == [("torch bf16", "torch fp32")] * 2, "the answer was not remembered"
    assert make_engine(network, "cpu", precision="bf16").name == "torch bf16", "what was asked for is not timed"
    assert len(asked) == 2


def test_only_a_clearly_faster_engine_is_faster(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(choose, "perf_counter", lambda: now[0])

    class Stub(TorchEngine):
        def __init__(self, *taken):
            super().__init__(toy(), CPU)
            self.taken, self.side = list(taken), 512

        def restore(self, images):
            assert images.shape == (1, 3, self.side, self.side)
            now[0] += self.taken.pop(0)
            return images

    assert choose.is_faster(Stub(9, 7), Stub(8, 8), rounds=2)
    assert not choose.is_faster(Stub(7.9, 9), Stub(9, 8), rounds=2), "a tie is for float32"
    assert not choose.is_faster(Stub(9, 9), Stub(8, 20), rounds=2), "the other was held up once"
    odd, plain = Stub(1), Stub(2)
    odd.size_multiple, odd.side, plain.side = 48, 528, 528
    assert choose.is_faster(odd, plain, rounds=1), "both take images of sides that both can have"


def test_an_engine_whose_tones_are_off_does_not_agree():
    reference = TorchEngine(load_network("ceair-t"), CPU)

    class Darker(TorchEngine):
        def restore(self, images):
            return (super().restore(images) - 0.004).clamp(0, 1)

    assert agrees(reference, reference)
    assert not agrees(Darker(reference.network, CPU), reference)


def test_the_probe_shows_damaged_photos_that_get_better():
    degraded, clean = probe()
    assert degraded.shape == clean.shape == (6, 3, 96, 96)
    restored = TorchEngine(load_network("ceair-t"), CPU).restore(degraded)
    before, after = ((one - clean).square().mean() for one in (degraded, restored))
    assert after < before / 1.5, "of all six, which is mostly that of the dim and hazy ones"
    images = zip(*(one.permute(0, 2, 3, 1).numpy() for one in (degraded, restored, clean)), strict=True)
    gains = [psnr(after, right) - psnr(before, right) for before, after, right in images]
    assert min(gains) > 0
    assert sum(gains) / len(gains) > 3


def test_a_cache_that_is_damaged_or_cannot_be_written_costs_time_only(monkeypatch, tmp_path):
    needs("openvino")
    network, image = toy(), torch.rand(1, 3, 16, 16)
    expected = TorchEngine(network, CPU).restore(image)
    monkeypatch.setenv("CEAIR_CACHE", str(tmp_path))
    assert torch.allclose(make_engine(network, "cpu", "openvino", "fp32").restore(image), expected, atol=1e-5)
    (kept,) = tmp_path.rglob("graph.xml")
    kept.write_text("<net")
    assert torch.allclose(make_engine(network, "cpu", "openvino", "fp32").restore(image), expected, atol=1e-5)
    assert len(kept.read_text()) > 1000
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CEAIR_CACHE", str(tmp_path / "file" / "below"))
    assert torch.allclose(make_engine(network, "cpu", "openvino", "fp32").restore(image), expected, atol=1e-5)


def test_weights_are_rounded_so_that_their_sums_stay():
    network = toy()
    ready = ready_for_bf16(network)
    weight, rounded = (one.bottleneck[1].expand.weight.detach().flatten(1) for one in (network, ready))
    assert torch.equal(rounded.bfloat16().float(), rounded)
    assert not torch.equal(rounded, weight)
    plain = (weight.bfloat16().float() - weight).sum(1).abs().mean()
    assert (rounded - weight).sum(1).abs().mean() < plain / 5
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(split_for_bf16(image)[:, :3] + split_for_bf16(image)[:, 3:6], image)


@pytest.mark.parametrize(
    ("device", "engine", "precision", "hint"),
    [
        ("cpu", "tensorrt", "auto", "openvino"),
        ("cpu", "torch", "fp8", "fp32"),
        ("cpu", "onnx", "bf16", "bf16"),
        ("gpu", "auto", "auto", "device"),
    ],
)
def test_what_cannot_be_is_named(device, engine, precision, hint):
    with pytest.raises(CeairError, match=hint):
        make_engine(toy(), device, engine, precision)


def test_an_engine_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(choose, "_installed", lambda _: False)
    with pytest.raises(CeairError, match=r"pip install 'ceair\[onnx\]'"):
        make_engine(toy(), "cpu", "onnx")


def test_memory_lowers_tiles_and_says_when_it_is_too_little():
    restorer = Restorer(toy(), "cpu", memory=1)
    with pytest.raises(CeairError, match="--memory"):
        restorer.restore_tensor(torch.rand(1, 3, 8, 8))
    told = []
    image = np.zeros((700, 900, 3), np.uint8)
    from ceair.system import resident_memory

    restorer.inference.memory = resident_memory() + 60_000_000
    restorer.restore_tensor(torch.from_numpy(image).permute(2, 0, 1)[None].float(), told.append)
    assert len(told) > 4


@GPU
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_agrees_with_the_cpu(precision, compiled):
    network = load_network("ceair-t")
    degraded, _ = probe()
    expected = TorchEngine(network, CPU).restore(degraded)
    engine = make_engine(load_network("ceair-t"), "cuda", "torch", precision, compiled)
    assert engine.device == find_device("cuda")
    restored = engine.restore(degraded)
    context = engine.look(degraded[:2])
    assert engine.restore_crop(degraded[:1], context).shape == degraded[:1].shape
    scores = [
        psnr(one.permute(0, 2, 3, 1).flatten(0, 1).numpy(), two.permute(0, 2, 3, 1).flatten(0, 1).numpy())
        for one, two in ((restored, expected),)
    ]
    assert scores[0] > (50 if precision == "bf16" else 60)


COMPILED = """
import torch
from ceair.engines import TorchEngine, make_engine, find_device
from ceair.models import NetworkConfig, build
network, image = build(NetworkConfig((8, 8), (1, 1), (1,), 2, "gated_conv")), torch.rand(1, 3, 32, 48)
expected = TorchEngine(network, find_device("cpu")).restore(image)
compiled = make_engine(network, "cpu", "torch", "fp32", compiled=True)
print(compiled.name, float((compiled.restore(image) - expected).abs().max()) < 1e-5)
"""


@pytest.mark.skipif(not (shutil.which("c++") or shutil.which("g++")), reason="torch.compile needs a C++ compiler")
def test_a_compiled_network_agrees():
    environment = os.environ | {"JAXTYPING_DISABLE": "1"}
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["torch", "fp32", "compiled", "True"]
