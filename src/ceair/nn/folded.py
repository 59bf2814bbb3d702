"""The gated convolution block and CEA again, computing the same in fewer and cheaper steps of a graph engine.

Layer normalisation is `(x - mean) / deviation * weight + bias` per pixel. What follows it here is always linear, so
that all but the division moves into the next weights (subtracting the mean is linear, too): a pixel is divided by its
deviation and nothing else. Gates take two convolutions of half the width instead of one that is split afterwards, and
CEA's two products become 1x1 convolutions. So nothing leaves the memory layout that engines keep images in; on
OpenVINO that halves the time of `ceair-t` (docs/engines.md). In training the plain modules are faster.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ceair.nn.block import GatedConvBlock
from ceair.nn.cea import CEA, Components
from ceair.nn.view import square_averages


class FoldedGatedConvBlock(nn.Module):
    """What a `GatedConvBlock` computes, `b c h w` to the same shape."""

    def __init__(self, block: GatedConvBlock) -> None:
        super().__init__()
        self.eps = block.norm_mix.eps
        self.expand = _halves(_behind_norm(block.norm_mix, block.expand))
        self.mix = _halves(block.mix)
        self.project = block.project
        self.feed_expand = _halves(_behind_norm(block.norm_feed, block.feed.expand))
        self.feed_project = block.feed.project

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """What the block makes of the features."""
        scaled = _over_deviation(features, self.eps)
        left, right = (mix(expand(scaled)) for mix, expand in zip(self.mix, self.expand, strict=True))
        features = features + self.project(left * right)
        scaled = _over_deviation(features, self.eps)
        left, right = (expand(scaled) for expand in self.feed_expand)
        return features + self.feed_project(left * right)


class FoldedCEA(nn.Module):
    """What a `CEA` computes for one image, `1 c h w` to the same shape, or for crops of one whose summary is given."""

    def __init__(self, layer: CEA) -> None:
        super().__init__()
        self.norm, self.adapter, self.to_query = layer.norm, layer.adapter, layer.to_query
        self.gamma, self.pooling = layer.gamma, layer.pooling

    def forward(
        self, features: Float[Tensor, "b c h w"], summary: Components | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Features plus their update; `summary` is of a larger image in place of this image's own."""
        scaled = _over_deviation(features, self.norm.eps)
        bases, directions = summary or self.adapter(self._look(scaled))
        folded = self.to_query.weight.T @ bases[0].T / math.sqrt(bases.shape[-1])
        weight = _centred((folded * self.norm.weight[:, None]).T)
        affinities = F.conv2d(scaled, weight[:, :, None, None], self.norm.bias @ folded)
        return features + F.conv2d(affinities, (directions[0] * self.gamma).T[:, :, None, None])

    def summary(self, crops: Float[Tensor, "b c h w"]) -> Components:
        """As `CEA.summary`."""
        return self.adapter(self._look(_over_deviation(crops, self.norm.eps)).flatten(0, 1)[None])

    def _look(self, scaled: Float[Tensor, "b c h w"]) -> Float[Tensor, "b t c"]:
        return _centred(square_averages(scaled, self.pooling)) * self.norm.weight + self.norm.bias


def _over_deviation(features: Float[Tensor, "b c h w"], eps: float) -> Float[Tensor, "b c h w"]:
    """Each pixel divided by the deviation of its channels, its mean not subtracted."""
    mean = features.mean(1, keepdim=True)
    # The root of the sum of squares is one step of the engines; a mean of squares would write all squares in between.
    root = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    variance = root * root / features.shape[1] - mean * mean
    # Rounding may leave a variance of nearly 0 below it. `abs` and not `clamp`, for which OpenVINO changes the memory
    # layout back and forth: that would make the network half as slow again.
    return features * torch.rsqrt(variance.abs() + eps)


def _centred(rows: Float[Tensor, "*n c"]) -> Float[Tensor, "*n c"]:
    return rows - rows.mean(-1, keepdim=True)


def _behind_norm(norm: nn.LayerNorm, conv: nn.Conv2d) -> nn.Conv2d:
    """A 1x1 convolution that makes of pixels over their deviation what `conv` makes of normalised ones."""
    weight = conv.weight.detach().flatten(1).double()
    folded = nn.Conv2d(conv.in_channels, conv.out_channels, 1)
    bias = _of(conv) + weight @ norm.bias.detach().double()
    return _filled(folded, _centred(weight * norm.weight.detach().double())[:, :, None, None], bias)


def _halves(conv: nn.Conv2d) -> nn.ModuleList:
    """Two convolutions that give the first and the second half of the channels of `conv`, a full or depthwise one."""
    out, depthwise = conv.out_channels // 2, conv.groups > 1
    inner = out if depthwise else conv.in_channels
    parts = nn.ModuleList()
    for half in (slice(0, out), slice(out, 2 * out)):
        part = nn.Conv2d(
            inner,
            out,
            (conv.kernel_size[0], conv.kernel_size[1]),
            padding=(conv.kernel_size[0] // 2, conv.kernel_size[1] // 2),
            groups=out if depthwise else 1,
        )
        parts.append(_filled(part, conv.weight.detach()[half], _of(conv)[half]))
    return parts


def _of(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias.detach().double()


def _filled(conv: nn.Conv2d, weight: Tensor, bias: Tensor) -> nn.Conv2d:
    conv.weight = nn.Parameter(weight.float())
    conv.bias = nn.Parameter(bias.float())
    return conv
