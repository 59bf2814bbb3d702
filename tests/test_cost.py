"""Counting: against sums by hand, within the presets' budgets, and a timing that is one."""

import pytest
import torch

from ceair.cli.process import keep_large_blocks
from ceair.cost import count, measure
from ceair.models import PRESETS, CEAConfig, NetworkConfig, build
from ceair.nn import CEA

TINY = NetworkConfig(
    widths=(8, 12),
    encoder_depths=(1, 1),
    decoder_depths=(1,),
    stem_stride=1,
    family="gated_conv",
    cea=CEAConfig(rank=4, key_width=8, probe_width=16, heads=2, pooling=2),
)
BUDGETS = {"ceair-t": (1.4e6, 4e9), "ceair-s": (6.5e6, 16e9), "ceair-b": (14e6, 37e9)}


def convolution_products(network: torch.nn.Module, height: int, width: int) -> int:
    """Multiply-adds of all convolutions, from the sizes that a real forward pass shows."""
    total = 0

    def add(module: torch.nn.Conv2d, _: object, output: torch.Tensor) -> None:
        nonlocal total
        total += output[0].numel() * module.weight[0].numel()

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(add)
    with torch.no_grad():
        network(torch.zeros(1, 3, height, width))
    return total


def cea_products(channels: int, height: int, width: int, cea: CEAConfig, pooling: int) -> int:
    """Multiply-adds of the matrix products of one layer, term by term from its equations."""
    r, k, d, n = cea.rank, cea.key_width, cea.probe_width, height * width
    seen = -(-height // pooling) * -(-width // pooling)
    attention = r * d * d + seen * channels * 2 * d + 2 * r * seen * d + r * d * d
    written = 2 * r * d * 2 * d + r * d * k + r * d * channels
    applied = channels * k * r + n * channels * r + n * r * channels
    return attention + written + applied


def test_multiply_adds_are_those_of_convolutions_and_cea_counted_by_hand() -> None:
    cost = count(TINY, 16, 24)
    cea = cea_products(8, 16, 24, TINY.cea, 2) + cea_products(12, 8, 12, TINY.cea, 1)
    assert cost.cea_multiply_adds == cea
    assert cost.multiply_adds == cea + convolution_products(build(TINY), 16, 24)


def test_parameters_are_those_of_the_built_network() -> None:
    network, cost = build(TINY), count(TINY, 16, 16)
    assert cost.parameters == sum(parameter.numel() for parameter in network.parameters())
    layers = [part for part in network.modules() if isinstance(part, CEA)]
    assert cost.cea_parameters == sum(parameter.numel() for layer in layers for parameter in layer.parameters())


@pytest.mark.parametrize("name", PRESETS)
def test_presets_keep_to_their_budgets(name: str) -> None:
    cost = count(PRESETS[name].network, 224, 224)
    most_parameters, most_operations = BUDGETS[name]
    assert cost.parameters <= most_parameters
    assert cost.multiply_adds <= most_operations
    assert cost.cea_multiply_adds <= 0.1 * cost.multiply_adds


@pytest.mark.parametrize("name", ["ceair-s", "ceair-b"])
def test_larger_presets_use_what_they_may(name: str) -> None:
    assert count(PRESETS[name].network, 224, 224).multiply_adds >= 0.9 * BUDGETS[name][1]


def test_cost_grows_with_the_pixels() -> None:
    assert count(TINY, 64, 64).multiply_adds == pytest.approx(4 * count(TINY, 32, 32).multiply_adds, rel=0.05)


def test_measuring_takes_time_and_memory() -> None:
    timing = measure(TINY, 16, 16, keep_large_blocks, repeats=1)
    assert 0 < timing.seconds < 60
    assert timing.peak_bytes is None or 2**25 < timing.peak_bytes < 2**32
    assert timing.threads >= 1
