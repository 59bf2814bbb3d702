"""The U-shaped network that every family, baseline and ablation shares; its parts are passed in."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ceair.nn.resample import Downsample, Upsample, pad_to_multiple

BlockFactory = Callable[[int], nn.Module]
"""Makes a block for a number of channels; a block keeps `b c h w`."""

ConditioningFactory = Callable[[int, int], nn.Module]
"""Makes the part that conditions a decoder level: (channels, level), level 0 being the finest; it keeps `b c h w`."""


class Stage(nn.Sequential):
    """Blocks at one resolution, behind the part that conditions them."""

    def __init__(self, channels: int, depth: int, block: BlockFactory, conditioning: nn.Module | None = None) -> None:
        parts = [] if conditioning is None else [conditioning]
        super().__init__(*parts, *(block(channels) for _ in range(depth)))


class UNet(nn.Module):
    """Encoder and decoder with skips, and a global residual: `restored = degraded + head(features)`.

    Args:
        widths: channels of each level, the finest first; the last is the bottleneck.
        encoder_depths: blocks of each encoder level, the finest first, and of the bottleneck.
        decoder_depths: blocks of each decoder level, the finest first; one fewer than `widths`.
        stem_stride: 1, or 2 to look at pixel-unshuffled images of half the resolution, a quarter of the cost.
        block: makes the blocks.
        conditioning: makes the part in front of the bottleneck's and of each decoder level's blocks.
    """

    def __init__(
        self,
        widths: Sequence[int],
        encoder_depths: Sequence[int],
        decoder_depths: Sequence[int],
        stem_stride: int,
        block: BlockFactory,
        conditioning: ConditioningFactory,
    ) -> None:
        super().__init__()
        if not len(widths) == len(encoder_depths) == len(decoder_depths) + 1:
            raise ValueError("encoder_depths needs one number per width, decoder_depths one fewer")
        *upper, bottom = range(len(widths))
        self.stem_stride = stem_stride
        self.size_multiple = stem_stride * 2**bottom
        self.stem = nn.Conv2d(3 * stem_stride**2, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(Stage(widths[i], encoder_depths[i], block) for i in upper)
        self.down = nn.ModuleList(Downsample(widths[i], widths[i + 1]) for i in upper)
        self.bottleneck = Stage(widths[bottom], encoder_depths[bottom], block, conditioning(widths[bottom], bottom))
        self.up = nn.ModuleList(Upsample(widths[i + 1], widths[i]) for i in upper)
        self.fuse = nn.ModuleList(nn.Conv2d(2 * widths[i], widths[i], 1) for i in upper)
        self.decoder = nn.ModuleList(
            Stage(widths[i], decoder_depths[i], block, conditioning(widths[i], i)) for i in upper
        )
        self.head = nn.Conv2d(widths[0], 3 * stem_stride**2, 3, padding=1)

    def forward(self, degraded: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Restore RGB images in [0, 1], of any height and width; the result is not clamped."""
        height, width = degraded.shape[-2:]
        padded = pad_to_multiple(degraded, self.size_multiple)
        features = self.stem(F.pixel_unshuffle(padded, self.stem_stride))
        skips = []
        for stage, down in zip(self.encoder, self.down, strict=True):
            features = stage(features)
            skips.append(features)
            features = down(features)
        features = self.bottleneck(features)
        for stage, up, fuse in reversed(list(zip(self.decoder, self.up, self.fuse, strict=True))):
            features = stage(fuse(torch.cat((up(features), skips.pop()), dim=1)))
        restored = padded + F.pixel_shuffle(self.head(features), self.stem_stride)
        return restored[..., :height, :width]
