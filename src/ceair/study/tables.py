"""The tables of a study as plain data: what each variant scores in each group, and what CEA has over it."""

from collections.abc import Mapping, Sequence
from typing import Any

from ceair.models.variants import VARIANTS
from ceair.study.sets import GROUPS
from ceair.study.statistics import difference, estimate, scores, strata

REFERENCE = "cea"
HARD = "composite + varying"
"""The two groups in which the paper claims the clearest gains, as one."""

GROUP_TITLES = ("single", "composite", "varying", HARD)
METRICS = ("psnr", "ssim_uniform", "ssim_gaussian")

Result = Mapping[str, Any]
Sets = dict[str, str]


def tables(results: Sequence[Result], costs: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that is shown, by part: see `_part`; and the costs of the variants."""
    parts = dict.fromkeys(result["part"] for result in results)
    return {
        "parts": {part: _part([result for result in results if result["part"] == part]) for part in parts},
        "costs": dict(costs),
    }


def _part(results: Sequence[Result]) -> dict[str, Any]:
    """The variants in the order of their runs, the groups, the conditions, and the input's PSNR."""
    by_variant: dict[str, list[Result]] = {}
    for result in results:
        by_variant.setdefault(result["variant"], []).append(result)
    ordered = sorted(results[0]["conditions"], key=lambda one: GROUPS.index(one["group"]))
    conditions = {one["name"]: {"set": one["set"], "group": one["group"]} for one in ordered}
    grouped = _grouped(conditions)
    return {
        "steps": results[0]["steps"],
        "conditions": {
            name: one | {"images": _images(results[0], name), "input_psnr": _input(results[0], name)}
            for name, one in conditions.items()
        },
        "groups": {title: list(sets) for title, sets in grouped.items()},
        "variants": {
            variant: _variant(own, by_variant.get(REFERENCE, []), grouped, conditions)
            for variant, own in by_variant.items()
        },
    }


def _grouped(conditions: Mapping[str, Mapping[str, str]]) -> dict[str, Sets]:
    """The conditions of each group, with the set of each; groups that the study has no images of are left out."""
    wanted = {title: {title} for title in GROUPS} | {HARD: {"composite", "varying"}}
    grouped = {
        title: {name: one["set"] for name, one in conditions.items() if one["group"] in groups}
        for title, groups in wanted.items()
    }
    return {title: sets for title, sets in grouped.items() if sets}


def _variant(
    own: Sequence[Result],
    reference: Sequence[Result],
    grouped: Mapping[str, Sets],
    conditions: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Estimates by metric and group or condition; those of CEA minus this variant over the seeds that both have."""
    seeds = [result["seed"] for result in own]
    shared = [seed for seed in seeds if seed in {result["seed"] for result in reference}]
    every = dict(grouped) | {name: {name: one["set"]} for name, one in conditions.items()}
    means, differences = {}, {}
    for metric in METRICS:
        values = scores(own, metric)
        means[metric] = {title: estimate(strata(values, sets)).as_json() for title, sets in every.items()}
        if own[0]["variant"] == REFERENCE or not shared:
            continue
        theirs, ours = (
            scores([result for result in some if result["seed"] in shared], metric) for some in (own, reference)
        )
        differences[metric] = {
            title: difference(strata(ours, sets), strata(theirs, sets)).as_json() for title, sets in every.items()
        }
    by_seed = {
        result["seed"]: {
            title: estimate(strata(scores([result], "psnr"), sets)).mean for title, sets in grouped.items()
        }
        for result in own
    }
    return {
        "rank": VARIANTS[own[0]["variant"]].cea.rank,
        "seeds": seeds,
        "shared_seeds": shared,
        "seconds": [result["seconds"] for result in own],
        "means": means,
        "cea_minus": differences,
        "psnr_by_seed": by_seed,
    }


def _images(result: Result, name: str) -> int:
    return len(next(one["images"] for one in result["conditions"] if one["name"] == name))


def _input(result: Result, name: str) -> float:
    images = next(one["images"] for one in result["conditions"] if one["name"] == name)
    return float(sum(image["input_psnr"] for image in images) / len(images))
