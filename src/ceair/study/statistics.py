"""Means over groups of conditions, how sure they are, and paired differences, by photo.

A photo is scored under several conditions (CDD-open shows each in fifteen), and those scores rise and fall together. So
photos are what is drawn anew, not scores: the conditions of a group are averaged for each photo first. The mean of a
group gives each condition the same weight, as the field's tables do; sets of several photos each are strata of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ceair.compare import sign_flip_p
from ceair.errors import DataError

_DRAWS = 1000  # of the bootstrap, as in `metrics.bootstrap_interval`

Scores = Mapping[str, Mapping[str, float]]
"""By condition, then by the name of the image."""


@dataclass(frozen=True)
class Stratum:
    """The photos of one set: the mean of each over the set's conditions in the group, and the set's share of those."""

    share: float
    names: tuple[str, ...]
    values: Float[np.ndarray, "photos"]


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval, None for fewer than two photos; `p` of differences only, see `sign_flip_p`."""

    mean: float
    interval: tuple[float, float] | None
    photos: int
    p: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data for a JSON document."""
        return {"mean": self.mean, "interval_95": self.interval, "photos": self.photos, "p": self.p}


def scores(results: Sequence[Mapping[str, Any]], metric: str) -> dict[str, dict[str, float]]:
    """One metric by condition and image, the mean over runs that differ in their seed alone.

    Raises:
        DataError: the runs were not scored on the same images.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for result in results:
        for condition in result["conditions"]:
            images = found.setdefault(condition["name"], {})
            for image in condition["images"]:
                images.setdefault(image["name"], []).append(float(image[metric]))
    for name, images in found.items():
        if any(len(values) != len(results) for values in images.values()):
            raise DataError(f"the runs of the study were not scored on the same images of `{name}`; score them again")
    return {name: {image: float(np.mean(v)) for image, v in images.items()} for name, images in found.items()}


def strata(values: Scores, sets: Mapping[str, str]) -> list[Stratum]:
    """The photos of a group; `sets` names the set of each of the group's conditions."""
    found = []
    for imageset in dict.fromkeys(sets.values()):
        own = [values[condition] for condition, its in sets.items() if its == imageset]
        names = tuple(own[0])
        photos = np.array([[condition[name] for name in names] for condition in own]).mean(axis=0)
        found.append(Stratum(len(own) / len(sets), names, photos))
    return found


def estimate(group: Sequence[Stratum]) -> Estimate:
    """The mean over a group and its stratified bootstrap interval: photos are drawn anew within each set."""
    mean = float(sum(stratum.share * stratum.values.mean() for stratum in group))
    photos = sum(len(stratum.values) for stratum in group)
    if any(len(stratum.values) < 2 for stratum in group):
        return Estimate(mean, None, photos)
    generator = np.random.default_rng(0)
    means = np.zeros(_DRAWS)
    for stratum in group:
        count = len(stratum.values)
        draws = generator.integers(count, size=(_DRAWS, count))
        means += stratum.share * stratum.values[draws].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Estimate(mean, (float(low), float(high)), photos)


def difference(first: Sequence[Stratum], second: Sequence[Stratum]) -> Estimate:
    """How much higher the first is than the second, photo by photo, and how likely so much is by chance.

    Raises:
        DataError: the two are not of the same photos.
    """
    if [stratum.names for stratum in first] != [stratum.names for stratum in second]:
        raise DataError("two variants of the study were not scored on the same photos; score them again")
    apart = [Stratum(one.share, one.names, one.values - other.values) for one, other in zip(first, second, strict=True)]
    result = estimate(apart)
    weighed = [stratum.share / len(stratum.values) * stratum.values for stratum in apart]
    return Estimate(result.mean, result.interval, result.photos, sign_flip_p(np.concatenate(weighed).tolist()))
