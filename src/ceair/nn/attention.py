"""The transposed-attention block: the family of PromptIR, AdaIR and MoCE-IR."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ceair.nn.feedforward import GatedFeedForward
from ceair.nn.norm import ChannelNorm


class TransposedAttention(nn.Module):
    """Attention between channels instead of pixels: its cost is linear in the pixels.

    The affinities are cosine similarities of whole feature planes, times a learned temperature per head.

    Source: Zamir et al., Restormer (arXiv 2111.09881), section 3.1, "MDTA".
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"channels ({channels}) must be a multiple of heads ({heads})")
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.expand = nn.Conv2d(channels, 3 * channels, 1)
        self.mix = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        height, width = features.shape[-2:]
        planes = self.mix(self.expand(features)).flatten(2).unflatten(1, (3, self.heads, -1))
        queries, keys, values = planes.unbind(1)
        queries, keys = F.normalize(queries, dim=-1), F.normalize(keys, dim=-1)
        affinities = (queries @ keys.transpose(-1, -2) * self.temperature).softmax(dim=-1)
        mixed = (affinities @ values).flatten(1, 2).unflatten(2, (height, width))
        return self.project(mixed)


class TransposedAttentionBlock(nn.Module):
    """Two residual steps: transposed attention, then a depthwise gated feed-forward; `b c h w` to the same shape.

    Source: Zamir et al., Restormer (arXiv 2111.09881), figure 2.
    """

    def __init__(self, channels: int, heads: int = 4, expansion: float = 2.0) -> None:
        super().__init__()
        self.norm_attention = ChannelNorm(channels)
        self.attention = TransposedAttention(channels, heads)
        self.norm_feed = ChannelNorm(channels)
        self.feed = GatedFeedForward(channels, expansion, depthwise=True)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        features = features + self.attention(self.norm_attention(features))
        return features + self.feed(self.norm_feed(features))
