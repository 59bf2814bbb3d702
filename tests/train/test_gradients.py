"""Gradients that are clipped group by group: against the plain ones, and each by itself."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ceair.checkpoint import load_tensors
from ceair.config import load
from ceair.train.gradients import ClippedMean
from ceair.train.loop import train
from ceair.train.settings import OptimSettings, TrainSettings


def gathered(most: float, gradients: list[list[float]]) -> Tensor:
    weight = nn.Parameter(torch.zeros(2))
    mean = ClippedMean([weight], [weight], most)
    for gradient in gradients:
        weight.grad = torch.tensor(gradient)
        mean.take()
        assert weight.grad is None
    mean.give(lambda tensor: tensor)
    assert weight.grad is not None
    return weight.grad


def test_long_gradients_are_shortened_and_short_ones_left() -> None:
    torch.testing.assert_close(gathered(1.0, [[30.0, 40.0], [0.0, -0.5]]), torch.tensor([0.3, 0.15]))
    torch.testing.assert_close(gathered(100.0, [[30.0, 40.0], [0.0, -0.5]]), torch.tensor([15.0, 19.75]))
    assert torch.equal(gathered(1.0, [[0.0, 0.0]]), torch.zeros(2))


def test_what_is_not_measured_is_scaled_along_and_what_has_no_gradient_gets_none() -> None:
    weight, reader, idle = (nn.Parameter(torch.zeros(1)) for _ in range(3))
    mean = ClippedMean([weight, reader, idle], [weight, idle], 2.0)
    weight.grad, reader.grad = torch.tensor([8.0]), torch.tensor([100.0])
    mean.take()
    mean.give(lambda tensor: tensor)
    assert (weight.grad, reader.grad) == (torch.tensor([2.0]), torch.tensor([25.0]))
    assert idle.grad is None


@pytest.mark.parametrize("name", ["clip", "clip_each"])
def test_a_negative_norm_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        OptimSettings(**{name: -1.0})


def moments(config: Path, output: Path, *words: str) -> dict[str, Tensor]:
    once = ("train.steps=1", "optim.clip=1e9", f"output={output}")
    train(load(TrainSettings, config, [*once, *words]))
    state, _ = load_tensors(output / "state.safetensors")
    return {name: tensor for name, tensor in state.items() if name.endswith(("/momentum", "/exp_avg"))}


def test_a_norm_that_no_group_reaches_gives_the_gradient_of_the_batch(config: Path, tmp_path: Path) -> None:
    plain = moments(config, tmp_path / "plain")
    each = moments(config, tmp_path / "each", "optim.clip_each=1e9")
    short = moments(config, tmp_path / "short", "optim.clip_each=1e-3")
    assert plain.keys() == each.keys()
    for name, tensor in plain.items():
        scale = tensor.abs().max().item()
        torch.testing.assert_close(each[name], tensor, atol=1e-4 * scale + 1e-9, rtol=1e-4)
    # Moments after one step are a twentieth and a tenth of the gradient, of which the network's norm is 1e-3 at most.
    assert 0 < sum(tensor.square().sum() for tensor in short.values()) <= 1e-8
