"""The baselines pixel by pixel, in plain Python numbers: nothing is shared with the parts but the names of weights."""

import math
from collections.abc import Mapping

from reference.cea import Matrix, Row, gelu, generate, layer_norm, linear, pool
from torch import Tensor

Image = list[Matrix]


def softmax(row: Row) -> Row:
    """Positive shares that sum to 1."""
    powers = [math.exp(value - max(row)) for value in row]
    return [power / sum(powers) for power in powers]


def rows_of(weights: Mapping[str, Tensor], features: Tensor, eps: float) -> Image:
    """The normalised features of one image, `c h w`, as rows of channels."""
    weight, bias = weights["norm.weight"].tolist(), weights["norm.bias"].tolist()
    return [[layer_norm(pixel, weight, bias, eps) for pixel in row] for row in features.permute(1, 2, 0).tolist()]


def experts(weights: Mapping[str, Tensor], features: Tensor, count: int, top: int) -> tuple[Image, list[int], Row]:
    """The output, how many pixels each expert got, and the sum of each expert's probability over the pixels."""
    down, up = weights["down.weight"].tolist(), weights["up.weight"].tolist()
    rank = len(down) // count
    load, mass = [0] * count, [0.0] * count
    output = []
    for row, normed in zip(features.permute(1, 2, 0).tolist(), rows_of(weights, features, 1e-5), strict=True):
        output.append([])
        for pixel, x in zip(row, normed, strict=True):
            shares = softmax(linear(x, weights["to_logits.weight"].tolist()))
            chosen = sorted(range(count), key=lambda e: -shares[e])[:top]
            total = sum(shares[e] for e in chosen) if top > 1 else 1.0
            update = [0.0] * len(pixel)
            for expert in chosen:
                load[expert] += 1
                hidden = [gelu(h) for h in linear(x, down[expert * rank : (expert + 1) * rank])]
                for c, line in enumerate(up):
                    inner = sum(line[expert * rank + i] * hidden[i] for i in range(rank))
                    update[c] += shares[expert] / total * inner
            for expert, share in enumerate(shares):
                mass[expert] += share
            output[-1].append([x + u for x, u in zip(pixel, update, strict=True)])
    return output, load, mass


def softmax_cea(weights: Mapping[str, Tensor], features: Tensor, heads: int, pooling: int) -> Image:
    """CEA with a softmax over each pixel's affinities."""
    normed = rows_of(weights, features, 1e-6)
    bases, directions = generate(weights, pool(normed, pooling), heads)
    query, gamma = weights["routing.to_query.weight"].tolist(), weights["gamma"].tolist()
    output = []
    for row, own in zip(features.permute(1, 2, 0).tolist(), normed, strict=True):
        output.append([])
        for pixel, x in zip(row, own, strict=True):
            q = linear(x, query)
            scores = [sum(a * b for a, b in zip(q, base, strict=True)) / math.sqrt(len(q)) for base in bases]
            shares = softmax(scores)
            update = [sum(s * d[c] for s, d in zip(shares, directions, strict=True)) for c in range(len(pixel))]
            output[-1].append([x + g * u for x, g, u in zip(pixel, gamma, update, strict=True)])
    return output
