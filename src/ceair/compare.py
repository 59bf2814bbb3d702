"""A paired comparison of two result files of `ceair evaluate`: the same images, restored in two ways."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ceair.errors import DataError
from ceair.metrics import bootstrap_interval

METRICS = ("psnr", "psnr_8bit", "ssim_uniform", "ssim_gaussian", "lpips")
"""What is compared, under its name in the files."""

_FLIPS = 10_000
_AT_ONCE = 1_000
_SAME = 1e-4  # dB between the unprocessed images: both runs then scored the same degraded pixels


@dataclass(frozen=True)
class Difference:
    """What the second file has over the first in one condition and metric: their means and that of the differences.

    Attributes:
        count: images with this metric, finite, in both.
        mean_difference: second minus first.
        interval: 95 % bootstrap interval of that; None for fewer than two images.
        p: of a paired sign-flip permutation test, two-sided; None for fewer than two images.
    """

    condition: str
    metric: str
    count: int
    first: float
    second: float
    mean_difference: float
    interval: tuple[float, float] | None
    p: float | None

    def as_json(self) -> dict[str, Any]:
        """Plain data for a JSON document."""
        return asdict(self)


def compare(first: Path, second: Path) -> list[Difference]:
    """The differences of two files that `ceair evaluate --json-file` wrote, by condition and metric.

    A metric that no image has in both files is left out.

    Raises:
        DataError: a file is no such file, or the two are not of the same images under the same conditions.
    """
    ours, theirs = _conditions(first), _conditions(second)
    for own, other, path in ((ours, theirs, second), (theirs, ours, first)):
        missing = [name for name in own if name not in other]
        if missing:
            raise DataError(f"{path} has no results of `{missing[0]}`; only results of the same conditions compare")
    differences = []
    for name, images in ours.items():
        _check_images(name, images, theirs[name], (first, second))
        for metric in METRICS:
            difference = _difference(name, metric, images, theirs[name])
            differences += [difference] if difference else []
    return differences


def sign_flip_p(differences: Sequence[float]) -> float | None:
    """How likely a mean so far from zero is if the sign of each difference were a toss of a coin, two-sided.

    10,000 seeded tosses; the observed one counts among them, so that p is never 0. None for fewer than two differences.

    Source: the paired permutation test (Fisher 1935; Good, Permutation Tests, section 3.2).
    """
    values = np.array(differences)
    if len(values) < 2:
        return None
    generator = np.random.default_rng(0)
    observed = abs(values.sum()) * (1 - 1e-12)  # the sums of equal sets of numbers differ in the last bit
    extreme = 0
    for _ in range(0, _FLIPS, _AT_ONCE):
        signs = generator.integers(0, 2, size=(_AT_ONCE, len(values)), dtype=np.int8) * 2.0 - 1.0
        extreme += int((np.abs(signs @ values) >= observed).sum())
    return (extreme + 1) / (_FLIPS + 1)


def _conditions(path: Path) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """The images by name, by condition, of a result file; absent conditions are left out."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = {
            str(condition["condition"]): {str(image["name"]): _numbers(image) for image in condition["images"]}
            for condition in document["conditions"]
            if condition.get("status") != "absent"
        }
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is no result file that `ceair evaluate ... --json-file` wrote") from error
    if not any(found.values()):
        raise DataError(f"{path} holds no results")
    return found


def _numbers(image: Mapping[str, Any]) -> dict[str, Any]:
    """What matters of an image; a value of another type raises."""
    metrics = {metric: None if image.get(metric) is None else float(image[metric]) for metric in METRICS}
    before = None if image["input_psnr"] is None else float(image["input_psnr"])
    files = dict(image.get("sha256", {}))
    size = (int(image["height"]), int(image["width"]))
    return {**metrics, "input_psnr": before, "size": size, "input": files.get("input"), "target": files.get("target")}


def _check_images(
    name: str, ours: Mapping[str, Mapping[str, Any]], theirs: Mapping[str, Mapping[str, Any]], paths: tuple[Path, Path]
) -> None:
    if ours.keys() != theirs.keys():
        odd = min(ours.keys() ^ theirs.keys())
        raise DataError(f"{paths[0]} and {paths[1]} are of different images of `{name}`: only one of them has `{odd}`")
    for image, one in ours.items():
        other = theirs[image]
        hashes = any(one[role] and other[role] and one[role] != other[role] for role in ("input", "target"))
        before = (one["input_psnr"], other["input_psnr"])
        noise = None not in before and abs(before[0] - before[1]) > _SAME
        if hashes or noise or before.count(None) == 1 or one["size"] != other["size"]:
            raise DataError(
                f"`{image}` of `{name}` is not the same in {paths[0]} and {paths[1]}: its files, crop or noise differ"
            )


def _difference(
    name: str, metric: str, ours: Mapping[str, Mapping[str, Any]], theirs: Mapping[str, Mapping[str, Any]]
) -> Difference | None:
    pairs = [(one[metric], theirs[image][metric]) for image, one in ours.items()]
    values = np.array([pair for pair in pairs if None not in pair], dtype=np.float64).reshape(-1, 2)
    if not len(values):
        return None
    apart = (values[:, 1] - values[:, 0]).tolist()
    first, second = values.mean(axis=0).tolist()
    return Difference(
        name, metric, len(apart), first, second, float(np.mean(apart)), bootstrap_interval(apart), sign_flip_p(apart)
    )
