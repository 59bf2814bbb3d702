"""The gated convolution block: the family that is fast on CPUs."""

from jaxtyping import Float
from torch import Tensor, nn

from ceair.nn.depthwise import DepthwiseConv
from ceair.nn.feedforward import GatedFeedForward, gate
from ceair.nn.norm import ChannelNorm


class GatedConvBlock(nn.Module):
    """Two residual steps: a gated mixing of neighbours, then a gated feed-forward per pixel.

    `features` of shape `b c h w` give features of the same shape. The block sees the window of `kernel` by `kernel`
    pixels around each and nothing else.

    Source: Chen et al., NAFNet (arXiv 2204.04676), figure 3.
    Differs: no channel attention (it averages over the frame, so a patch and a full photo would disagree; the whole
    image is looked at by CEA alone), no residual scales, and windows of any odd side, theirs being of 3.

    Raises:
        ValueError: `kernel` is even or below 1.
    """

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"kernel is {kernel}; a window around a pixel has an odd side of 1 or more")
        self.norm_mix = ChannelNorm(channels)
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.mix = DepthwiseConv(2 * channels, kernel)
        self.project = nn.Conv2d(channels, channels, 1)
        self.norm_feed = ChannelNorm(channels)
        self.feed = GatedFeedForward(channels, expansion=1.0, depthwise=False)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        features = features + self.project(gate(self.mix(self.expand(self.norm_mix(features)))))
        return features + self.feed(self.norm_feed(features))
