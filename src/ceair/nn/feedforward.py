"""Pixel-wise gated feed-forward parts."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ceair.nn.depthwise import DepthwiseConv


def gate(features: Float[Tensor, "b c2 h w"]) -> Float[Tensor, "b c h w"]:
    """The product of the two halves of the channels: the only non-linearity that the gated blocks need.

    Source: Chen et al., NAFNet (arXiv 2204.04676), section 3.2, "SimpleGate".
    """
    left, right = features.chunk(2, dim=1)
    return left * right


class GatedFeedForward(nn.Module):
    """Expand by a 1x1 convolution, optionally mix 3x3 neighbourhoods per channel, gate, project back.

    Without `depthwise` it is the feed-forward part of NAFNet; with it, that of Restormer (arXiv 2111.09881,
    section 3.2, "GDFN"), which gates by GELU.
    """

    def __init__(self, channels: int, expansion: float, depthwise: bool) -> None:
        super().__init__()
        hidden = max(1, round(channels * expansion))
        self.expand = nn.Conv2d(channels, 2 * hidden, 1)
        self.mix = DepthwiseConv(2 * hidden, 3) if depthwise else None
        self.project = nn.Conv2d(hidden, channels, 1)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        expanded = self.expand(features)
        if self.mix is None:
            return self.project(gate(expanded))
        left, right = self.mix(expanded).chunk(2, dim=1)
        return self.project(F.gelu(left) * right)
