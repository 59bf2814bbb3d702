"""Gathering what one CEA layer does to an image, tile by tile, in memory that does not grow with the image."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ceair.explain.layer import Layer
from ceair.nn import CEA, HyperAdapter
from ceair.nn.cea import Components
from ceair.nn.rank_scale import ScaledAdapter
from ceair.tiles import Place


class Gathering:
    """Gathers what one layer does, tile by tile.

    Args:
        layer: what is read.
        level: which it is, 0 being the finest.
        stride: pixels of the image for each token, along each axis.
        pool: tokens, along each axis, that are averaged into one value of a map.
        components: those of the whole image.
        size: height and width of the image.
        attention: whether to keep what the probes look at, which only the whole image shows.
    """

    def __init__(
        self,
        layer: CEA,
        level: int,
        stride: int,
        pool: int,
        components: Components,
        size: tuple[int, int],
        attention: bool,
    ) -> None:
        self._cea, self._level, self._stride, self._pool, self._size = layer, level, stride, pool, size
        self.cell = stride * pool
        self._components, self._keep = components, attention
        rank = components.bases.shape[1]
        rows, columns = (-(-side // self.cell) for side in size)
        self._maps = torch.zeros(rank + 3, rows, columns)
        self._directions = components.directions[0] * layer.gamma
        self._gram = self._directions @ self._directions.T / len(layer.gamma)
        self._tokens, self._energy = 0, 0.0
        self._sums = torch.zeros(2, rank, dtype=torch.float64)
        self._moments = torch.zeros(rank, rank, dtype=torch.float64)
        self._attention: Tensor | None = None

    def read(self, features: Float[Tensor, "1 c h w"], inner: Place, outer: Place) -> None:
        """Take the features of a tile, of which only the inner part counts."""
        spans = []
        for core, full in zip(inner, outer, strict=True):
            start = (core.start - full.start) // self._stride
            spans.append(slice(start, start + -(-(core.stop - core.start) // self._stride)))
        scores = self._cea.affinities(features, self._components)[0][:, spans[0], spans[1]]
        if self._keep:
            self._attention = _cropped(probe_attention(self._cea, features), self._cea.pooling * self._stride, inner)
        flat = scores.flatten(1)
        parts = [flat, flat.clamp(min=0), flat.clamp(max=0)]
        energies = torch.stack([((self._gram @ part) * part).sum(0).clamp(min=0) for part in parts])
        maps = torch.cat((scores, energies.reshape(3, *scores.shape[1:])))
        maps = F.avg_pool2d(maps[None], self._pool, ceil_mode=True, count_include_pad=False)[0]
        top, left = inner.rows.start // self.cell, inner.columns.start // self.cell
        self._maps[:, top : top + maps.shape[1], left : left + maps.shape[2]] = maps.cpu()
        exact = flat.double()
        self._tokens += flat.shape[1]
        self._sums += torch.stack((exact.sum(1), exact.abs().sum(1))).cpu()
        self._moments += (exact @ exact.T).cpu()
        self._energy += float(features[0][:, spans[0], spans[1]].double().square().mean(0).sum())

    def layer(self) -> Layer:
        """What was gathered."""
        maps = self._maps.numpy()
        mean, mean_abs = (self._sums / self._tokens).numpy()
        return Layer(
            level=self._level,
            height=self._size[0],
            width=self._size[1],
            stride=self._stride,
            cell=self.cell,
            affinities=maps[:-3],
            energy=maps[-3],
            additive=maps[-2],
            subtractive=maps[-1],
            bases=self._components.bases[0].cpu().numpy(),
            directions=self._directions.cpu().numpy(),
            mean=mean,
            mean_absolute=mean_abs,
            moments=(self._moments / self._tokens).numpy(),
            features_energy=self._energy / self._tokens,
            looked=self._cea.pooling * self._stride,
            attention=None if self._attention is None else self._attention.cpu().numpy(),
        )


def probe_attention(layer: CEA, features: Float[Tensor, "1 c h w"]) -> Float[Tensor, "r h2 w2"]:
    """How much each probe looks at each square of `pooling` pixels: the mean over its heads, which sums to 1."""
    adapter = layer.adapter.adapter if isinstance(layer.adapter, ScaledAdapter) else layer.adapter
    assert isinstance(adapter, HyperAdapter)
    normed = layer.norm(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    squares = F.avg_pool2d(normed, layer.pooling, ceil_mode=True, count_include_pad=False)
    tokens = squares[0].flatten(1).T
    queries = adapter.to_query(adapter.probes).unflatten(-1, (adapter.heads, -1)).transpose(0, 1)
    keys = adapter.to_key_value(tokens).unflatten(-1, (2, adapter.heads, -1))[:, 0].transpose(0, 1)
    weights = (queries @ keys.transpose(1, 2) / queries.shape[-1] ** 0.5).softmax(-1).mean(0)
    return weights.reshape(len(weights), *squares.shape[2:])


def _cropped(attention: Float[Tensor, "r h w"], cell: int, inner: Place) -> Float[Tensor, "r h2 w2"]:
    """Without what lies in the padding beyond the image."""
    rows, columns = (-(-(place.stop - place.start) // cell) for place in inner)
    return attention[:, :rows, :columns]
