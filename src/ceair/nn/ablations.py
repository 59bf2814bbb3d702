"""CEA with one of its ideas taken out, or with another answer to a question that the paper's abstract leaves open."""

import math

import torch
import torch.nn.functional as F
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


class RoutedCEA(nn.Module):
    """CEA with another way from a pixel and the bases to affinities, a part that is passed in.

    The other arguments are those of `CEA`; `b c h w` in, `b c h w` out.

    Args:
        routing: gives the affinities `b n r` of normalised features `b c h w` to bases `b r k`.
    """

    def __init__(
        self,
        channels: int,
        rank: int,
        key_width: int,
        probe_width: int,
        heads: int,
        pooling: int,
        routing: nn.Module,
        gamma: float = 0.1,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.norm = ChannelNorm(channels)
        self.adapter = HyperAdapter(channels, rank, key_width, probe_width, heads)
        self.routing = routing
        self.gamma = nn.Parameter(torch.full((channels,), gamma))

    def forward(
        self, features: Float[Tensor, "b c h w"], components: Components | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Features plus their update; `components` of a larger image may be given in place of this image's own."""
        normed = self.norm(features)
        bases, directions = components or self.adapter(square_averages(normed, self.pooling))
        update = self.routing(normed, bases) @ (directions * self.gamma)
        return features + update.unflatten(1, features.shape[2:]).permute(0, 3, 1, 2)

    def summary(self, crops: Float[Tensor, "b c h w"]) -> Components:
        """The bases and directions of one image of which these are crops."""
        return self.adapter(square_averages(self.norm(crops), self.pooling).flatten(0, 1)[None])


class SoftmaxRouting(nn.Module):
    """A softmax over the ranks: weights of one sign that compete. With a rank of 1 it would be 1 everywhere."""

    def __init__(self, channels: int, key_width: int) -> None:
        super().__init__()
        self.to_query = nn.Linear(channels, key_width, bias=False)

    def forward(self, normed: Float[Tensor, "b c h w"], bases: Float[Tensor, "#b r k"]) -> Float[Tensor, "b n r"]:
        """Shares of the ranks for every pixel; they sum to 1."""
        folded = self.to_query.weight.T @ bases.transpose(1, 2) / math.sqrt(bases.shape[-1])
        return (_tokens(normed) @ folded).softmax(dim=-1)


class UnitRouting(nn.Module):
    """Queries and bases of length 1, and a learned scale for each rank: affinities cannot grow with either."""

    def __init__(self, channels: int, key_width: int, rank: int) -> None:
        super().__init__()
        self.to_query = nn.Linear(channels, key_width, bias=False)
        self.scale = nn.Parameter(torch.ones(rank))

    def forward(self, normed: Float[Tensor, "b c h w"], bases: Float[Tensor, "#b r k"]) -> Float[Tensor, "b n r"]:
        """Scaled cosines between every pixel's query and the bases."""
        queries = F.normalize(self.to_query(_tokens(normed)), dim=-1, eps=1e-6)
        return queries @ F.normalize(bases, dim=-1, eps=1e-6).transpose(1, 2) * self.scale


class NeighbourRouting(nn.Module):
    """Queries of a pixel and of the average of the square around it, so that what is around it routes it, too."""

    def __init__(self, channels: int, key_width: int, side: int = 5) -> None:
        super().__init__()
        self.side = side
        self.to_query = nn.Linear(channels, key_width, bias=False)
        self.to_query_around = nn.Linear(channels, key_width, bias=False)

    def forward(self, normed: Float[Tensor, "b c h w"], bases: Float[Tensor, "#b r k"]) -> Float[Tensor, "b n r"]:
        """Signed affinities of every pixel, of which a part comes from what is around it."""
        around = F.avg_pool2d(normed, self.side, stride=1, padding=self.side // 2, count_include_pad=False)
        queries = self.to_query(_tokens(normed)) + self.to_query_around(_tokens(around))
        return queries @ bases.transpose(1, 2) / math.sqrt(bases.shape[-1])


def _tokens(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n c"]:
    return features.permute(0, 2, 3, 1).flatten(1, 2)
