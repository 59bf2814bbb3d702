"""Muon with AdamW beside it, the learning rate, and the moving average of the weights."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ceair.train.settings import OptimSettings

_QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices: Float[Tensor, "n rows columns"], steps: int = 5) -> Float[Tensor, "n rows columns"]:
    """The nearest semi-orthogonal matrices, roughly: all singular values become about 1 (0.7 to 1.2).

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), a quintic Newton-Schulz
    iteration.
    """
    a, b, c = _QUINTIC
    flip = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if flip else matrices
    x = x.bfloat16() if x.is_cuda else x.float()
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    x = x.to(matrices.dtype)
    return x.transpose(1, 2) if flip else x


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for weights seen as matrices (a convolution's kernel is `out x (in * kh * kw)`).

    Each update has about the root mean square of an AdamW update, so both take the same learning rate.

    Source: Jordan et al., as above; the scale 0.2 sqrt(max(rows, columns)) is of Liu et al. (arXiv 2502.16982,
    section 2.2).
    Differs: `torch.optim.Muon` takes 2-D weights only and works through them one by one; here those of one shape are
    worked on together.
    """

    def __init__(self, params: Iterable[Any], lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every weight that has a gradient; returns what `closure` computed, as all optimisers of torch do."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            shapes: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[tuple(parameter.flatten(1).shape)].append(parameter)
            for same in shapes.values():
                self._step_together(same, group)
        return loss

    def _step_together(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        directions = []
        for parameter in parameters:
            assert parameter.grad is not None
            state = self.state[parameter]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(parameter)
            momentum = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
            directions.append(parameter.grad.lerp(momentum, group["momentum"]).flatten(1))
        updates = orthogonalise(torch.stack(directions))
        step = 0.2 * math.sqrt(max(updates.shape[1:])) * group["lr"]
        for parameter, update in zip(parameters, updates, strict=True):
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update.reshape(parameter.shape), alpha=-step)


def make_optimizers(network: nn.Module, settings: OptimSettings) -> list[torch.optim.Optimizer]:
    """The optimisers of a network: Muon for the weights of its linear maps and convolutions and AdamW for the rest."""
    matrices = [module.weight for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    chosen = {id(weight) for weight in matrices} if settings.kind == "muon" else set()
    rest = [parameter for parameter in network.parameters() if id(parameter) not in chosen]
    betas = (settings.betas[0], settings.betas[1])
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=settings.lr, betas=betas, weight_decay=settings.weight_decay)
    ]
    if chosen:
        optimizers.insert(0, Muon(matrices, settings.lr, settings.momentum, settings.weight_decay))
    return optimizers


def learning_rate(progress: float, settings: OptimSettings) -> float:
    """The learning rate at a share of the schedule in [0, 1]: a linear warm-up, then half a cosine."""
    if progress < settings.warmup:
        return settings.lr * max(progress / settings.warmup, 1e-3)
    share = (progress - settings.warmup) / (settings.horizon - settings.warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return settings.lr * (settings.final + (1 - settings.final) * cosine)


class MovingAverage:
    """An exponential moving average of weights, shorter at first so that it forgets the start.

    `decay` is that of one step in the long run; the average is over about `1 / (1 - decay)` steps.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after step number `step`, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        state = network.state_dict()
        averages = list(self.weights.values())
        torch._foreach_lerp_(averages, [state[name] for name in self.weights], 1 - decay)
