"""`ceair.CEA` in a small network of NAFNet's kind: gated convolutions, no activation function, channel attention.

    python examples/nafnet_like.py                  # trains for a minute on made-up pictures
    python examples/nafnet_like.py --without-cea    # the same without CEA

Written from the paper's text (Chen et al., arXiv 2204.04676), much smaller, with one CEA layer in front of the
bottleneck and of each decoder level: the two places marked below are all that it takes.
"""

import torch
from one_minute import run
from torch import Tensor, nn

import ceair


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of `b c h w`."""

    def forward(self, features: Tensor) -> Tensor:
        """The same shape."""
        return super().forward(features.movedim(1, -1)).movedim(-1, 1)


class Gate(nn.Module):
    """One half of the channels times the other."""

    def forward(self, features: Tensor) -> Tensor:
        """`b 2c h w` to `b c h w`."""
        left, right = features.chunk(2, dim=1)
        return left * right


class ChannelAttention(nn.Module):
    """Each channel scaled by what the means of all of them say."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """The same shape."""
        return features * self.weigh(features.mean(dim=(2, 3), keepdim=True))


class Block(nn.Module):
    """Mix neighbours, then channels; both parts start as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.mix = nn.Sequential(
            ChannelNorm(channels),
            nn.Conv2d(channels, wide, 1),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide),
            Gate(),
            ChannelAttention(channels),
            nn.Conv2d(channels, channels, 1),
        )
        self.feed = nn.Sequential(
            ChannelNorm(channels), nn.Conv2d(channels, wide, 1), Gate(), nn.Conv2d(channels, channels, 1)
        )
        self.mix_scale, self.feed_scale = (nn.Parameter(torch.zeros(channels, 1, 1)) for _ in range(2))

    def forward(self, features: Tensor) -> Tensor:
        """The same shape."""
        features = features + self.mix_scale * self.mix(features)
        return features + self.feed_scale * self.feed(features)


class NAFNetLike(nn.Module):
    """`b 3 h w` in [0, 1] to restored images of the same shape; both sides multiples of 4."""

    def __init__(self, with_cea: bool, width: int = 16) -> None:
        super().__init__()

        def look(channels: int, pooling: int) -> nn.Module:
            return ceair.CEA(channels, rank=8, pooling=pooling) if with_cea else nn.Identity()  # <- the layer

        self.intro, self.ending = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        widths = (width, 2 * width)
        self.encoder = nn.ModuleList(Block(channels) for channels in widths)
        self.down = nn.ModuleList(nn.Conv2d(channels, 2 * channels, 2, stride=2) for channels in widths)
        self.middle = nn.Sequential(look(4 * width, 1), Block(4 * width), Block(4 * width))
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2 * channels, 4 * channels, 1), nn.PixelShuffle(2)) for channels in widths
        )
        self.decoder = nn.ModuleList(  # <- its place
            nn.Sequential(look(channels, pooling), Block(channels))
            for channels, pooling in zip(widths, (4, 2), strict=True)
        )

    def forward(self, degraded: Tensor) -> Tensor:
        """The images plus what the network changes."""
        features, skips = self.intro(degraded), []
        for block, down in zip(self.encoder, self.down, strict=True):
            skips.append(block(features))
            features = down(skips[-1])
        features = self.middle(features)
        for level in reversed(range(len(skips))):
            features = self.decoder[level](self.up[level](features) + skips[level])
        return degraded + self.ending(features)


if __name__ == "__main__":
    run(NAFNetLike, (__doc__ or "").splitlines()[0])
