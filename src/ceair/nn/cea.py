"""Continuous Expert Assembly (CEA): every pixel mixes its own update out of parts written for this very image.

    X^ = LayerNorm(X)                               X : n x c  the features of one image, n = h*w tokens
    Z0 = P + MHA(P, pool(X^), pool(X^))             P : r x d  learned probes; softmax over the tokens
    Z  = Z0 + MLP(LayerNorm(Z0))
    A  = Z W_A,  B = Z W_B                          A : r x k  routing bases;  B : r x c  residual directions
    Q  = X^ W_Q                                     Q : n x k  queries
    S  = Q A^T / sqrt(k)                            S : n x r  signed dense affinities, no softmax, no top-k
    Y  = X + gamma * (S B)                          gamma: one scale per channel, small at the start

The queries are linear in X^, so W_Q can be folded into the bases: with M = W_Q^T A^T / sqrt(k), c x r, the whole
layer is Y = X + (X^ M)(B gamma): two thin matrix products over tokens that are already last in `channels_last`
memory. `assemble` is the same in its two other orders, for reading and for looking at the affinities.

Source: arXiv 2605.06127, of which only the abstract was read; docs/paper.md lists each choice that it leaves open.
"""

import math
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ceair.nn.view import square_averages

Order = Literal["affinities", "linear"]


class Components(NamedTuple):
    """What CEA generates for one image: a few kilobytes that hold all that a pixel can learn from far away."""

    bases: Float[Tensor, "b r k"]
    directions: Float[Tensor, "b r c"]


def assemble(
    queries: Float[Tensor, "b n k"],
    bases: Float[Tensor, "b r k"],
    directions: Float[Tensor, "b r c"],
    order: Order = "affinities",
) -> Float[Tensor, "b n c"]:
    """Mix each token's update from the directions, weighted by its signed affinities to the bases.

    Args:
        order: `affinities` forms `(Q A^T) B`; `linear` forms the rank-r weight first, `Q (A^T B)`, the
            linear-attention reading. Both give the same update.
    """
    scale = 1.0 / math.sqrt(queries.shape[-1])
    if order == "affinities":
        return (queries @ bases.transpose(1, 2) * scale) @ directions
    return queries @ (bases.transpose(1, 2) @ directions * scale)


class HyperAdapter(nn.Module):
    """Learned probes look at the tokens of an image by cross-attention and write its bases and directions.

    Source: arXiv 2605.06127, abstract, "Cross-Attention Hyper-Adapter".
    """

    def __init__(self, channels: int, rank: int, key_width: int, probe_width: int, heads: int) -> None:
        super().__init__()
        if probe_width % heads:
            raise ValueError(f"probe_width ({probe_width}) must be a multiple of heads ({heads})")
        self.heads = heads
        self.probes = nn.Parameter(torch.randn(rank, probe_width) / math.sqrt(probe_width))
        self.to_query = nn.Linear(probe_width, probe_width, bias=False)
        self.to_key_value = nn.Linear(channels, 2 * probe_width, bias=False)
        self.merge = nn.Linear(probe_width, probe_width)
        self.norm = nn.LayerNorm(probe_width)
        self.mlp = nn.Sequential(
            nn.Linear(probe_width, 2 * probe_width), nn.GELU(), nn.Linear(2 * probe_width, probe_width)
        )
        self.to_bases = nn.Linear(probe_width, key_width, bias=False)
        self.to_directions = nn.Linear(probe_width, channels, bias=False)

    def forward(self, tokens: Float[Tensor, "b t c"]) -> Components:
        """Normalised tokens of the image give its `Components`, whatever their number and their order."""
        queries = self.to_query(self.probes).unflatten(-1, (self.heads, -1)).transpose(0, 1)
        keys, values = self.to_key_value(tokens).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(queries.expand(len(tokens), -1, -1, -1), keys, values)
        latent = self.probes + self.merge(seen.transpose(1, 2).flatten(2))
        latent = latent + self.mlp(self.norm(latent))
        return Components(self.to_bases(latent), self.to_directions(latent))


class CEA(nn.Module):
    """The layer: `b c h w` in, `b c h w` out, the identity plus an update that each pixel assembles for itself.

    Args:
        channels: width c of the features.
        rank: number r of generated bases and directions.
        key_width: width k in which pixels and bases are compared; `channels` if None.
        probe_width: width d of the probes inside the hyper-adapter.
        heads: attention heads of the probes.
        pooling: the probes look at features averaged over squares of this many pixels; 1 for all of them.
        gamma: start of the per-channel scale of the update.
    """

    def __init__(
        self,
        channels: int,
        rank: int = 16,
        key_width: int | None = None,
        probe_width: int = 64,
        heads: int = 4,
        pooling: int = 1,
        gamma: float = 0.1,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.norm = nn.LayerNorm(channels)
        self.adapter = HyperAdapter(channels, rank, key_width or channels, probe_width, heads)
        self.to_query = nn.Linear(channels, key_width or channels, bias=False)
        self.gamma = nn.Parameter(torch.full((channels,), gamma))

    def forward(
        self, features: Float[Tensor, "b c h w"], components: Components | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Features plus their update; `components` of a larger image may be given in place of this image's own."""
        normed = self.norm(features.permute(0, 2, 3, 1))
        bases, directions = components or self.adapter(self._look(normed))
        folded = self.to_query.weight.T @ bases.transpose(1, 2) / math.sqrt(bases.shape[-1])
        update = normed.flatten(1, 2) @ folded @ (directions * self.gamma)
        return features + update.unflatten(1, normed.shape[1:3]).permute(0, 3, 1, 2)

    def components(self, features: Float[Tensor, "b c h w"]) -> Components:
        """The bases and directions that this layer writes for each of these features."""
        return self.adapter(self._look(self.norm(features.permute(0, 2, 3, 1))))

    def summary(self, crops: Float[Tensor, "b c h w"]) -> Components:
        """The bases and directions of one image of which these are crops: the probes look at all of them at once."""
        return self.adapter(self._look(self.norm(crops.permute(0, 2, 3, 1))).flatten(0, 1)[None])

    def affinities(
        self, features: Float[Tensor, "b c h w"], components: Components | None = None
    ) -> Float[Tensor, "b r h w"]:
        """The signed weight that each pixel gives to each of the directions; `components` as in `forward`."""
        normed = self.norm(features.permute(0, 2, 3, 1))
        bases = (components or self.adapter(self._look(normed))).bases
        queries = self.to_query(normed).flatten(1, 2)
        scores = queries @ bases.transpose(1, 2) / math.sqrt(bases.shape[-1])
        return scores.unflatten(1, normed.shape[1:3]).permute(0, 3, 1, 2)

    def _look(self, normed: Float[Tensor, "b h w c"]) -> Float[Tensor, "b t c"]:
        """The tokens that the probes see: averages over squares of `pooling` pixels."""
        return square_averages(normed.permute(0, 3, 1, 2), self.pooling)
