"""Weights that `scripts/grow_weights.py` makes of those of a smaller network."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ceair.checkpoint import load_into
from ceair.errors import WeightsError
from ceair.models import NetworkConfig, build

SMALL = NetworkConfig((8, 12), (1, 1), (2,), stem_stride=2, family="gated_conv")
LARGER = replace(SMALL, kernels=(5, 7), encoder_depths=(2, 3), decoder_depths=(3,))
grown = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "grow_weights.py"))["grown"]


@torch.no_grad()
def test_a_grown_network_computes_the_same_until_it_is_trained():
    torch.manual_seed(0)
    small, larger, image = build(SMALL), build(LARGER), torch.rand(1, 3, 40, 56)
    assert not torch.allclose(larger(image), small(image), atol=1e-3)
    load_into(larger, grown(small.state_dict(), larger), "grown")
    torch.testing.assert_close(larger(image), small(image), atol=2e-6, rtol=0)


def test_all_that_a_grown_network_has_more_of_is_trained():
    torch.manual_seed(0)
    small, larger = build(SMALL), build(LARGER)
    load_into(larger, grown(small.state_dict(), larger), "grown")
    optimizer = torch.optim.SGD(larger.parameters(), lr=0.1)
    before = {name: tensor.clone() for name, tensor in larger.state_dict().items()}
    for _ in range(2):  # a step until the last convolutions are not zero, another that reaches those before them
        optimizer.zero_grad()
        larger(torch.rand(1, 3, 40, 56)).square().sum().backward()
        optimizer.step()
    unmoved = [name for name, tensor in larger.state_dict().items() if torch.equal(tensor, before[name])]
    assert unmoved == []


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(SMALL, widths=(8, 16)), "cannot become"),
        (replace(SMALL, decoder_depths=(1,)), "has no decoder.0"),
        (replace(SMALL, stem_stride=1), "cannot become"),
        (NetworkConfig((8, 12, 16), (1, 1, 1), (2, 1), 2, "gated_conv"), "cannot become|only windows and blocks"),
    ],
)
def test_what_is_no_growth_is_refused(other: NetworkConfig, reason: str):
    with pytest.raises(WeightsError, match=reason):
        grown(build(SMALL).state_dict(), build(other))
