"""Conditioning by one descriptor of the whole image: the baseline of the AirNet line."""

from jaxtyping import Float
from torch import Tensor, nn

from ceair.nn.norm import ChannelNorm
from ceair.nn.view import square_averages

Modulation = Float[Tensor, "#b c2"]
"""Scales, then shifts, of the channels of each image, or of one that all are crops of."""


class DescriptorModulation(nn.Module):
    """A descriptor of the image scales and shifts the channels of its features, everywhere alike.

    `b c h w` in, `b c h w` out: `X + scale * X^ + shift`, both made of the mean over `GELU(W x + b)` of the tokens x
    that CEA's probes would see: averages over squares of `pooling` pixels.

    Args:
        channels: width c of the features.
        width: of the descriptor.
        pooling: side, in pixels, of the squares that a token is averaged over.

    Source: Li et al., AirNet (CVPR 2022), a degradation encoder that guides the restoration network; Perez et al.,
    FiLM (arXiv 1709.07871), section 2, for scale and shift.
    Differs: AirNet encodes the image once, by a network of its own that contrastive learning trains first, and its
    guidance also deforms convolutions; here each level reads its descriptor off its own features, and the restoration
    loss alone trains it.
    """

    def __init__(self, channels: int, width: int, pooling: int) -> None:
        super().__init__()
        self.pooling = pooling
        self.norm = ChannelNorm(channels)
        self.encode = nn.Sequential(nn.Linear(channels, width), nn.GELU())
        self.to_modulation = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 2 * channels))

    def forward(
        self, features: Float[Tensor, "b c h w"], modulation: Modulation | None = None
    ) -> Float[Tensor, "b c h w"]:
        """The features under the modulation of their own image, or of a larger one."""
        normed = self.norm(features)
        if modulation is None:
            modulation = self._modulation(square_averages(normed, self.pooling))
        scale, shift = modulation[:, :, None, None].chunk(2, dim=1)
        return features + scale * normed + shift

    def summary(self, crops: Float[Tensor, "b c h w"]) -> Modulation:
        """The modulation of one image of which these are crops."""
        return self._modulation(square_averages(self.norm(crops), self.pooling).flatten(0, 1)[None])

    def _modulation(self, tokens: Float[Tensor, "b t c"]) -> Modulation:
        return self.to_modulation(self.encode(tokens).mean(dim=1))
