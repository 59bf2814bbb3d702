"""Normalisation over the channels of each pixel."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation of each pixel over its channels, for images stored as `b c h w`.

    No statistic crosses a pixel, so a patch, a tile and a full frame are normalised alike (whole-image statistics
    that differ between them cost NAFNet 0.6 dB, its issue 73). On `channels_last` memory nothing is copied.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        tokens = features.permute(0, 2, 3, 1)
        normed = F.layer_norm(tokens, self.normalized_shape, self.weight, self.bias, self.eps)
        return normed.permute(0, 3, 1, 2)
