"""Which degradations each square of a degraded image has, as far as that is known."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int8
from torch import Tensor

from ceair.degradations import DEGRADATIONS

SQUARE = 16
_VISIBLE = 0.02  # root mean square of a change that can be seen: a square between two streaks of rain is not rainy
_CLEAR = 0.15  # severity from which on a degradation can be named beside others


def squares(patch: int) -> int:
    """How many squares cover a side of so many pixels."""
    return -(-patch // SQUARE)


def present(
    degraded: Float[Tensor, "b 3 h w"],
    clean: Float[Tensor, "b 3 h w"],
    severities: Mapping[str, Float[Tensor, "b 1 #h #w"]],
) -> Int8[Tensor, "b k h2 w2"]:
    """1 where a square has a degradation, 0 where it has not, -1 where that is not known; in `DEGRADATIONS`' order.

    Not known is all of a square that was degraded without a visible change, and a faint degradation.
    """
    size = (len(degraded), len(DEGRADATIONS), *map(squares, degraded.shape[-2:]))
    kinds = torch.zeros(size, dtype=torch.int8, device=degraded.device)
    touched = torch.zeros_like(kinds[:, :1], dtype=torch.bool)
    for index, name in enumerate(DEGRADATIONS):
        if name in severities:
            severity = F.interpolate(
                severities[name].expand(-1, -1, *degraded.shape[-2:]), kinds.shape[-2:], mode="area"
            )
            touched |= severity > 0
            kinds[:, index : index + 1] = torch.where(severity >= _CLEAR, 1, -(severity > 0).to(torch.int8))
    change = F.interpolate((degraded - clean).square().mean(1, keepdim=True), kinds.shape[-2:], mode="area").sqrt()
    return kinds.masked_fill(touched & (change < _VISIBLE), -1)


def unknown(degraded: Float[Tensor, "b 3 h w"]) -> Int8[Tensor, "b k h2 w2"]:
    """-1 everywhere: real pairs, of which nobody says what happened to them."""
    sides = [squares(side) for side in degraded.shape[-2:]]
    return torch.full((len(degraded), len(DEGRADATIONS), *sides), -1, dtype=torch.int8, device=degraded.device)
