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
    the whole image. None is longer than `tile`; the last may be up to `multiple` - 1 pixels shorter. A tile's pixels
    near its border, where a network sees a mirror image instead of the neighbourhood, have no weight.

    Args:
        tile: length of a tile, a multiple of `multiple` that is at least twice as large as it and as `overlap`.
        overlap: least number of pixels that neighbours share; they fade into each other in the middle half of it.
    """
    stride = (tile - overlap) // multiple * multiple
    last = max(0, -(-(length - tile) // multiple) * multiple)
    starts = [*range(0, last, stride), last]
    ramps = []
    for start in starts:
        stop = min(start + tile, length)
        place = torch.arange(stop - start, dtype=torch.float32) + 0.5
        ramp = torch.ones_like(place)
        if start > 0:
            ramp = torch.minimum(ramp, _fade(place, overlap))
        if stop < length:
            ramp = torch.minimum(ramp, _fade(place.flip(0), overlap))
        ramps.append((start, stop, ramp))
    total = torch.zeros(length)
    for start, stop, ramp in ramps:
        total[start:stop] += ramp
    return [Window(start, stop, ramp / total[start:stop]) for start, stop, ramp in ramps]


def _fade(distance: Float[Tensor, "n"], overlap: int) -> Float[Tensor, "n"]:
    """Weights of pixels at this distance from a tile's border: from 0 at a quarter of the overlap to 1 at three."""
    return ((distance - overlap / 4) / max(overlap / 2, 0.5)).clamp(0, 1)
