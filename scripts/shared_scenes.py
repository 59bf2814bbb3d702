"""Look for scenes of a test set among training pairs, and tell how alike they are exposed.

    python scripts/shared_scenes.py --train DIR --test DIR        # each with `input/` and `target/`

Training pictures are looked for as they are in larger test pictures, as with LOL-v1, whose training crops here have
192x192 pixels. A scene is shared where a training target, shrunk to a quarter, correlates with some place of a test
target by 0.9 or more. For each such place the ratios of mean grey, training over test, are printed: of the two targets
and of the two inputs.
"""

import argparse
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from ceair.data.pairs import Sample, complete_pairs, read_pair
from ceair.errors import CeairError

SHRINK = 4
ALIKE = 0.9
Grey = tuple[str, np.ndarray, np.ndarray]
"""A pair's name, its input and its target."""


def main() -> None:
    """Print a line for each shared scene, and how many test scenes are shared."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        train, test = read(arguments.train), read(arguments.test)
    except CeairError as error:
        parser.error(str(error))
    print(f"{'test':>8} {'training':>8} {'correlation':>11} {'targets':>8} {'inputs':>8}")
    shared = set()
    for scene, crop in product(test, train):
        found = compare(scene, crop)
        if found is not None:
            shared.add(scene[0])
            print(f"{scene[0]:>8} {crop[0]:>8} {found[0]:11.2f} {found[1]:8.2f} {found[2]:8.2f}")
    print(f"{len(shared)} of {len(test)} test scenes are among the {len(train)} training pairs")
    large = sum(not any(_fits(scene, crop) for scene in test) for crop in train)
    if large:
        print(f"{large} training pairs were not looked for: they are larger than all test pictures, so crop them first")


def read(folder: Path) -> list[Grey]:
    """All pairs below a folder, in grey and shrunk."""
    return [_grey(read_pair(*paths)) for paths in complete_pairs(folder / "input", folder / "target")]


def compare(scene: Grey, crop: Grey) -> tuple[float, float, float] | None:
    """The correlation of a training target with its place in a test scene, and the ratios there; None without one."""
    if not _fits(scene, crop) or crop[2].std() == 0:
        return None
    _, shot, target = scene
    alike = cv2.matchTemplate(target, crop[2], cv2.TM_CCOEFF_NORMED)
    _, best, _, (left, top) = cv2.minMaxLoc(alike)
    if best < ALIKE:
        return None
    rows, columns = crop[2].shape
    here = np.s_[top : top + rows, left : left + columns]
    targets, inputs = (theirs.mean() / ours[here].mean() for theirs, ours in ((crop[2], target), (crop[1], shot)))
    return best, float(targets), float(inputs)


def _fits(scene: Grey, crop: Grey) -> bool:
    return all(part <= whole for part, whole in zip(crop[2].shape, scene[2].shape, strict=True))


def _grey(sample: Sample) -> Grey:
    shot, target = (
        cv2.resize(picture.mean(-1, dtype=np.float32), None, fx=1 / SHRINK, fy=1 / SHRINK, interpolation=cv2.INTER_AREA)
        for picture in (sample.degraded, sample.clean)
    )
    return sample.name, shot, target


if __name__ == "__main__":
    main()
