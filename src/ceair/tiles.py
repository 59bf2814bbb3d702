"""Cutting images into overlapping tiles that blend into each other without seams."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Window(NamedTuple):
    """One tile's range along one axis, and its share in each of its pixels."""

    start: int
    stop: int
    weights: Float[Tensor, "n"]


def windows(length: int, tile: int, overlap: int, multiple: int) -> list[Window]:
    """Ranges that cover an axis of `length` pixels; at each pixel the weights of all ranges sum to 1.

    Each starts at a multiple of `multiple`, so that a network which halves its resolution sees the same grid as in
    the whole image. None is longer than `tile`; the last may be up to `multiple` - 1 pixels shorter.

    Args:
        tile: length of a tile, a multiple of `multiple`.
        overlap: pixels shared by neighbours, across which one fades into the other.
    """
    stride = max(multiple, (tile - overlap) // multiple * multiple)
    last = max(0, -(-(length - tile) // multiple) * multiple)
    starts = [*range(0, last, stride), last]
    ramps = []
    for start in starts:
        stop = min(start + tile, length)
        place = torch.arange(stop - start, dtype=torch.float32) + 0.5
        ramp = torch.ones_like(place)
        if start > 0:
            ramp = torch.minimum(ramp, place / max(overlap, 1))
        if stop < length:
            ramp = torch.minimum(ramp, place.flip(0) / max(overlap, 1))
        ramps.append((start, stop, ramp))
    total = torch.zeros(length)
    for start, stop, ramp in ramps:
        total[start:stop] += ramp
    return [Window(start, stop, ramp / total[start:stop]) for start, stop, ramp in ramps]
