"""Networks whose CEA layers apply each of their directions more or less strongly."""

import copy
import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ceair.errors import ConfigError
from ceair.models.unet import UNet
from ceair.nn import CEA
from ceair.nn.rank_scale import ScaledAdapter

Factors = float | Sequence[float] | Mapping[int, float]
"""Of one layer: one factor for all ranks, one for each, or those of some, by number; the others stay as they are."""

RankScale = Sequence[float] | Mapping[int, Factors]
"""Factors of each rank of all layers, or of some layers by level: 0 is the finest, the highest the bottleneck."""


def cea_layers(network: UNet) -> dict[int, CEA]:
    """The CEA layers by level, in the order in which they are computed: the bottleneck first, level 0 last."""
    stages = [network.bottleneck, *reversed(network.decoder)]
    found: dict[int, CEA] = {}
    for level, stage in zip(range(len(stages) - 1, -1, -1), stages, strict=True):
        for part in stage.children():
            if isinstance(part, CEA):
                found[level] = part
    return found


def with_rank_scale(network: UNet, scale: RankScale) -> UNet:
    """A copy of a network whose generated directions are multiplied by factors: 1 changes nothing, 0 leaves one out.

    Negative factors turn a direction round. Tiles and all engines obey it, as it is part of what the network generates.

    Raises:
        ConfigError: there is no such layer or rank, the factors are not as many as the ranks, or one is not finite.
    """
    scaled = copy.deepcopy(network)
    layers = cea_layers(scaled)
    wanted = scale if isinstance(scale, Mapping) else dict.fromkeys(layers, scale)
    for level, factors in wanted.items():
        if level not in layers:
            raise ConfigError(f"there is no CEA layer at level {level}; there are {', '.join(map(str, layers))}")
        adapter = layers[level].adapter
        layers[level].adapter = ScaledAdapter(adapter, _factors(factors, len(adapter.probes), level))  # type: ignore[assignment]
    return scaled


def _factors(factors: Factors, rank: int, level: int) -> Float[Tensor, "r"]:
    if isinstance(factors, Mapping):
        for index in factors:
            if not 0 <= index < rank:
                raise ConfigError(f"there is no rank {index} at level {level}; there are 0 to {rank - 1}")
        values = [float(factors.get(index, 1.0)) for index in range(rank)]
    elif isinstance(factors, Sequence):
        values = [float(factor) for factor in factors]
    else:
        values = [float(factors)] * rank
    if len(values) != rank:
        raise ConfigError(f"level {level} has {rank} ranks, not {len(values)}: give a factor for each")
    if not all(map(math.isfinite, values)):
        raise ConfigError(f"a factor of level {level} is not finite")
    return torch.tensor(values)
