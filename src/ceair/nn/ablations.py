"""CEA with one of its ideas taken out, to see what the idea is worth."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ceair.nn.cea import Components, HyperAdapter
from ceair.nn.norm import ChannelNorm
from ceair.nn.view import square_averages


class StaticAdapter(nn.Module):
    """Bases and directions that are learned and the same for every image, in place of a `HyperAdapter`."""

    def __init__(self, channels: int, rank: int, key_width: int) -> None:
        super().__init__()
        self.bases = nn.Parameter(torch.randn(rank, key_width) / math.sqrt(key_width))
        self.directions = nn.Parameter(torch.randn(rank, channels) / math.sqrt(rank))

    def forward(self, tokens: Float[Tensor, "b t c"]) -> Components:
        """The same `Components` for each image; nothing is read off the tokens but how many images there are."""
        images = len(tokens)
        return Components(self.bases.repeat(images, 1, 1), self.directions.repeat(images, 1, 1))


class PooledAdapter(nn.Module):
    """A `HyperAdapter` whose probes are all told the average of the tokens, where they would attend to some of them."""

    def __init__(self, channels: int, rank: int, key_width: int, probe_width: int) -> None:
        super().__init__()
        self.probes = nn.Parameter(torch.randn(rank, probe_width) / math.sqrt(probe_width))
        self.merge = nn.Sequential(nn.Linear(channels, probe_width), nn.GELU(), nn.Linear(probe_width, probe_width))
        self.norm = nn.LayerNorm(probe_width)
        self.mlp = nn.Sequential(
            nn.Linear(probe_width, 2 * probe_width), nn.GELU(), nn.Linear(2 * probe_width, probe_width)
        )
        self.to_bases = nn.Linear(probe_width, key_width, bias=False)
        self.to_directions = nn.Linear(probe_width, channels, bias=False)

    def forward(self, tokens: Float[Tensor, "b t c"]) -> Components:
        """Normalised tokens of the image give its `Components`."""
        latent = self.probes + self.merge(tokens.mean(dim=1))[:, None]
        latent = latent + self.mlp(self.norm(latent))
        return Components(self.to_bases(latent), self.to_directions(latent))


class SoftmaxCEA(nn.Module):
    """CEA whose affinities are a softmax over the ranks: weights of one sign that compete, instead of signed ones.

    The arguments are those of `CEA`; `b c h w` in, `b c h w` out. With a rank of 1 the softmax would be 1 everywhere.
    """

    def __init__(
        self,
        channels: int,
        rank: int,
        key_width: int,
        probe_width: int,
        heads: int,
        pooling: int,
        gamma: float = 0.1,
    ) -> None:
        super().__init__()
        if rank < 2:
            raise ValueError(f"a softmax needs a rank of 2 or more, not {rank}")
        self.pooling = pooling
        self.norm = ChannelNorm(channels)
        self.adapter = HyperAdapter(channels, rank, key_width, probe_width, heads)
        self.to_query = nn.Linear(channels, key_width, bias=False)
        self.gamma = nn.Parameter(torch.full((channels,), gamma))

    def forward(
        self, features: Float[Tensor, "b c h w"], components: Components | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Features plus their update; `components` of a larger image may be given in place of this image's own."""
        normed = self.norm(features)
        bases, directions = components or self.adapter(square_averages(normed, self.pooling))
        folded = self.to_query.weight.T @ bases.transpose(1, 2) / math.sqrt(bases.shape[-1])
        affinities = (normed.permute(0, 2, 3, 1).flatten(1, 2) @ folded).softmax(dim=-1)
        update = affinities @ (directions * self.gamma)
        return features + update.unflatten(1, features.shape[2:]).permute(0, 3, 1, 2)

    def summary(self, crops: Float[Tensor, "b c h w"]) -> Components:
        """The bases and directions of one image of which these are crops."""
        return self.adapter(square_averages(self.norm(crops), self.pooling).flatten(0, 1)[None])
