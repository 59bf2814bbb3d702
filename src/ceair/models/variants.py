"""The networks of the controlled study: one small backbone, many ways to condition it.

The backbone is `ceair-t`'s at half its widths and fewer blocks. The six main variants have the same number of
parameters within 3 %: the parts' own widths are set so, and the network without any conditioning has wider levels, so
that it, too, spends the same number where it can.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from ceair.models.conditioning import (
    CEAConfig,
    Descriptors,
    Experts,
    NeighbourQueries,
    NoConditioning,
    OnlyAt,
    PooledBases,
    Prompts,
    SoftmaxAffinities,
    StartingAt,
    StaticBases,
    UnitAffinities,
)
from ceair.models.registry import NetworkConfig

_CEA = CEAConfig(rank=16, key_width=16, probe_width=32, heads=4, pooling=8)
_BACKBONE = NetworkConfig(
    widths=(24, 40, 56, 72),
    encoder_depths=(1, 1, 1, 2),
    decoder_depths=(2, 1, 1),
    stem_stride=2,
    family="gated_conv",
    cea=_CEA,
)
_BOTTLENECK = len(_BACKBONE.widths) - 1
_DECODER = tuple(range(_BOTTLENECK))

MAIN: Mapping[str, NetworkConfig] = MappingProxyType(
    {
        "cea": _BACKBONE,
        "none": replace(_BACKBONE, widths=(26, 44, 62, 82), conditioning=NoConditioning()),
        "prompt": replace(_BACKBONE, conditioning=Prompts(components=5, prompt_width=32)),
        "descriptor": replace(_BACKBONE, conditioning=Descriptors(width=64, pooling=_CEA.pooling)),
        "experts-1": replace(_BACKBONE, conditioning=Experts(top=1, experts=8, rank_share=0.3)),
        "experts-2": replace(_BACKBONE, conditioning=Experts(top=2, experts=8, rank_share=0.3)),
    }
)
"""CEA and its baselines, of equal numbers of parameters."""

ABLATIONS: Mapping[str, NetworkConfig] = MappingProxyType(
    {
        "softmax": replace(_BACKBONE, conditioning=SoftmaxAffinities(_CEA)),
        "static": replace(_BACKBONE, conditioning=StaticBases(_CEA)),
        "pooled": replace(_BACKBONE, conditioning=PooledBases(_CEA)),
        "bottleneck": replace(_BACKBONE, conditioning=OnlyAt((_BOTTLENECK,), _CEA)),
        "decoder": replace(_BACKBONE, conditioning=OnlyAt(_DECODER, _CEA)),
        **{f"rank-{rank}": replace(_BACKBONE, cea=replace(_CEA, rank=rank)) for rank in (1, 4, 8, 32)},
    }
)
"""CEA with one thing changed; parameters are not matched. The rank of `cea` itself is 16."""

CHOICES: Mapping[str, NetworkConfig] = MappingProxyType(
    {
        "unit": replace(_BACKBONE, conditioning=UnitAffinities(_CEA)),
        "neighbours": replace(_BACKBONE, conditioning=NeighbourQueries(_CEA)),
        "gamma-1": replace(_BACKBONE, conditioning=StartingAt(1.0, _CEA)),
        "fine-view": replace(_BACKBONE, cea=replace(_CEA, pooling=2)),
    }
)
"""CEA with other answers to what the abstract leaves open: normalisation, source of the queries, start, view."""

VARIANTS: Mapping[str, NetworkConfig] = MappingProxyType({**MAIN, **ABLATIONS, **CHOICES})
"""All networks of the study by name."""
