"""Images in whole-number arithmetic: the same input gives the same bits on every machine, whatever its libraries.

Numbers are `int64` in units of 1/65536, so `ONE` stands for 1. Sums and products of whole numbers do not depend on
vector units, threads or the order of addition; powers and exponentials come from tables that Python's `decimal` fills,
which computes in software and rounds correctly; random numbers are PCG64's raw words, whose stream NumPy never changes.
"""

import hashlib
from collections.abc import Callable
from decimal import Context, Decimal

import numpy as np
from jaxtyping import Int64, UInt8

from ceair.files import name_bytes

ONE = 1 << 16
"""The number 1."""

Plane = Int64[np.ndarray, "h w"]
Colours = Int64[np.ndarray, "h w 3"]

_STEPS = 256  # of a table; between them it is interpolated
_EXACT = Context(prec=28)
_BYTE_SUM_MEAN, _BYTE_SUM_SPREAD = 1020, 209.0231  # of the sum of 8 uniform bytes: 8 * 127.5, (8 * 65535 / 12) ** 0.5


class Draws:
    """Random whole numbers from a generator that is seeded by the hash of some words, such as (seed, file, purpose)."""

    def __init__(self, *words: object) -> None:
        digest = hashlib.sha256(name_bytes("/".join(map(str, words)))).digest()
        self._bits = np.random.PCG64(int.from_bytes(digest[:16], "little"))

    def integers(self, low: int, high: int, count: int) -> Int64[np.ndarray, "n"]:
        """`count` whole numbers from `low` to `high`, both included, less than 2**31 apart."""
        words = self._bits.random_raw(count) >> np.uint64(32)
        return (words * np.uint64(high - low + 1) >> np.uint64(32)).astype(np.int64) + low

    def one(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return int(self.integers(low, high, 1)[0])

    def gaussian(self, spread: int, shape: tuple[int, ...]) -> Int64[np.ndarray, "..."]:
        """Noise of mean 0 and standard deviation `spread`: the sum of 8 bytes, nearly Gaussian up to 4.9 `spread`."""
        words = self._bits.random_raw(int(np.prod(shape)))
        sums = words.view(np.uint8).reshape(*shape, 8).sum(axis=-1, dtype=np.int64)
        return divided((sums - _BYTE_SUM_MEAN) * spread * round(ONE / _BYTE_SUM_SPREAD), ONE)


def from_bytes(image: UInt8[np.ndarray, "*size"]) -> Int64[np.ndarray, "*size"]:
    """8-bit levels as numbers from 0 to `ONE`."""
    return (image.astype(np.int64) * ONE + 127) // 255


def to_bytes(image: Int64[np.ndarray, "*size"]) -> UInt8[np.ndarray, "*size"]:
    """The nearest 8-bit levels; what lies outside of [0, `ONE`] saturates."""
    return divided(image.clip(0, ONE) * 255, ONE).astype(np.uint8)


def divided(numbers: Int64[np.ndarray, "*size"], divisor: int) -> Int64[np.ndarray, "*size"]:
    """The nearest whole numbers to a quotient; halves are rounded up."""
    return (numbers + divisor // 2) // divisor


def mix(
    first: Int64[np.ndarray, "*size"], second: Int64[np.ndarray, "..."], share: Int64[np.ndarray, "..."]
) -> Int64[np.ndarray, "*size"]:
    """`first` where `share` is 0, `second` where it is `ONE`, in between a weighted mean."""
    return first + divided((second - first) * share, ONE)


def power(exponent: int) -> Int64[np.ndarray, "258"]:
    """The table of `x ** (exponent / ONE)` over [0, 1], for `look_up`."""
    share = _EXACT.divide(Decimal(exponent), Decimal(ONE))

    def raised(x: Decimal) -> Decimal:
        return _EXACT.exp(_EXACT.multiply(share, _EXACT.ln(x))) if x else Decimal(0)

    return _table(raised)


def decay(rate: int) -> Int64[np.ndarray, "258"]:
    """The table of `exp(-(rate / ONE) x)` over [0, 1], for `look_up`."""
    share = _EXACT.divide(Decimal(-rate), Decimal(ONE))
    return _table(lambda x: _EXACT.exp(_EXACT.multiply(share, x)))


def look_up(table: Int64[np.ndarray, "258"], x: Plane) -> Plane:
    """The values of a table at `x` in [0, `ONE`], interpolated between its steps."""
    step, between = x // _STEPS, x % _STEPS
    return divided(table[step] * (_STEPS - between) + table[step + 1] * between, _STEPS)


def window_sum(plane: Plane, reach: int) -> Plane:
    """The sum over the square of `2 * reach + 1` pixels about each pixel, cut at the borders."""
    for axis in (0, 1):
        size = plane.shape[axis]
        ends = np.arange(size)
        sums = np.concatenate((np.zeros_like(plane.take([0], axis)), plane.cumsum(axis)), axis)
        plane = sums.take((ends + reach + 1).clip(max=size), axis) - sums.take((ends - reach).clip(min=0), axis)
    return plane


def window_mean(plane: Plane, reach: int) -> Plane:
    """The mean over the square of `2 * reach + 1` pixels about each pixel, cut at the borders; rounded down."""
    return window_sum(plane, reach) // window_sum(np.ones_like(plane), reach)


def guided_filter(plane: Plane, guide: Plane, reach: int) -> Plane:
    """Smooth a plane of levels 0 to 255 but for the edges of a guide of such levels; the result is in [0, `ONE`].

    Source: He et al., "Guided Image Filtering", 2010, with eps = 0.01 as OneRestore's synthesis has it.
    """
    count = window_sum(np.ones_like(plane), reach)
    of_guide, of_plane = window_sum(guide, reach), window_sum(plane, reach)
    covariance = count * window_sum(guide * plane, reach) - of_guide * of_plane
    variance = count * window_sum(guide * guide, reach) - of_guide * of_guide
    slope = (covariance << 12) // (variance + 650 * count * count)  # 650 is 0.01 of 255 squared
    offset = ((of_plane << 12) - slope * of_guide) // count
    result = window_mean(slope, reach) * guide + window_mean(offset, reach)
    return (result * 16 // 255).clip(0, ONE)


def smooth_noise(height: int, width: int, draws: Draws, cells: int) -> Plane:
    """A smooth random field in [0, `ONE`] with about `cells` bumps along each side."""
    knots = draws.integers(0, ONE, (cells + 1) ** 2).reshape(cells + 1, cells + 1)
    (row, down), (column, right) = _knots(height, cells), _knots(width, cells)
    above = mix(knots[row][:, column], knots[row][:, column + 1], right[None, :])
    below = mix(knots[row + 1][:, column], knots[row + 1][:, column + 1], right[None, :])
    return mix(above, below, down[:, None])


def rising(size: int) -> Int64[np.ndarray, "n"]:
    """`size` numbers that rise evenly from 0 to `ONE`."""
    return np.arange(size, dtype=np.int64) * ONE // max(size - 1, 1)


def smooth_step(x: Int64[np.ndarray, "*size"]) -> Int64[np.ndarray, "*size"]:
    """`x` in [0, `ONE`] bent to leave 0 and reach `ONE` without a kink: `x * x * (3 - 2 x)`."""
    return (x * x // ONE) * (3 * ONE - 2 * x) // ONE


def _knots(size: int, cells: int) -> tuple[Int64[np.ndarray, "n"], Int64[np.ndarray, "n"]]:
    """The cell that each pixel of a side lies in, and how far it has come towards the next."""
    place = rising(size) * cells
    cell = (place // ONE).clip(max=cells - 1)
    return cell, smooth_step(place - cell * ONE)


def _table(function: Callable[[Decimal], Decimal]) -> Int64[np.ndarray, "258"]:
    steps = (function(_EXACT.divide(Decimal(step), Decimal(_STEPS))) for step in range(_STEPS + 1))
    values = [int(_EXACT.to_integral_value(_EXACT.multiply(value, Decimal(ONE)))) for value in steps]
    return np.array([*values, values[-1]], np.int64)  # the last one is read with weight 0
