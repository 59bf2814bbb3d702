"""The optimisers, the learning rate and the moving average."""

import pytest
import torch
from torch import nn

from ceair.models import build, preset
from ceair.train.optim import MovingAverage, Muon, learning_rate, make_optimizers, orthogonalise
from ceair.train.settings import OptimSettings


@pytest.mark.parametrize("shape", [(3, 12, 12), (2, 8, 40), (2, 40, 8), (1, 1, 6), (1, 5, 1)])
def test_orthogonalise_brings_all_singular_values_near_1(shape: tuple[int, int, int], generator) -> None:
    matrices = 1e-3 * torch.randn(shape, generator=generator)
    # The smallest singular value of a square Gaussian matrix may be too small for five steps; lift it.
    matrices = matrices + 1e-3 * torch.eye(*shape[1:])
    result = orthogonalise(matrices)
    assert result.shape == shape
    values = torch.linalg.svdvals(result)
    assert values.max() < 1.3
    assert values.median() > 0.6
    if shape[1] != shape[2]:
        assert values.min() > 0.6


def test_orthogonalise_keeps_the_singular_directions(generator) -> None:
    matrix = torch.randn(1, 6, 20, generator=generator)
    left, values, right = torch.linalg.svd(matrix[0], full_matrices=False)
    inside = left.T @ orthogonalise(matrix)[0] @ right.T
    assert (inside - inside.diag().diag()).abs().max() < 1e-4
    assert inside.diag().min() > 0.6
    assert values.max() / values.min() > 1.5, "the matrix must not be orthogonal to start with"


def test_orthogonalise_of_a_zero_gradient_is_zero() -> None:
    assert torch.equal(orthogonalise(torch.zeros(1, 4, 6)), torch.zeros(1, 4, 6))


def test_a_matrix_alone_and_among_others_gives_the_same(generator) -> None:
    matrices = torch.randn(4, 6, 9, generator=generator)
    for index in range(4):
        torch.testing.assert_close(orthogonalise(matrices[index : index + 1])[0], orthogonalise(matrices)[index])


def muon(weights: list[nn.Parameter], lr: float = 0.01, momentum: float = 0.9, weight_decay: float = 0.0) -> Muon:
    return Muon(weights, lr, momentum, weight_decay)


def test_weights_step_alike_alone_and_among_others_of_their_shape(generator) -> None:
    values, gradients = torch.randn(2, 3, 5, 7, generator=generator)

    def step(chosen: list[int]) -> list[torch.Tensor]:
        weights = [nn.Parameter(values[index].clone()) for index in chosen]
        optimizer = muon(weights)
        for scale in (1.0, -0.3):
            for weight, index in zip(weights, chosen, strict=True):
                weight.grad = scale * gradients[index]
            optimizer.step()
        return weights

    together = step([0, 1, 2])
    for index in range(3):
        torch.testing.assert_close(step([index])[0], together[index])


def test_the_first_step_is_the_orthogonalised_gradient_scaled(generator) -> None:
    weight = nn.Parameter(torch.zeros(5, 3, 2, 2))
    weight.grad = torch.randn(5, 3, 2, 2, generator=generator)
    muon([weight], lr=0.01).step()
    direction = orthogonalise(weight.grad.flatten(1)[None])[0]
    torch.testing.assert_close(weight.detach().flatten(1), -0.01 * 0.2 * 12**0.5 * direction, atol=1e-6, rtol=1e-3)


def test_later_steps_follow_nesterovs_momentum(generator) -> None:
    gradients = torch.randn(3, 6, 9, generator=generator)
    weight, momentum, expected = nn.Parameter(torch.zeros(6, 9)), torch.zeros(6, 9), torch.zeros(6, 9)
    optimizer = muon([weight], lr=0.01, momentum=0.9)
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
        momentum = 0.9 * momentum + 0.1 * gradient
        direction = orthogonalise((0.1 * gradient + 0.9 * momentum)[None])[0]
        expected = expected - 0.01 * 0.2 * 9**0.5 * direction
        assert torch.equal(weight.grad, gradient), "the gradient is left alone"
    torch.testing.assert_close(weight.detach(), expected, atol=1e-6, rtol=1e-3)


