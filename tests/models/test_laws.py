"""What every network must hold to: each preset's shape at toy widths, in both block families; presets where cheap."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ceair.checkpoint import load_into, load_tensors, save_tensors
from ceair.errors import ConfigError, WeightsError
from ceair.models import PRESETS, CEAConfig, NetworkConfig, UNet, build, preset
from ceair.nn import CEA, GatedConvBlock

FAMILIES = ("gated_conv", "transposed_attention")
TOYS = [(name, family) for name in PRESETS for family in FAMILIES]
LIMITS = {"ceair-t": (1.8e6, 4e9), "ceair-s": (6.5e6, 16e9), "ceair-b": (14e6, 37e9)}

every_toy = pytest.mark.parametrize(("name", "family"), TOYS)
every_family = pytest.mark.parametrize("family", FAMILIES)
every_preset = pytest.mark.parametrize("name", PRESETS)


def toy_config(name: str, family: str) -> NetworkConfig:
    """A preset with its levels, stem and pooling, but few and narrow blocks."""
    network = preset(name).network
    levels = len(network.widths)
    return replace(
        network,
        widths=tuple(8 + 4 * level for level in range(levels)),
        encoder_depths=(1,) * levels,
        decoder_depths=(1,) * (levels - 1),
        family=family,
        kernels=network.kernels if family == "gated_conv" else None,
        cea=replace(network.cea, rank=3, key_width=6, probe_width=8, heads=2),
    )


def toy(name: str = "ceair-t", family: str = "gated_conv", seed: int = 0) -> UNet:
    torch.manual_seed(seed)
    return build(toy_config(name, family)).eval()


def images(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(5))


@every_toy
@pytest.mark.parametrize("size", [(1, 1), (1, 37), (33, 17), (48, 48)])
@torch.no_grad()
def test_any_size_is_kept(name: str, family: str, size: tuple[int, int]) -> None:
    restored = toy(name, family)(images(*size))
    assert restored.shape == (1, 3, *size)
    assert torch.isfinite(restored).all()


@every_preset
@torch.no_grad()
def test_the_real_presets_keep_odd_sizes(name: str) -> None:
    restored = build(preset(name).network).eval()(images(19, 21))
    assert restored.shape == (1, 3, 19, 21)
    assert torch.isfinite(restored).all()


@every_toy
@torch.no_grad()
def test_an_image_alone_equals_the_same_image_in_a_batch(name: str, family: str) -> None:
    network, batch = toy(name, family), images(33, 20, batch=3)
    together = network(batch)
    for index in range(3):
        torch.testing.assert_close(network(batch[index : index + 1])[0], together[index], atol=2e-6, rtol=1e-5)


@every_toy
@torch.no_grad()
def test_deterministic_and_without_memory(name: str, family: str) -> None:
    network, image = toy(name, family), images(24, 20)
    first = network(image)
    network(images(17, 40, batch=2))
    assert torch.equal(network(image), first)
    assert torch.equal(network.train()(image), first), "training mode computes something else"


@every_toy
@torch.no_grad()
def test_the_input_is_left_alone(name: str, family: str) -> None:
    image = images(20, 20)
    before = image.clone()
    toy(name, family)(image)
    assert torch.equal(image, before)


@every_toy
def test_every_parameter_gets_a_gradient(name: str, family: str) -> None:
    check_gradients(toy(name, family).train())


@every_preset
def test_every_parameter_of_the_real_presets_gets_a_gradient(name: str) -> None:
    torch.manual_seed(0)
    check_gradients(build(preset(name).network))


def check_gradients(network: UNet) -> None:
    network(images(32, 32)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@every_toy
@torch.no_grad()
def test_the_conditioning_reaches_the_output(name: str, family: str) -> None:
    network, image = toy(name, family), images(24, 24)
    before = network(image)
    layers = [module for module in network.modules() if isinstance(module, CEA)]
    assert len(layers) == len(preset(name).network.widths)
    for layer in layers:
        after_all = layer.gamma.clone()
        layer.gamma.zero_()
        assert not torch.equal(network(image), before)
        layer.gamma.copy_(after_all)


@every_toy
@torch.no_grad()
def test_a_zero_head_gives_the_degraded_image(name: str, family: str) -> None:
    network, image = toy(name, family), images(19, 23)
    nn.init.zeros_(network.head.weight)
    nn.init.zeros_(network.head.bias)
    assert torch.equal(network(image), image)


@every_family
@torch.no_grad()
def test_bf16_autocast_is_near_fp32(family: str) -> None:
    network, image = toy(family=family), images(40, 40)
    exact = network(image)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(image)
    update = (exact - image).square().mean().sqrt()
    assert (rough.float() - exact).square().mean().sqrt() < 0.03 * update + 2**-9
    assert not torch.equal(rough.float(), exact)


@every_family
@torch.no_grad()
def test_channels_last_memory_gives_the_same(family: str) -> None:
    network, image = toy(family=family), images(33, 40, batch=2)
    other = toy(family=family).to(memory_format=torch.channels_last)
    result = other(image.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(result, network(image), atol=2e-6, rtol=1e-5)


@every_toy
@torch.no_grad()
def test_saved_weights_come_back_bit_for_bit(name: str, family: str, tmp_path: Path) -> None:
    network, other = toy(name, family), toy(name, family, seed=1)
    save_tensors(tmp_path / "w.safetensors", network.state_dict(), {"preset": name, "steps": 3})
    tensors, metadata = load_tensors(tmp_path / "w.safetensors")
    load_into(other, tensors, "w")
    assert metadata == {"preset": name, "steps": 3}
    assert torch.equal(other(images(20, 20)), network(images(20, 20)))
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"], "a temporary file was left behind"


def test_missing_and_unknown_and_misshapen_and_broken_weights_are_named() -> None:
    network = toy()
    good, before = network.state_dict(), {k: v.clone() for k, v in network.state_dict().items()}
    for change, message in (
        ({"head.bias": None}, r"here lacks weights .*head\.bias"),
        ({"head.extra": torch.zeros(1)}, r"here has unknown weights .*head\.extra"),
        ({"head.bias": torch.zeros(5)}, r"here .*another network.*`head\.bias` is \(5,\), not \(12,\)"),
        ({"head.bias": torch.full((12,), float("nan"))}, r"here .*damaged.*`head\.bias`"),
        ({"head.bias": torch.full((12,), float("inf"))}, r"here .*damaged.*`head\.bias`"),
    ):
        merged = {**{name: tensor + 1 for name, tensor in good.items()}, **change}
        with pytest.raises(WeightsError, match=message):
            load_into(network, {name: tensor for name, tensor in merged.items() if tensor is not None}, "here")
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), "a refused load changed the network"


def test_half_precision_weights_load_into_float32() -> None:
    network, other = toy(), toy(seed=1)
    load_into(other, {name: tensor.half() for name, tensor in network.state_dict().items()}, "here")
    assert other.head.weight.dtype == torch.float32
    assert torch.equal(other.head.weight, network.head.weight.half().float())


@pytest.mark.parametrize("content", [b"", b"junk that is no file of weights", None])
def test_damaged_and_missing_files_are_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"w\.safetensors"):
        load_tensors(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, toy().state_dict(), {})
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(WeightsError, match="no whole safetensors file"):
        load_tensors(path)


COMPARE = """
import torch
from ceair.models import CEAConfig, NetworkConfig, build
torch.manual_seed(0)
torch.set_num_threads(1)
cea = CEAConfig(rank=3, key_width=6, probe_width=8, heads=2, pooling=2)
network = build(NetworkConfig((8, 12), (0, 0), (1,), 2, "{family}", cea)).eval()
image = torch.rand(1, 3, 23, 18)
with torch.no_grad():
    other = {other}
    torch.testing.assert_close(other(image), network(image), atol=1e-5, rtol=1e-4)
    assert (network(image) - image).abs().mean() > 1e-2
