"""`ceair.CEA` in a small network of Restormer's kind: attention between channels, gated feed-forward parts.

    python examples/restormer_like.py                  # trains for a minute on made-up pictures
    python examples/restormer_like.py --without-cea    # the same without CEA

Written from the paper's text (Zamir et al., arXiv 2111.09881), much smaller, with one CEA layer in front of the
bottleneck and of each decoder level: the two places marked below are all that it takes. Channels attend to channels
there, with one weight for the whole image; CEA adds what differs from pixel to pixel.
"""

import torch
import torch.nn.functional as F
from one_minute import run
from torch import Tensor, nn

import ceair


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of `b c h w`."""

    def forward(self, features: Tensor) -> Tensor:
        """The same shape."""
        return super().forward(features.movedim(1, -1)).movedim(-1, 1)


class TransposedAttention(nn.Module):
    """Every channel attends to every channel of its head, by the similarity of the two over all pixels."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.to_all = nn.Sequential(
            nn.Conv2d(channels, 3 * channels, 1),
            nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels),
        )
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """The same shape."""
        parts = self.to_all(features).flatten(2).chunk(3, dim=1)
        queries, keys, values = (part.unflatten(1, (self.heads, -1)) for part in parts)
        scores = F.normalize(queries, dim=-1) @ F.normalize(keys, dim=-1).transpose(-1, -2) * self.temperature
        return self.project((scores.softmax(dim=-1) @ values).reshape(features.shape))


class GatedFeedForward(nn.Module):
    """Widen, mix neighbours, let one half gate the other, narrow again."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 4 * channels
        self.widen = nn.Sequential(nn.Conv2d(channels, wide, 1), nn.Conv2d(wide, wide, 3, padding=1, groups=wide))
        self.narrow = nn.Conv2d(wide // 2, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """The same shape."""
        left, right = self.widen(features).chunk(2, dim=1)
        return self.narrow(F.gelu(left) * right)


class Block(nn.Module):
    """Attention between channels, then the feed-forward part, both added to what came in."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.attend = nn.Sequential(ChannelNorm(channels), TransposedAttention(channels, heads))
        self.feed = nn.Sequential(ChannelNorm(channels), GatedFeedForward(channels))

    def forward(self, features: Tensor) -> Tensor:
        """The same shape."""
        features = features + self.attend(features)
        return features + self.feed(features)


class RestormerLike(nn.Module):
    """`b 3 h w` in [0, 1] to restored images of the same shape; both sides multiples of 4."""

    def __init__(self, with_cea: bool, width: int = 16) -> None:
        super().__init__()

        def look(channels: int, pooling: int) -> nn.Module:
            return ceair.CEA(channels, rank=8, pooling=pooling) if with_cea else nn.Identity()  # <- the layer

        def block(level: int) -> nn.Module:
            return Block(width * 2**level, heads=2**level)

        levels, widths = range(2), (width, 2 * width)
        self.embed, self.head = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        self.encoder = nn.ModuleList(block(level) for level in levels)
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, channels // 2, 3, padding=1), nn.PixelUnshuffle(2)) for channels in widths
        )
        self.bottleneck = nn.Sequential(look(4 * width, 1), block(2))
        self.up = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width * 2 ** (level + 1), width * 2 ** (level + 2), 3, padding=1), nn.PixelShuffle(2)
            )
            for level in levels
        )
        self.fuse = nn.ModuleList(nn.Conv2d(2 * channels, channels, 1) for channels in widths)
        self.decoder = nn.ModuleList(  # <- its place
            nn.Sequential(look(widths[level], 4 // 2**level), block(level)) for level in levels
        )
        nn.init.zeros_(self.head.weight)  # so that it starts from giving the image back

    def forward(self, degraded: Tensor) -> Tensor:
        """The images plus what the network changes."""
        features, skips = self.embed(degraded), []
        for block, down in zip(self.encoder, self.down, strict=True):
            skips.append(block(features))
            features = down(skips[-1])
        features = self.bottleneck(features)
        for level in reversed(range(len(skips))):
            features = self.decoder[level](self.fuse[level](torch.cat((self.up[level](features), skips[level]), dim=1)))
        return degraded + self.head(features)


if __name__ == "__main__":
    run(RestormerLike, (__doc__ or "").splitlines()[0])