def test_a_step_has_about_the_root_mean_square_of_an_adamw_step(generator) -> None:
    for shape in ((64, 64), (16, 144), (144, 16)):
        weight = nn.Parameter(torch.zeros(shape))
        weight.grad = torch.randn(shape, generator=generator)
        muon([weight], lr=0.01).step()
        assert 0.1 < weight.detach().square().mean().sqrt() / 0.01 < 0.3


def test_weight_decay_shrinks_by_the_learning_rate_times_its_size() -> None:
    weight = nn.Parameter(torch.ones(4, 4))
    weight.grad = torch.zeros(4, 4)
    muon([weight], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(weight.detach(), torch.full((4, 4), 0.95))


def test_weights_without_gradient_are_left_alone() -> None:
    weight, other = nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.ones(4, 4))
    other.grad = torch.eye(4)
    muon([weight, other]).step()
    assert torch.equal(weight, torch.ones(4, 4))
    assert not torch.equal(other, torch.ones(4, 4))


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_both_kinds_reduce_a_loss(kind: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GELU(), nn.Conv2d(8, 3, 3, padding=1))
    image = torch.rand(2, 3, 12, 12)
    optimizers, losses = make_optimizers(network, OptimSettings(kind=kind, lr=1e-2)), []
    for _ in range(40):
        loss = (network(image) - image).square().mean()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_muon_gets_the_weights_of_linear_maps_and_adamw_the_rest() -> None:
    with torch.device("meta"):
        network = build(preset("ceair-t").network)
    first, second = make_optimizers(network, OptimSettings())
    assert isinstance(first, Muon)
    assert isinstance(second, torch.optim.AdamW)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    matrices, rest = ([names[id(p)] for p in o.param_groups[0]["params"]] for o in (first, second))
    assert sorted(matrices + rest) == sorted(names.values()), "every parameter belongs to exactly one optimiser"
    assert all(name.endswith(".weight") and "norm" not in name for name in matrices)
    assert all(name.endswith((".bias", ".gamma", ".probes")) or "norm" in name for name in rest)


def test_adamw_alone_gets_everything() -> None:
    with torch.device("meta"):
        network = build(preset("ceair-t").network)
    (only,) = make_optimizers(network, OptimSettings(kind="adamw", weight_decay=0.1))
    assert isinstance(only, torch.optim.AdamW)
    assert len(only.param_groups[0]["params"]) == len(list(network.parameters()))
    assert only.param_groups[0]["weight_decay"] == 0.1


def test_the_learning_rate_warms_up_and_falls_by_half_a_cosine() -> None:
    settings = OptimSettings(lr=2.0, warmup=0.1, final=0.05)
    assert 0 < learning_rate(0.0, settings) < 0.01
    assert learning_rate(0.05, settings) == pytest.approx(1.0)
    assert learning_rate(0.1, settings) == pytest.approx(2.0)
    assert learning_rate(0.55, settings) == pytest.approx((2.0 + 0.1) / 2)
    assert learning_rate(1.0, settings) == pytest.approx(0.1)
    falling = [learning_rate(0.1 + 0.09 * step, settings) for step in range(11)]
    assert falling == sorted(falling, reverse=True)


def test_without_warm_up_it_starts_at_its_peak() -> None:
    assert learning_rate(0.0, OptimSettings(lr=2.0, warmup=0.0)) == 2.0


def test_the_moving_average_forgets_its_start_at_first_and_is_slow_later() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = MovingAverage(network, 0.99)
    nn.init.ones_(network.weight)
    assert average.weights["weight"].item() == 0, "it owns its memory"
    average.update(network, 0)
    assert average.weights["weight"].item() == pytest.approx(0.9)
    before = average.weights["weight"].item()
    average.update(network, 10**6)
    assert average.weights["weight"].item() == pytest.approx(before + 0.01 * (1 - before))
