"""The images that a study scores on, and those that it makes for that: CDD-open, and photos where there are none."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Shaped, UInt8

from ceair.benchmark import conditions as benchmark_conditions
from ceair.data.benchmarks import BENCHMARKS
from ceair.data.cdd_open import SUBSETS, compose, make_scene
from ceair.data.noise import add_noise
from ceair.data.pairs import Sample, evenly_spaced, read_pair
from ceair.data.sources import by_stem
from ceair.errors import ConfigError, DataError
from ceair.files import write_atomically
from ceair.headers import read_header
from ceair.image import Picture, list_images, read_rgb, write_picture
from ceair.metrics import GAUSSIAN_WINDOW
from ceair.study.settings import CDD_OPEN, EvaluationSet, StudySettings
from ceair.train.inputs import read_held_out

Group = Literal["single", "composite", "varying"]
GROUPS: tuple[Group, ...] = ("single", "composite", "varying")
"""What the study tells apart: one degradation, two or three, and some that vary over the image."""

_SIDES = (144, 176)  # height and width of made-up photos


@dataclass(frozen=True)
class Condition:
    """One row of the tables: what is done to which images.

    Attributes:
        imageset: the set that the images are of; conditions of one set share their photos.
        files: degraded and clean ones; the clean one twice where noise is added.
        sigma: of the noise, in grey levels of 255.
        crop: the middle square of so many pixels is scored.
    """

    name: str
    imageset: str
    group: Group
    files: tuple[tuple[Path, Path], ...]
    sigma: float | None = None
    crop: int | None = None
    cut_border: bool = False


def prepare(settings: StudySettings) -> None:
    """Make what the study makes itself, as far as it is not there yet.

    Raises:
        DataError: the photos to make CDD-open from are missing, or two of them have one stem.
    """
    if settings.made_up:
        _make_photos(settings.data.root, settings.made_up)
    limits = [one.limit for one in settings.sets if one.benchmark == CDD_OPEN]
    for path in {path: None for limit in limits for path in evenly_spaced(_held_out_photos(settings), limit)}:
        _make_composites(path, settings.output / CDD_OPEN)


def conditions(settings: StudySettings) -> list[Condition]:
    """All conditions of all sets, in order.

    Raises:
        ConfigError: two of them have one name, by which scores are kept.
        DataError: a set is missing, or has an image that is smaller than the window of SSIM.
        ImageError: a file is no image.
    """
    found: dict[str, Condition] = {}
    for one in settings.sets:
        for condition in _conditions(settings, one):
            if found.setdefault(condition.name, condition) is not condition:
                raise ConfigError(
                    f"two conditions of the study's sets are called `{condition.name}`; name each set once"
                )
    for path in dict.fromkeys(path for condition in found.values() for _, path in condition.files):
        _check_size(path)
    return list(found.values())


def samples(condition: Condition) -> Iterator[Sample]:
    """The degraded and clean images of a condition, cropped."""
    for degraded, clean in condition.files:
        if condition.sigma is None:
            sample = read_pair(degraded, clean, condition.cut_border)
        else:
            image = read_rgb(clean)
            sample = Sample(clean.stem, add_noise(image, condition.sigma, clean.stem), image)
        crop = condition.crop
        yield replace(sample, degraded=_middle(sample.degraded, crop), clean=_middle(sample.clean, crop))


def _conditions(settings: StudySettings, one: EvaluationSet) -> list[Condition]:
    if one.benchmark is None:
        photos = evenly_spaced(_held_out_photos(settings), one.limit)
        files = tuple((path, path) for path in photos)
        return [Condition(f"noise-{s}", "held-out", "single", files, float(s), one.crop) for s in one.noise]
    if one.benchmark == CDD_OPEN:
        photos = evenly_spaced(_held_out_photos(settings), one.limit)
        return [_composite(settings.output / CDD_OPEN, subset, photos, one.crop) for subset in SUBSETS]
    found = benchmark_conditions(BENCHMARKS[one.benchmark], settings.data.root, limit=one.limit)
    return [Condition(c.name, one.benchmark, "single", c.files, c.sigma, one.crop, c.cut_border) for c in found]


def _composite(root: Path, subset: str, photos: list[Path], crop: int | None) -> Condition:
    kinds = SUBSETS[subset]
    even = all(kind == "even" for kind in kinds.values())
    group: Group = "varying" if not even else "single" if len(kinds) == 1 else "composite"
    files = tuple((root / subset / f"{path.stem}.png", root / "clear" / f"{path.stem}.png") for path in photos)
    return Condition(subset, CDD_OPEN, group, files, crop=crop)


def _check_size(path: Path) -> None:
    width, height, _ = read_header(path)
    if min(width, height) < GAUSSIAN_WINDOW:
        raise DataError(
            f"{path} has {width}x{height} pixels, fewer than the window of SSIM, {GAUSSIAN_WINDOW}; leave it out"
        )


def _held_out_photos(settings: StudySettings) -> list[Path]:
    held_out = read_held_out(settings.data.held_out)
    folder = settings.data.root / settings.photos
    photos = list(by_stem([path for path in list_images(folder) if path.stem in held_out]).values())
    if not photos:
        raise DataError(f"{folder} holds none of the photos that data.held_out lists; the study scores on those")
    return photos


def _make_composites(photo: Path, root: Path) -> None:
    """All versions of one photo; the clean one is written last and so says that the others are there."""
    done = root / "clear" / f"{photo.stem}.png"
    if done.exists():
        return
    clean = read_rgb(photo)
    scene = make_scene(clean, photo.stem)
    for subset in SUBSETS:
        write_picture(root / subset / f"{photo.stem}.png", Picture(compose(scene, subset).image))
    write_picture(done, Picture(clean))


def _make_photos(root: Path, count: int) -> None:
    """Made-up photos, and the list of those that are held out, which is written last."""
    listed = root / "held_out.txt"
    if listed.exists():
        return
    names = [f"made-up-{index}" for index in range(count)]
    for index, name in enumerate(names):
        write_picture(root / "clean" / f"{name}.png", Picture(made_up_photo(index)))
    write_atomically(listed, ("\n".join(names[::3]) + "\n").encode())


def made_up_photo(seed: int) -> UInt8[np.ndarray, "h w 3"]:
    """A sky of a smooth colour, waves, and a few flat shapes with sharp borders: something to restore."""
    draws = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : _SIDES[0], 0 : _SIDES[1]] / _SIDES[0]
    image = np.stack([draws.uniform(60, 200) + draws.uniform(-60, 60) * rows for _ in range(3)], axis=-1)
    for _ in range(4):
        angle, pace = draws.uniform(0, np.pi), draws.uniform(5, 60)
        wave = np.sin(pace * (rows * np.cos(angle) + columns * np.sin(angle)))
        image = image + 12 * wave[..., None] * draws.uniform(-1, 1, size=3)
    for _ in range(6):
        top, left, height, width = draws.uniform((0, 0, 0.1, 0.1), (0.9, 1.1, 0.5, 0.5))
        inside = (rows > top) & (rows < top + height) & (columns > left) & (columns < left + width)
        image[inside] = draws.uniform(0, 255, size=3)
    return image.clip(0, 255).round().astype(np.uint8)


def _middle(image: Shaped[np.ndarray, "h w 3"], side: int | None) -> Shaped[np.ndarray, "h2 w2 3"]:
    if side is None:
        return image
    top, left = (max(0, size - side) // 2 for size in image.shape[:2])
    return image[top : top + side, left : left + side]
