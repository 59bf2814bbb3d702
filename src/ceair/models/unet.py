"""The U-shaped network that every family, baseline and ablation shares; its parts are passed in."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ceair.models.conditioning import ConditioningFactory
from ceair.nn.context import Context, SeesWholeImage
from ceair.nn.penalty import Penalised
from ceair.nn.resample import Downsample, Upsample, pad_to_multiple

BlockFactory = Callable[[int, int], nn.Module]
"""Makes a block for a number of channels at a level, 0 the finest; a block keeps `b c h w`."""

Watch = Callable[[nn.Module, Tensor], None]
"""Is told each part of the encoder, bottleneck and decoder stages and the features that it gets, in order."""


class Stage(nn.Sequential):
    """Blocks at one resolution, behind the part that conditions them."""

    def __init__(self, conditioning: nn.Module | None, blocks: Sequence[nn.Module]) -> None:
        parts = [] if conditioning is None else [conditioning]
        super().__init__(*parts, *blocks)


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

        def blocks(level: int, depth: int) -> list[nn.Module]:
            return [block(widths[level], level) for _ in range(depth)]

        self.stem_stride = stem_stride
        self.size_multiple = stem_stride * 2**bottom
        self.stem = nn.Conv2d(3 * stem_stride**2, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(Stage(None, blocks(i, encoder_depths[i])) for i in upper)
        self.down = nn.ModuleList(Downsample(widths[i], widths[i + 1]) for i in upper)
        self.bottleneck = Stage(conditioning(widths[bottom], bottom), blocks(bottom, encoder_depths[bottom]))
        self.up = nn.ModuleList(Upsample(widths[i + 1], widths[i]) for i in upper)
        self.fuse = nn.ModuleList(nn.Conv2d(2 * widths[i], widths[i], 1) for i in upper)
        self.decoder = nn.ModuleList(Stage(conditioning(widths[i], i), blocks(i, decoder_depths[i])) for i in upper)
        self.head = nn.Conv2d(widths[0], 3 * stem_stride**2, 3, padding=1)

    def forward(self, degraded: Float[Tensor, "b 3 h w"], context: Context | None = None) -> Float[Tensor, "b 3 h w"]:
        """Restore RGB images in [0, 1], of any height and width; the result is not clamped.

        Args:
            context: what `context` found out about the larger image that these are crops of; None for whole images.
        """
        height, width = degraded.shape[-2:]
        padded = pad_to_multiple(degraded, self.size_multiple)
        return self.restore_padded(padded, context)[..., :height, :width]

    def restore_padded(
        self, padded: Float[Tensor, "b 3 h w"], context: Context | None = None
    ) -> Float[Tensor, "b 3 h w"]:
        """As `forward`, for images whose sides are multiples of `size_multiple`."""
        return padded + self.change(padded, context)

    def change(
        self, padded: Float[Tensor, "b c h w"], context: Context | None = None, watch: Watch | None = None
    ) -> Float[Tensor, "b 3 h w"]:
        """What is added to images of such sides to restore them; c is as many as the stem takes, 3 unless replaced.

        Args:
            watch: is told what each part gets, for explanations; it must not change it.
        """
        apply = _by_itself if context is None else _informed(context)
        return self._change(padded, apply if watch is None else _watched(apply, watch))

    def restore_with_penalty(
        self, degraded: Float[Tensor, "b 3 h w"], watch: Watch | None = None
    ) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, ""]]:
        """As `forward`, and the sum of what the `Penalised` parts add to the training loss; 0 if there are none.

        Args:
            watch: as in `change`.
        """
        height, width = degraded.shape[-2:]
        padded = pad_to_multiple(degraded, self.size_multiple)
        penalties: list[Tensor] = []
        apply = _penalising(penalties)
        restored = padded + self._change(padded, apply if watch is None else _watched(apply, watch))
        return restored[..., :height, :width], sum(penalties, start=padded.new_zeros(()))

    def _change(self, padded: Float[Tensor, "b c h w"], apply: "_Apply") -> Float[Tensor, "b 3 h w"]:
        features = self._body(padded, apply)
        for part in self.decoder[0].children():
            features = apply(part, features)
        return F.pixel_shuffle(self.head(features), self.stem_stride)

    def context(self, crops: Float[Tensor, "b c h w"]) -> Context:
        """What the parts that look at the whole image know of one, from crops of it.

        Crops that start at multiples of `size_multiple` and partition the image give nearly what the network knows when
        it sees the image at once; crops spread evenly over a part of it give an estimate.

        Args:
            crops: parts of one image, RGB in [0, 1], all of one size.
        """
        context: Context = []
        apply = _gathering(context)
        features = self._body(pad_to_multiple(crops, self.size_multiple), apply)
        finest = list(self.decoder[0].children())
        seeing = [index for index, part in enumerate(finest) if isinstance(part, SeesWholeImage)]
        for part in finest[: max(seeing, default=-1) + 1]:
            features = apply(part, features)
        return context

    def _body(self, padded: Float[Tensor, "b c h w"], apply: "_Apply") -> Float[Tensor, "b c2 h2 w2"]:
        """Everything in front of the finest decoder level's stage."""
        features = self.stem(F.pixel_unshuffle(padded, self.stem_stride))
        skips = []
        for stage, down in zip(self.encoder, self.down, strict=True):
            for part in stage.children():
                features = apply(part, features)
            skips.append(features)
            features = down(features)
        for part in self.bottleneck.children():
            features = apply(part, features)
        for level in reversed(range(len(self.decoder))):
            features = self.fuse[level](torch.cat((self.up[level](features), skips.pop()), dim=1))
            if level > 0:
                for part in self.decoder[level].children():
                    features = apply(part, features)
        return features


_Apply = Callable[[nn.Module, Tensor], Tensor]


def _by_itself(part: nn.Module, features: Tensor) -> Tensor:
    return part(features)


def _informed(context: Context) -> _Apply:
    summaries = iter(context)

    def apply(part: nn.Module, features: Tensor) -> Tensor:
        return part(features, next(summaries)) if isinstance(part, SeesWholeImage) else part(features)

    return apply


def _watched(apply: _Apply, watch: Watch) -> _Apply:
    def tell_and_apply(part: nn.Module, features: Tensor) -> Tensor:
        watch(part, features)
        return apply(part, features)

    return tell_and_apply


def _gathering(context: Context) -> _Apply:
    def apply(part: nn.Module, features: Tensor) -> Tensor:
        if not isinstance(part, SeesWholeImage):
            return part(features)
        context.append(part.summary(features))
        return part(features, context[-1])

    return apply


def _penalising(penalties: list[Tensor]) -> _Apply:
    def apply(part: nn.Module, features: Tensor) -> Tensor:
        if not isinstance(part, Penalised):
            return part(features)
        features, penalty = part.with_penalty(features)
        penalties.append(penalty)
        return features

    return apply
