"""CEA token by token, in plain Python numbers: the equations at the head of `ceair/nn/cea.py`, one loop per index.

Nothing is shared with the layer but the names of its weights; no matrix product, no reshaping, no broadcasting.
"""

import math
from collections.abc import Mapping

from torch import Tensor

Row = list[float]
Matrix = list[Row]


def layer_norm(row: Row, weight: Row, bias: Row, eps: float = 1e-5) -> Row:
    """`(x - mean) / sqrt(variance + eps) * weight + bias` over one token's channels."""
    mean = sum(row) / len(row)
    variance = sum((x - mean) ** 2 for x in row) / len(row)
    return [(x - mean) / math.sqrt(variance + eps) * w + b for x, w, b in zip(row, weight, bias, strict=True)]


def linear(row: Row, weight: Matrix, bias: Row | None = None) -> Row:
    """`W x + b`, entry by entry."""
    start = bias or [0.0] * len(weight)
    return [b + sum(w * x for w, x in zip(line, row, strict=True)) for line, b in zip(weight, start, strict=True)]


def gelu(x: float) -> float:
    """`x` times the normal distribution function."""
    return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))


def pool(normed: list[Matrix], size: int) -> Matrix:
    """Means over squares of `size` pixels, those at the border over what is left of them."""
    height, width, channels = len(normed), len(normed[0]), len(normed[0][0])
    tokens = []
    for top in range(0, height, size):
        for left in range(0, width, size):
            places = [(i, j) for i in range(top, top + size) for j in range(left, left + size)]
            inside = [(i, j) for i, j in places if i < height and j < width]
            tokens.append([sum(normed[i][j][c] for i, j in inside) / len(inside) for c in range(channels)])
    return tokens


def attend(query: Row, keys: Matrix, values: Matrix, heads: int) -> Row:
    """Softmax attention of one query over all tokens, each head on its own stretch of the width."""
    width = len(query) // heads
    seen = []
    for head in range(heads):
        part = range(head * width, (head + 1) * width)
        scores = [sum(query[d] * key[d] for d in part) / math.sqrt(width) for key in keys]
        weights = [math.exp(score - max(scores)) for score in scores]
        for d in part:
            seen.append(sum(w * value[d] for w, value in zip(weights, values, strict=True)) / sum(weights))
    return seen


def generate(weights: Mapping[str, Tensor], tokens: Matrix, heads: int) -> tuple[Matrix, Matrix]:
    """Bases A and directions B of one image, from the (pooled) normalised tokens."""
    own = {name.removeprefix("adapter."): value for name, value in weights.items() if name.startswith("adapter.")}
    w = {name: value.double().tolist() for name, value in own.items()}
    probes = w["probes"]
    both = [linear(token, w["to_key_value.weight"]) for token in tokens]
    keys, values = [row[: len(probes[0])] for row in both], [row[len(probes[0]) :] for row in both]
    bases, directions = [], []
    for probe in probes:
        seen = attend(linear(probe, w["to_query.weight"]), keys, values, heads)
        merged = linear(seen, w["merge.weight"], w["merge.bias"])
        first = [p + m for p, m in zip(probe, merged, strict=True)]
        hidden = linear(layer_norm(first, w["norm.weight"], w["norm.bias"]), w["mlp.0.weight"], w["mlp.0.bias"])
        second = linear([gelu(x) for x in hidden], w["mlp.2.weight"], w["mlp.2.bias"])
        latent = [x + y for x, y in zip(first, second, strict=True)]
        bases.append(linear(latent, w["to_bases.weight"]))
        directions.append(linear(latent, w["to_directions.weight"]))
    return bases, directions


def cea(weights: Mapping[str, Tensor], image: Tensor, heads: int, pooling: int) -> list[Matrix]:
    """The layer on the features (`c h w`) of one image; returns nested lists indexed by channel, row, column."""
    w = {name: value.double().tolist() for name, value in weights.items()}
    x = image.double().tolist()
    channels, height, width = range(image.shape[0]), range(image.shape[1]), range(image.shape[2])
    normed = [
        [layer_norm([x[c][i][j] for c in channels], w["norm.weight"], w["norm.bias"]) for j in width] for i in height
    ]
    bases, directions = generate(weights, pool(normed, pooling), heads)
    restored = [[[0.0 for _ in width] for _ in height] for _ in channels]
    for i in height:
        for j in width:
            query = linear(normed[i][j], w["to_query.weight"])
            for c in channels:
                update = 0.0
                for base, direction in zip(bases, directions, strict=True):
                    affinity = 0.0
                    for q, a in zip(query, base, strict=True):
                        affinity += q * a
                    update += affinity / math.sqrt(len(query)) * direction[c]
                restored[c][i][j] = x[c][i][j] + w["gamma"][c] * update
    return restored
