"""Cutting images into overlapping tiles that blend into each other without seams, and into crops to look at."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_STRIP = 64  # rows of pixels that are given out at a time


class Window(NamedTuple):
    """One tile's range along one axis, and its share in each of its pixels."""

    start: int
    stop: int
    weights: Float[Tensor, "n"]


class Place(NamedTuple):
    """Where in an image something lies: ranges of rows and of columns."""

    rows: slice
    columns: slice


def windows(length: int, tile: int, overlap: int, multiple: int) -> list[Window]:
    """Ranges that cover an axis of `length` pixels; at each pixel the weights of all ranges sum to 1.

    Each starts at a multiple of `multiple`, so that a network which halves its resolution sees the same grid as in
    the whole image. As few as possible are made, as long as each other and none longer than `tile`; the last may be up
    to `multiple` - 1 pixels shorter. A tile's pixels near its border, where a network sees a mirror image instead of
    the neighbourhood, have no weight.

    Args:
        tile: length of a tile, a multiple of `multiple` that is at least twice as large as it and as `overlap`.
        overlap: least number of pixels that neighbours share; they fade into each other in the middle half of it.
    """
    if length > tile:
        count = -(-(length - overlap) // ((tile - overlap) // multiple * multiple))
        even = -(-(length - overlap) // count) + overlap + multiple - 1
        tile = min(tile, -(-even // multiple) * multiple)
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


def spread_crops(height: int, width: int, side: int, pixels: int, multiple: int) -> list[Place]:
    """Places of one size, spread evenly over an image, at multiples of `multiple`, that have `pixels` in all or fewer.

    One place, the whole image, if it has no more than `pixels`; at least one in any case. They are `side` high and
    wide, or as high or wide as the image where that is less.
    """
    if height * width <= pixels:
        return [Place(slice(0, height), slice(0, width))]
    high, wide = min(side, height), min(side, width)
    count = max(1, pixels // (high * wide))
    rows = min(-(-height // high), count, max(1, round((count * height * wide / (width * high)) ** 0.5)))
    columns = min(-(-width // wide), max(1, count // rows))
    return [
        Place(slice(top, top + high), slice(left, left + wide))
        for top in _spread(height, high, rows, multiple)
        for left in _spread(width, wide, columns, multiple)
    ]


def tile_shape(height: int, width: int, side: int, overlap: int, multiple: int) -> tuple[int, int]:
    """Height and width of the tiles that cover an image in the fewest pixels, overlaps included.

    None has more pixels than a square of this side, none is higher or wider than twice the side. A square is seldom the
    best: 4000x3000 pixels in squares of at most 1024 are 17 % more than the image, in tiles of 1376x640 they are 10 %.

    Args:
        side, overlap, multiple: as `tile`, `overlap` and `multiple` of `windows`, with the same conditions.
    """
    fitting = [
        (high * wide * rows * columns, high, wide)
        for rows, high in _cuts(height, side, overlap, multiple)
        for columns, wide in _cuts(width, side, overlap, multiple)
        if high * wide <= side**2
    ]
    _, high, wide = min(fitting)
    return high, wide


def _cuts(length: int, side: int, overlap: int, multiple: int) -> list[tuple[int, int]]:
    """Numbers of tiles along an axis and how long they are then, from twice the side down to half of it."""
    shortest = max(side // 2 // multiple, -(-2 * overlap // multiple), 2) * multiple
    cuts = []
    for number in range(1, length + 1):
        needed = -(-(length - overlap) // number) + overlap
        long = max(-(-needed // multiple) * multiple, shortest)
        if long <= 2 * side:
            cuts.append((number, long))
        if long == shortest:
            break
    return cuts


class Bands:
    """Puts restored tiles together, row of tiles by row of tiles, without holding more than one such row.

    Args:
        width: of the image, in pixels.
        rows, columns: what `windows` gives for its two axes.
    """

    def __init__(self, width: int, rows: list[Window], columns: list[Window]) -> None:
        self.rows, self.columns = rows, columns
        self._sums = torch.zeros(3, max(row.stop - row.start for row in rows), width)

    def places(self, row: int) -> Iterator[tuple[int, Place]]:
        """The columns of a row of tiles, by number, and where in the image each tile lies."""
        start, stop, _ = self.rows[row]
        for index, column in enumerate(self.columns):
            yield index, Place(slice(start, stop), slice(column.start, column.stop))

    def add(self, row: int, column: int, tile: Float[Tensor, "3 h w"]) -> None:
        """Add a tile by its weights."""
        start, stop, down = self.rows[row]
        left, right, across = self.columns[column]
        self._sums[:, : stop - start, left:right] += tile * down[:, None] * across

    def finish(self, row: int) -> Iterator[tuple[slice, Float[Tensor, "3 h w"]]]:
        """The rows of pixels that no later tile changes, once all tiles of a row of tiles are added: in strips of a few
        rows each, of which the next one takes the place. To be gone through before anything more is added.
        """
        start, stop, _ = self.rows[row]
        end = self.rows[row + 1].start if row + 1 < len(self.rows) else stop
        for first in range(start, end, _STRIP):
            last = min(first + _STRIP, end)
            yield slice(first, last), self._sums[:, first - start : last - start].clamp(0, 1)
        rest = self._sums[:, end - start : stop - start].clone()
        self._sums.zero_()
        self._sums[:, : rest.shape[1]] = rest


def _spread(length: int, side: int, count: int, multiple: int) -> list[int]:
    """Starts of ranges of `side` pixels, each about the middle of its share of the axis, at multiples of `multiple`."""
    middles = (np.arange(count) + 0.5) * length / count
    starts = (middles - side / 2).clip(0, length - side) // multiple * multiple
    return sorted({int(start) for start in starts})


def _fade(distance: Float[Tensor, "n"], overlap: int) -> Float[Tensor, "n"]:
    """Weights of pixels at this distance from a tile's border: from 0 at a quarter of the overlap to 1 at three."""
    return ((distance - overlap / 4) / max(overlap / 2, 0.5)).clamp(0, 1)
