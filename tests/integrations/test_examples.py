"""CEA in networks of other kinds: they train, the loss falls, and CEA takes part in it."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

import ceair

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(params=["nafnet_like.NAFNetLike", "restormer_like.RestormerLike"])
def make(request, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    module, name = request.param.split(".")
    return getattr(importlib.import_module(module), name)


@pytest.fixture
def one_minute(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("one_minute")


def test_loss_falls_and_held_out_pictures_get_better(make, one_minute):
    torch.manual_seed(0)
    network = make(True, width=8)
    losses, before, after = one_minute.train(network, 0, steps=50)
    assert len(losses) == 50
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])
    assert after > before


def test_each_cea_layer_learns(make):
    torch.manual_seed(0)
    network = make(True, width=8)
    layers = [module for module in network.modules() if isinstance(module, ceair.CEA)]
    assert len(layers) == 3
    before = {name: weight.clone() for name, weight in network.named_parameters()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(3):  # what starts at zero hides what is behind it in the first step
        optimizer.zero_grad()
        (network(torch.rand(2, 3, 32, 32)) - torch.rand(2, 3, 32, 32)).square().sum().backward()
        optimizer.step()
    still = [
        name for name, weight in network.named_parameters() if "adapter" in name and torch.equal(weight, before[name])
    ]
    assert not still


def test_without_cea_it_is_the_same_network_but_for_it(make):
    with_cea, without = ({name for name, _ in make(answer, width=8).named_parameters()} for answer in (True, False))
    assert without < with_cea
    assert make(True, width=8)(torch.rand(1, 3, 20, 28)).shape == (1, 3, 20, 28)


def test_crops_of_a_photo_may_be_trained_on(one_minute):
    photo = EXAMPLES / "coffee-low-light.jpg"
    crops = one_minute.crops_of(str(photo), 3, torch.Generator().manual_seed(0))
    assert crops.shape == (3, 3, 48, 48)
    assert 0 <= crops.min() < crops.max() <= 1


def test_the_command_trains_and_tells(make, one_minute, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["example", "--steps", "3", "--without-cea"])
    one_minute.run(make, "about")
    assert "3 steps: loss" in capsys.readouterr().out