"""


def agrees_with_eager(family: str, other: str) -> None:
    code = COMPARE.format(family=family, other=other)
    environment = {**os.environ, "JAXTYPING_DISABLE": "1"}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]


@every_family
@pytest.mark.skipif(not (shutil.which("c++") or shutil.which("g++")), reason="torch.compile needs a C++ compiler")
def test_compile_agrees_with_eager(family: str) -> None:
    agrees_with_eager(family, "torch.compile(network, fullgraph=True)")


@every_family
def test_export_agrees_with_eager(family: str) -> None:
    agrees_with_eager(family, "torch.export.export(network, (image,)).module()")


def multiply_adds(network: nn.Module, size: int = 224) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, size, size, device="meta"))
    return counter.get_total_flops() / 2


@every_preset
def test_parameters_and_multiply_adds_are_within_the_limits(name: str) -> None:
    with torch.device("meta"):
        network = build(preset(name).network)
    parameters, operations = LIMITS[name]
    assert 0.5 * parameters < sum(parameter.numel() for parameter in network.parameters()) <= parameters
    assert 0.5 * operations < multiply_adds(network) <= operations


@every_preset
def test_cea_costs_at_most_a_tenth_of_the_multiply_adds(name: str) -> None:
    with torch.device("meta"):
        network = build(preset(name).network)
    total = multiply_adds(network)
    for module in list(network.modules()):
        for child_name, child in list(module.named_children()):
            if isinstance(child, CEA):
                setattr(module, child_name, nn.Identity())
    assert 0 < total - multiply_adds(network) <= 0.1 * total


def test_an_unknown_preset_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"no preset `ceair-x`.*ceair-t"):
        preset("ceair-x")


def test_depths_must_fit_the_levels() -> None:
    with pytest.raises(ValueError, match="decoder_depths"):
        build(NetworkConfig((8, 12), (1, 1), (1, 1), 1, "gated_conv", CEAConfig()))


def test_kernels_must_fit_the_levels_and_the_family() -> None:
    with pytest.raises(ValueError, match="one side per width"):
        build(NetworkConfig((8, 12), (1, 1), (1,), 1, "gated_conv", kernels=(3,)))
    with pytest.raises(ValueError, match="transposed attention"):
        build(NetworkConfig((8, 12), (1, 1), (1,), 1, "transposed_attention", kernels=(3, 5)))


def test_blocks_of_each_level_have_the_windows_of_the_level() -> None:
    network = build(NetworkConfig((8, 12, 16), (1, 1, 1), (1, 1), 1, "gated_conv", kernels=(3, 5, 7)))
    stages = [*network.encoder, network.bottleneck, *network.decoder]
    sides = [part.mix.kernel_size for stage in stages for part in stage if isinstance(part, GatedConvBlock)]
    assert sides == [(3, 3), (5, 5), (7, 7), (3, 3), (5, 5)]
