"""What conditions a network, as data: CEA, the baselines that it is compared with, and CEA's ablations.

Each is a `ConditioningFactory`: called with the channels of a level and its number it makes the part that sits in front
of the blocks of that level, of the bottleneck or the decoder. `pooling` is always that of the finest level and halves
with each coarser one, so that all levels see squares of the same size in the image.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from ceair.nn import CEA
from ceair.nn.ablations import (
    NeighbourRouting,
    PooledAdapter,
    RoutedCEA,
    SoftmaxRouting,
    StaticAdapter,
    UnitRouting,
)
from ceair.nn.descriptor import DescriptorModulation
from ceair.nn.experts import LowRankExperts
from ceair.nn.prompt import PromptInjection

ConditioningFactory = Callable[[int, int], nn.Module]
"""Makes the part that conditions a level: (channels, level), level 0 being the finest; it keeps `b c h w`."""


@dataclass(frozen=True)
class CEAConfig:
    """Settings of the CEA layers; `pooling` is that of the finest level and halves with each coarser one."""

    rank: int = 16
    key_width: int = 32
    probe_width: int = 64
    heads: int = 4
    pooling: int = 8

    def __call__(self, channels: int, level: int) -> CEA:
        pooling = _halved(self.pooling, level)
        return CEA(channels, self.rank, self.key_width, self.probe_width, self.heads, pooling)


@dataclass(frozen=True)
class NoConditioning:
    """Blocks and nothing else."""

    def __call__(self, channels: int, level: int) -> nn.Module:
        del channels, level
        return nn.Identity()


@dataclass(frozen=True)
class Prompts:
    """`PromptInjection` in every level, as wide as the level."""

    components: int = 5
    prompt_width: int = 32

    def __call__(self, channels: int, level: int) -> nn.Module:
        del level
        return PromptInjection(channels, self.components, self.prompt_width, hidden=channels)


@dataclass(frozen=True)
class Descriptors:
    """`DescriptorModulation` in every level."""

    width: int = 64
    pooling: int = 8

    def __call__(self, channels: int, level: int) -> nn.Module:
        return DescriptorModulation(channels, self.width, _halved(self.pooling, level))


@dataclass(frozen=True)
class Experts:
    """`LowRankExperts` in every level; the rank of each expert is a share of the level's channels."""

    top: int
    experts: int = 8
    rank_share: float = 0.25

    def __call__(self, channels: int, level: int) -> nn.Module:
        del level
        return LowRankExperts(channels, self.experts, max(1, round(self.rank_share * channels)), self.top)


@dataclass(frozen=True)
class SoftmaxAffinities:
    """CEA with competing affinities, `SoftmaxRouting`."""

    cea: CEAConfig

    def __post_init__(self) -> None:
        if self.cea.rank < 2:
            raise ValueError(f"a softmax needs a rank of 2 or more, not {self.cea.rank}")

    def __call__(self, channels: int, level: int) -> RoutedCEA:
        return _routed(self.cea, channels, level, SoftmaxRouting(channels, self.cea.key_width))


@dataclass(frozen=True)
class UnitAffinities:
    """CEA with queries and bases of length 1, `UnitRouting`."""

    cea: CEAConfig

    def __call__(self, channels: int, level: int) -> RoutedCEA:
        return _routed(self.cea, channels, level, UnitRouting(channels, self.cea.key_width, self.cea.rank))


@dataclass(frozen=True)
class NeighbourQueries:
    """CEA whose queries look around each pixel, `NeighbourRouting`."""

    cea: CEAConfig

    def __call__(self, channels: int, level: int) -> RoutedCEA:
        return _routed(self.cea, channels, level, NeighbourRouting(channels, self.cea.key_width))


@dataclass(frozen=True)
class StartingAt:
    """CEA whose updates start at another scale."""

    gamma: float
    cea: CEAConfig

    def __call__(self, channels: int, level: int) -> CEA:
        layer = self.cea(channels, level)
        nn.init.constant_(layer.gamma, self.gamma)
        return layer


@dataclass(frozen=True)
class StaticBases:
    """CEA whose bases and directions are learned and not generated, `StaticAdapter`."""

    cea: CEAConfig

    def __call__(self, channels: int, level: int) -> nn.Module:
        layer = self.cea(channels, level)
        layer.register_module("adapter", StaticAdapter(channels, self.cea.rank, self.cea.key_width))
        return layer


@dataclass(frozen=True)
class PooledBases:
    """CEA whose adapter sees the average of the image only, `PooledAdapter`."""

    cea: CEAConfig

    def __call__(self, channels: int, level: int) -> nn.Module:
        cea = self.cea
        layer = cea(channels, level)
        layer.register_module("adapter", PooledAdapter(channels, cea.rank, cea.key_width, cea.probe_width))
        return layer


@dataclass(frozen=True)
class OnlyAt:
    """Another conditioning, in these levels alone."""

    levels: tuple[int, ...]
    inner: ConditioningFactory

    def __call__(self, channels: int, level: int) -> nn.Module:
        return self.inner(channels, level) if level in self.levels else nn.Identity()


def _routed(cea: CEAConfig, channels: int, level: int, routing: nn.Module) -> RoutedCEA:
    pooling = _halved(cea.pooling, level)
    return RoutedCEA(channels, cea.rank, cea.key_width, cea.probe_width, cea.heads, pooling, routing)


def _halved(pooling: int, level: int) -> int:
    return max(1, pooling // 2**level)
