"""CDD-open: composites of low light, rain, snow and haze from any clean photos, the same bits on every machine.

The open counterpart of CDD-11: its formulas, ranges and order, with procedural light, depth, streaks and flakes, since
those of CDD-11 were never released and its images cannot be made again. `docs/cdd-open.md` lists the differences.

Source: the CDD-11 synthesis (Guo et al., OneRestore, arXiv 2407.04621, section 3, and its `syn_data.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from ceair.data.cdd_layers import distance_map, light_map, rain_layer, severity_plane, snow_layer
from ceair.data.fixed_point import ONE, Colours, Draws, Plane, decay, divided, from_bytes, look_up, mix, power, to_bytes

VERSION = 1
"""Of the generator; any change of a pixel raises it."""

SUBSETS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "low": {"low": "even"},
        "haze": {"haze": "even"},
        "rain": {"rain": "even"},
        "snow": {"snow": "even"},
        "low_haze": {"low": "even", "haze": "even"},
        "low_rain": {"low": "even", "rain": "even"},
        "low_snow": {"low": "even", "snow": "even"},
        "haze_rain": {"haze": "even", "rain": "even"},
        "haze_snow": {"haze": "even", "snow": "even"},
        "low_haze_rain": {"low": "even", "haze": "even", "rain": "even"},
        "low_haze_snow": {"low": "even", "haze": "even", "snow": "even"},
        "low_smooth": {"low": "smooth"},
        "low_haze_rain_smooth": {"low": "smooth", "haze": "smooth", "rain": "smooth"},
        "low_left_haze_right": {"low": "left", "haze": "right"},
        "rain_left_snow_right": {"rain": "left", "snow": "right"},
    }
)
"""The 11 subsets of CDD-11 and 4 that vary over the image: degradations, and where each acts (`severity_plane`)."""

_GAMMA = (2 * ONE, 3 * ONE)
_NOISE = (3 * ONE // 100, 8 * ONE // 100)
_BETA = (ONE, 2 * ONE)
_AIRLIGHT = (6 * ONE // 10, 9 * ONE // 10)
_FARTHEST = 7 * ONE // 10


class Composite(NamedTuple):
    """A degraded photo with what was drawn for it.

    Attributes:
        image: 8-bit RGB.
        strengths: `gamma`, `noise` (standard deviation in [0, 1]), `beta` and `airlight`, of the subset's degradations.
        maps: where each degradation that is not even acts, 0 to 255.
    """

    image: UInt8[np.ndarray, "h w 3"]
    strengths: dict[str, float]
    maps: dict[str, UInt8[np.ndarray, "h w"]]


@dataclass(frozen=True)
class Scene:
    """A clean photo with what all of its subsets share: light, distance, streaks and flakes, as in CDD-11."""

    name: str
    seed: int
    clean: Colours
    light: Plane
    distance: Plane
    rain: Plane
    snow: Plane


def make_scene(clean: UInt8[np.ndarray, "h w 3"], name: str, seed: int = 0) -> Scene:
    """Prepare a clean photo; `name`, the stem of its file, and `seed` settle everything random."""
    height, width = clean.shape[:2]
    return Scene(
        name,
        seed,
        from_bytes(clean),
        light_map(clean, _draws(name, seed, "light")),
        distance_map(clean, _draws(name, seed, "distance")),
        rain_layer(height, width, _draws(name, seed, "rain layer")),
        snow_layer(height, width, _draws(name, seed, "snow layer")),
    )


def compose(scene: Scene, subset: str) -> Composite:
    """The version of a scene in one of the `SUBSETS`, always in the order low, rain, snow, haze."""
    draws = _draws(scene.name, scene.seed, subset)
    height, width = scene.light.shape
    # Everything is drawn in any case, so that the strengths of one degradation do not hang on the others.
    gamma, noise, beta, airlight = (draws.one(*span) for span in (_GAMMA, _NOISE, _BETA, _AIRLIGHT))
    kinds = SUBSETS[subset]
    planes = {name: severity_plane(kind, height, width, draws) for name, kind in sorted(kinds.items())}
    image = scene.clean
    if "low" in planes:
        grain = draws.gaussian(noise, image.shape)
        image = mix(image, low_light(image, scene.light, gamma, grain), planes["low"][..., None])
    if "rain" in planes:
        image = image + divided(scene.rain * planes["rain"], ONE)[..., None]
    if "snow" in planes:
        image = snow(image, divided(scene.snow * planes["snow"], ONE))
    if "haze" in planes:
        image = mix(image, haze(image, scene.distance, beta, airlight), planes["haze"][..., None])
    strengths = {"low": {"gamma": gamma, "noise": noise}, "haze": {"beta": beta, "airlight": airlight}}
    used = {name: number / ONE for key in planes for name, number in strengths.get(key, {}).items()}
    return Composite(to_bytes(image), used, {n: to_bytes(planes[n]) for n, kind in kinds.items() if kind != "even"})


def low_light(image: Colours, light: Plane, gamma: int, grain: Colours) -> Colours:
    """`clip(J L ** (gamma - 1) + noise)`: dark where little light falls."""
    return (divided(image * look_up(power(gamma - ONE), light)[..., None], ONE) + grain).clip(0, ONE)


def snow(image: Colours, opacity: Plane) -> Colours:
    """`I (1 - M) + M`: white flakes of a given opacity."""
    return mix(image, np.full_like(image, ONE), opacity[..., None])


def haze(image: Colours, distance: Plane, beta: int, airlight: int) -> Colours:
    """`clip(I t + A (1 - t))` with `t = exp(-beta min(distance, 0.7))`: what is far fades into the airlight."""
    transmission = look_up(decay(beta), distance.clip(max=_FARTHEST))
    return mix(np.full_like(image, airlight), image, transmission[..., None]).clip(0, ONE)


def _draws(name: str, seed: int, purpose: str) -> Draws:
    return Draws("CDD-open", VERSION, seed, name, purpose)
