"""The transposed-attention block: the family of PromptIR, AdaIR and MoCE-IR."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ceair.nn.depthwise import DepthwiseConv
from ceair.nn.feedforward import GatedFeedForward
from ceair.nn.norm import ChannelNorm

Affinities = Float[Tensor, "#b m d d"]
"""How much each of d channels takes of each, in each of m heads; of one image, or of each of a batch."""


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
        self.mix = DepthwiseConv(3 * channels, 3)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(
        self, features: Float[Tensor, "b c h w"], affinities: Affinities | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Mix the channels by their own affinities, or by those of a larger image."""
        height, width = features.shape[-2:]
        queries, keys, values = self._planes(features).unbind(1)
        if affinities is None:
            affinities = self._compare(queries, keys)
        mixed = (affinities @ values).flatten(1, 2).reshape(features.shape[0], -1, height, width)
        return self.project(mixed)

    def joint_affinities(self, crops: Float[Tensor, "b c h w"]) -> Float[Tensor, "1 m d d"]:
        """The affinities of one image of which these are crops."""
        queries, keys, _ = self._planes(crops).movedim(0, -2).flatten(-2)[None].unbind(1)
        return self._compare(queries, keys)

    def _planes(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 m d n"]:
        """Queries, keys and values: d planes of n pixels for each of m heads."""
        planes: Tensor = self.mix(self.expand(features)).flatten(2)
        images, channels, pixels = planes.shape
        return planes.reshape(images, 3, self.heads, channels // (3 * self.heads), pixels)

    def _compare(self, queries: Float[Tensor, "b m d n"], keys: Float[Tensor, "b m d n"]) -> Affinities:
        queries, keys = F.normalize(queries, dim=-1), F.normalize(keys, dim=-1)
        return (queries @ keys.transpose(-1, -2) * self.temperature).softmax(dim=-1)


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

    def forward(
        self, features: Float[Tensor, "b c h w"], affinities: Affinities | None = None
    ) -> Float[Tensor, "b c h w"]:
        features = features + self.attention(self.norm_attention(features), affinities)
        return features + self.feed(self.norm_feed(features))

    def summary(self, crops: Float[Tensor, "b c h w"]) -> Float[Tensor, "1 m d d"]:
        """The affinities between the channels of one image of which these are crops."""
        return self.attention.joint_affinities(self.norm_attention(crops))
