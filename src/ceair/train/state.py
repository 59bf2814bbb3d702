"""All that a run needs to go on bit for bit where it stopped, in one safetensors file."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ceair.checkpoint import load_into, load_tensors, save_tensors
from ceair.errors import WeightsError
from ceair.train.optim import MovingAverage, Muon


@dataclass
class Clock:
    """How far a run has come: steps taken and seconds of training, those of earlier sessions included."""

    step: int = 0
    seconds: float = 0.0


def save_state(
    path: Path,
    network: nn.Module,
    average: MovingAverage,
    optimizers: list[torch.optim.Optimizer],
    clock: Clock,
    reader: nn.Module | None = None,
) -> None:
    """Write weights, their average, those of a reader, the optimisers' moments and the clock, atomically."""
    tensors = {f"weights/{name}": tensor for name, tensor in network.state_dict().items()}
    if reader is not None:
        tensors |= {f"reader/{name}": tensor for name, tensor in reader.state_dict().items()}
    tensors |= {f"average/{name}": tensor for name, tensor in average.weights.items()}
    for index, optimizer in enumerate(optimizers):
        for key, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optim/{index}/{key}/{name}": tensor for name, tensor in moments.items()}
    # A network may share memory between these groups; safetensors wants each tensor to own its own.
    save_tensors(path, {k: v.clone() for k, v in tensors.items()}, {"step": clock.step, "seconds": clock.seconds})


def load_state(
    path: Path,
    network: nn.Module,
    average: MovingAverage,
    optimizers: list[torch.optim.Optimizer],
    reader: nn.Module | None = None,
) -> Clock:
    """Put back what `save_state` wrote.

    Raises:
        WeightsError: the file is damaged, or of a run of another network or another optimiser.
    """
    tensors, metadata = load_tensors(path)
    load_into(network, _below(tensors, "weights/"), str(path))
    if reader is not None:
        load_into(reader, _below(tensors, "reader/"), f"{path}, of a run with another loss.routing,")
    kept = _below(tensors, "average/")
    if kept.keys() != average.weights.keys():
        raise WeightsError(f"{path} lacks the moving average of the weights, or part of it")
    for name, tensor in kept.items():
        average.weights[name].copy_(tensor)
    for index, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _below(tensors, f"optim/{index}/").items():
            key, moment = name.split("/")
            state.setdefault(int(key), {})[moment] = tensor
        if not _fits(state, optimizer):
            raise WeightsError(f"{path} is of a run with another optimiser; start anew or set it back")
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return Clock(int(metadata["step"]), float(metadata["seconds"]))


def _fits(state: dict[int, dict[str, Tensor]], optimizer: torch.optim.Optimizer) -> bool:
    """Whether these are moments that such an optimiser keeps, for all of its weights."""
    moments = {"momentum"} if isinstance(optimizer, Muon) else {"step", "exp_avg", "exp_avg_sq"}
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    return state.keys() == set(range(len(weights))) and all(
        state[key].keys() == moments
        and all(tensor.shape == weight.shape for name, tensor in state[key].items() if name != "step")
        for key, weight in enumerate(weights)
    )


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
