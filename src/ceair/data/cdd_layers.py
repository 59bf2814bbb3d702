"""What the composites of CDD-open are made of: light, distance, rain streaks, snowflakes and severity maps of a scene.

They stand in for the estimated light and depth maps and the mask images of CDD-11, which were never released. Sizes
are shares of the photo's shorter side, but nothing is narrower than about a pixel and a half. All numbers are as in
`fixed_point`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from ceair.data.fixed_point import (
    ONE,
    Draws,
    Plane,
    divided,
    from_bytes,
    guided_filter,
    rising,
    smooth_noise,
    smooth_step,
    window_mean,
)

_BATCH = 1 << 20  # pixels of streaks or flakes that are drawn at once
_SUBPIXELS = 256  # places of streaks and flakes are whole numbers of these


class _Streaks(NamedTuple):
    """A sheet of rain: how many per square of the shorter side, lengths and half width per mille of it, brightness."""

    density: int
    length: tuple[int, int]
    half_width: int
    brightness: tuple[int, int]


class _Flakes(NamedTuple):
    """A sheet of snow: how many per square of the shorter side, radii per 10000 of it, opacity, hardness of the rim."""

    density: int
    radius: tuple[int, int]
    opacity: tuple[int, int]
    hardness: int


_RAIN = (
    _Streaks(1500, (20, 50), 1, (ONE // 10, ONE // 3)),
    _Streaks(450, (50, 110), 2, (ONE // 6, ONE // 2)),
    _Streaks(50, (120, 240), 4, (ONE // 6, ONE // 2)),
)
_SNOW = (
    _Flakes(1300, (14, 30), (ONE // 4, ONE), 2),
    _Flakes(260, (30, 65), (ONE // 3, ONE), 2),
    _Flakes(14, (90, 200), (ONE // 5, ONE // 2), 1),
)


def light_map(clean: UInt8[np.ndarray, "h w 3"], draws: Draws) -> Plane:
    """How brightly each place of a photo is lit, in [0, `ONE`]: its brightest colour, smoothed but for the edges.

    A smooth random field takes up to half of the light away, as if lamps stood here and there; bright photos would
    hardly get dark without it.
    """
    levels = clean.astype(np.int64)
    grey = divided(levels[..., 0] * 299 + levels[..., 1] * 587 + levels[..., 2] * 114, 1000)
    light = guided_filter(levels.max(axis=-1), grey, max(1, min(grey.shape) // 50))
    height, width = grey.shape
    return light * (ONE + smooth_noise(height, width, draws, 2)) // (2 * ONE)


def distance_map(clean: UInt8[np.ndarray, "h w 3"], draws: Draws) -> Plane:
    """How far off each place of a photo is, in [0, `ONE`].

    It grows towards the top, where most photos look into the distance, and with what is pale, as sky and far hills are;
    a smooth random field makes it uneven.
    """
    height, width = clean.shape[:2]
    upwards = rising(height)[::-1, None]
    reach = max(1, min(height, width) // 66)  # CDD-11 blurs its depth by 22 pixels at a height of 720
    pale = window_mean(from_bytes(clean.min(axis=-1)), reach)
    bumps = smooth_noise(height, width, draws, 4)
    return window_mean((10 * ONE + 50 * upwards + 30 * bumps + 30 * pale) // 100, reach).clip(0, ONE)


def rain_layer(height: int, width: int, draws: Draws) -> Plane:
    """Streaks of rain that share a slant, in three sheets from far to near: the light that they add, from 0 on."""
    layer = np.zeros((height, width), np.int64)
    slant, amount = draws.one(-ONE // 2, ONE // 2), draws.one(60, 140)
    for sheet in _RAIN:
        _add_streaks(layer, draws, sheet, slant, amount)
    return layer


def snow_layer(height: int, width: int, draws: Draws) -> Plane:
    """Flakes that are smeared along the same wind, in three sheets from far to near: their opacity in [0, `ONE`]."""
    layer = np.zeros((height, width), np.int64)
    slant, amount = draws.one(-ONE // 2, ONE // 2), draws.one(60, 140)
    for sheet in _SNOW:
        _add_flakes(layer, draws, sheet, slant, amount)
    return layer.clip(0, ONE)


def severity_plane(kind: str, height: int, width: int, draws: Draws) -> Plane:
    """Where a degradation acts how strongly, in [0, `ONE`].

    Args:
        kind: `even`, everywhere in full; `left` or `right`, in that half, fading over an eighth of the width; or
            `smooth`, a random field that reaches 0 and `ONE`.
    """
    if kind == "even":
        return np.full((height, width), ONE, np.int64)
    if kind == "smooth":
        field = smooth_noise(height, width, draws, 3)
        low, high = int(field.min()), int(field.max())
        return smooth_step((field - low) * ONE // max(high - low, 1))
    along = smooth_step(((rising(width) - ONE // 2) * 8 + ONE // 2).clip(0, ONE))
    return np.broadcast_to(along if kind == "right" else ONE - along, (height, width)).copy()


def _add_streaks(layer: Plane, draws: Draws, sheet: _Streaks, slant: int, amount: int) -> None:
    """Add streaks of one sheet; `slant` is in columns per row, `amount` in percent of the usual number."""
    (height, width), side = layer.shape, min(layer.shape)
    shortest, longest = (max(2, side * share // 1000) for share in sheet.length)
    half = max(_SUBPIXELS * 3 // 4, _SUBPIXELS * side * sheet.half_width // 2000)
    # Streaks begin above and beside the photo, too, so that its borders get as many as its middle.
    rows, columns = height + longest, width + longest
    count = sheet.density * amount * rows * columns // (100 * side * side)
    top, left = draws.integers(-longest, height - 1, count), draws.integers(0, columns * _SUBPIXELS, count)
    left -= longest * _SUBPIXELS // 2
    length, light = draws.integers(shortest, longest, count), draws.integers(*sheet.brightness, count)
    lean = slant + draws.integers(-ONE // 50, ONE // 50, count)
    step, reach = np.arange(longest, dtype=np.int64)[None, :, None], half // _SUBPIXELS + 1
    offset = np.arange(-reach, reach + 1, dtype=np.int64)[None, None, :]
    for some in _batches(count, longest * (2 * reach + 1)):
        long = length[some]
        centre = left[some] + (lean[some] * (step - longest // 2)) // (ONE // _SUBPIXELS)
        column = centre // _SUBPIXELS + offset
        across = (half - abs(column * _SUBPIXELS + _SUBPIXELS // 2 - centre)).clip(0)
        fade = (4 * ONE * step * (long - step) // (long * long)).clip(0)
        _add(layer, top[some] + step, column, light[some] * fade // ONE * across // half)


def _add_flakes(layer: Plane, draws: Draws, sheet: _Flakes, slant: int, amount: int) -> None:
    """Add flakes of one sheet: discs, half as long again along the wind, with a soft rim."""
    (height, width), side = layer.shape, min(layer.shape)
    smallest, largest = (max(_SUBPIXELS, _SUBPIXELS * side * share // 10000) for share in sheet.radius)
    reach = largest * 2 // _SUBPIXELS + 1
    rows, columns = height + 2 * reach, width + 2 * reach
    count = sheet.density * amount * rows * columns // (100 * side * side)
    down, right = draws.integers(0, rows * _SUBPIXELS, count), draws.integers(0, columns * _SUBPIXELS, count)
    down, right = down - reach * _SUBPIXELS, right - reach * _SUBPIXELS
    radius, opacity = draws.integers(smallest, largest, count), draws.integers(*sheet.opacity, count)
    around = np.arange(-reach, reach + 1, dtype=np.int64)
    for some in _batches(count, (2 * reach + 1) ** 2):
        row = down[some] // _SUBPIXELS + around[None, :, None]
        column = right[some] // _SUBPIXELS + around[None, None, :]
        below = row * _SUBPIXELS + _SUBPIXELS // 2 - down[some]
        beside = column * _SUBPIXELS + _SUBPIXELS // 2 - right[some] - slant * below // ONE
        square = radius[some] ** 2
        depth = (square - beside * beside - below * below * 4 // 9).clip(0) * ONE // square
        _add(layer, row, column, opacity[some] * (depth * sheet.hardness).clip(max=ONE) // ONE)


def _batches(count: int, pixels: int) -> Iterator[tuple[slice, None, None]]:
    """Parts of arrays of `count` numbers, each with two axes more: the `pixels` along and across a streak or flake."""
    step = max(1, _BATCH // pixels)
    return ((slice(begin, begin + step), None, None) for begin in range(0, count, step))


def _add(
    layer: Plane, row: Int64[np.ndarray, "..."], column: Int64[np.ndarray, "..."], light: Int64[np.ndarray, "..."]
) -> None:
    """Add light to the pixels of a plane; what lies outside of it is left out."""
    height, width = layer.shape
    row, column, light = np.broadcast_arrays(row, column, light)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width) & (light > 0)
    np.add.at(layer, (row[inside], column[inside]), light[inside])
