"""Scoring all columns of a benchmark that are there, several images at the same time."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ceair import metrics
from ceair.data.benchmarks import Benchmark, Column
from ceair.data.locate import find
from ceair.data.noise import LegacyNoise, add_noise
from ceair.data.pairs import Sample, centre_crop, complete_pairs, evenly_spaced, read_pair
from ceair.data.sources import by_stem
from ceair.errors import DataError
from ceair.evaluate import METRICS, Perceptual, Restore, Result, Table, cropped, judge, restored_pixels
from ceair.files import is_folder, sha256
from ceair.image import Picture, list_images, read_picture, read_rgb, write_picture

# Images in work at the same time, each from its file to its score, with a share of torch's threads each: so all cores
# are busy although files are read and metrics computed by one thread, and nothing waits for threads to meet.
_WORKERS = 2


@dataclass(frozen=True)
class Condition:
    """What a row of the results is about: the images of a set, or the noise of one strength added to them.

    Attributes:
        files: pairs of a degraded and a clean file; of noise the clean one twice. Empty if the column is absent.
        available: how many files there are, of which `files` may be some.
        expected: how many make the set complete.
        crop: sides are cropped to multiples of this.
        sigma: noise to add, in grey levels of 255.
        rounds: how often the field's stream of noise has been drawn for all images before.
        cut_border: whether clean images have a border to be cut off.
        absent: why there is nothing to score.
    """

    name: str
    title: str
    files: tuple[tuple[Path, Path], ...] = ()
    available: int = 0
    expected: int | None = None
    crop: int = 16
    sigma: float | None = None
    rounds: int = 0
    cut_border: bool = False
    absent: str = ""

    @property
    def folder(self) -> str:
        """The name of its folder of restored images."""
        return self.name.replace(" ", "-")

    @property
    def status(self) -> str:
        """`complete`, `incomplete` (not averaged) or `absent`."""
        if self.absent:
            return "absent"
        return "complete" if len(self.files) == (self.expected or self.available) else "incomplete"


class Answer(NamedTuple):
    """A restored image, RGB in [0, 1], and the SHA-256 of its file if it comes from one."""

    pixels: metrics.Image
    sha256: str | None = None


Method = Callable[[Condition, Sample, tuple[int, int]], Answer]
"""What restores a cropped sample; it is also told the condition, and height and width before cropping."""


class _Read(NamedTuple):
    """A cropped sample, height and width before cropping, and the SHA-256 of its files."""

    sample: Sample
    size: tuple[int, int]
    hashes: dict[str, str]


@dataclass(frozen=True)
class Scored:
    """A condition with its results; no table if it is absent."""

    condition: Condition
    table: Table | None


def conditions(benchmark: Benchmark, root: Path, crop: int | None = None, limit: int | None = None) -> list[Condition]:
    """The columns of a benchmark, as far as they are found below `root`.

    Args:
        crop: instead of the benchmark's own.
        limit: so many images of each, evenly spaced.

    Raises:
        ConfigError: `ceair-data.yaml` is damaged.
        DataError: a folder is empty, a degraded file has no clean one, two have one stem, or nothing of the benchmark
            is there.
    """
    found = [_condition(column, root, crop, limit) for column in benchmark.columns]
    if all(condition.absent for condition in found):
        raise DataError(
            f"{root} holds no set of {benchmark.title} in a known layout;"
            f" `ceair doctor {benchmark.name} --data {root}` says what is missing"
        )
    return found


def _condition(column: Column, root: Path, crop: int | None, limit: int | None) -> Condition:
    testset = column.testset
    located = find(testset, root)
    condition = Condition(column.condition, column.title, crop=crop or testset.crop)
    if located is None:
        return replace(condition, absent=f"{testset.title} is not in {root}", expected=testset.count)
    noisy = column.sigma is not None
    files = [(path, path) for path in located.clean_paths()] if noisy else located.pairs()
    by_stem([degraded for degraded, _ in files])  # which refuses what would be one result of two images
    return replace(
        condition,
        files=tuple(evenly_spaced(files, limit)),
        available=len(files),
        expected=testset.count or len(located.clean_paths()),
        sigma=column.sigma,
        rounds=testset.sigmas.index(column.sigma) if column.sigma is not None else 0,
        cut_border=testset.centred_target,
    )


def paired_folders(input_folder: Path, target: Path, crop: int, limit: int | None) -> Condition:
    """Two folders with files of the same names, as one condition.

    Raises:
        DataError: as `complete_pairs`.
    """
    files = complete_pairs(input_folder, target)
    return Condition("pairs", "pairs", tuple(evenly_spaced(files, limit)), len(files), crop=crop)


def noisy_folder(target: Path, sigmas: Sequence[float], crop: int, limit: int | None) -> list[Condition]:
    """Clean images and noise of each strength, as a condition each.

    Raises:
        DataError: the folder is missing or empty, or two images have one stem, under which results are kept.
    """
    files = [(path, path) for path in by_stem(list_images(target)).values()]
    chosen = tuple(evenly_spaced(files, limit))
    names = [f"noise {sigma:g}" for sigma in sigmas]
    return [
        Condition(name, name, chosen, len(files), crop=crop, sigma=sigma, rounds=index)
        for index, (name, sigma) in enumerate(zip(names, sigmas, strict=True))
    ]


def network(restore: Restore) -> Method:
    """The method that a network, or another function on tensors, is."""
    return lambda _condition, sample, _size: Answer(restored_pixels(sample, restore))


class SavedImages:
    """The method that reads images which somebody restored, of the stems of the degraded ones.

    They lie in `folder/CONDITION`, such as `cbsd68-25`, or in `folder` itself where there is only one condition; they
    have the size of the degraded image, before or after cropping.
    """

    def __init__(self, folder: Path, alone: bool) -> None:
        if not is_folder(folder):
            raise DataError(f"{folder} is no folder; --images names the folder of the restored images")
        self.folder, self.alone = folder, alone
        self._listed: dict[Path, dict[str, Path]] = {}

    def folder_of(self, condition: Condition) -> Path | None:
        """Where the images of a condition lie; None if nowhere."""
        own = self.folder / condition.folder
        return own if is_folder(own) else (self.folder if self.alone else None)

    def __call__(self, condition: Condition, sample: Sample, size: tuple[int, int]) -> Answer:
        folder = self.folder_of(condition) or self.folder
        if folder not in self._listed:
            self._listed[folder] = by_stem(list_images(folder))
        path = self._listed[folder].get(sample.name)
        if path is None:
            raise DataError(f"{folder} holds no restored image `{sample.name}`, such as {sample.name}.png")
        pixels = read_picture(path).pixels
        wanted = sample.clean.shape[:2]
        if pixels.shape[:2] == size:
            pixels = centre_crop(pixels, condition.crop)
        if pixels.shape[:2] != wanted:
            sizes = " or ".join(f"{width}x{height}" for height, width in dict.fromkeys((size, wanted)))
            raise DataError(f"{path} is {pixels.shape[1]}x{pixels.shape[0]} pixels large, not {sizes}")
        return Answer(pixels, _sha256(path))


def without_images(condition: Condition, images: SavedImages) -> Condition:
    """The condition, absent if nobody restored it."""
    if condition.absent or images.folder_of(condition):
        return condition
    return replace(condition, absent=f"there is no folder {images.folder / condition.folder}", files=())


def score_condition(
    condition: Condition,
    method: Method,
    legacy_noise: bool = False,
    keep: Path | None = None,
    perceptual: Perceptual | None = None,
) -> Iterator[Result]:
    """Restore and score the images of a condition, in the order of its files.

    Args:
        legacy_noise: add the field's stream of noise instead of each image's own.
        keep: a folder for the restored images, as 8-bit PNG.
        perceptual: a learned distance to score by, too.

    Raises:
        DataError: images of a pair differ in size, or the method's answer does not fit.
        ImageError: a file cannot be read or written.
    """
    stream = _stream(condition) if legacy_noise and condition.sigma is not None else None
    threads = torch.get_num_threads()
    share = max(1, threads // _WORKERS)
    pool = ThreadPoolExecutor(_WORKERS, initializer=torch.set_num_threads, initargs=(share,))
    scoring: deque[Future[Result]] = deque()
    try:
        for files in condition.files:
            # The field's stream must be drawn in order; all else is done where there is time.
            read = _read(condition, *files, stream) if stream else None
            path = keep / f"{files[0].stem}.png" if keep else None
            scoring.append(pool.submit(_score, condition, files, read, method, path, perceptual))
            if len(scoring) > 2 * _WORKERS:
                yield scoring.popleft().result()
        while scoring:
            yield scoring.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def average(scored: Sequence[Scored]) -> dict[str, float] | None:
    """The mean of the columns' means, by metric; None unless every column is complete and has a mean."""
    tables = [one.table for one in scored if one.table is not None and one.condition.status == "complete"]
    if not tables or len(tables) < len(scored):
        return None
    means = {metric: [table.mean(metric) for table in tables] for metric in METRICS}
    numbers = {metric: [mean for mean in found if mean is not None] for metric, found in means.items()}
    return {metric: float(np.mean(found)) for metric, found in numbers.items() if len(found) == len(tables)}


def _stream(condition: Condition) -> LegacyNoise:
    if not condition.rounds:
        return LegacyNoise()
    sizes = (centre_crop(read_rgb(clean), condition.crop).size for _, clean in condition.files)
    return LegacyNoise(sum(sizes) * condition.rounds)


def _read(condition: Condition, degraded: Path, clean: Path, stream: LegacyNoise | None = None) -> _Read:
    """The files of a sample, the noise of the condition added to its cropped image."""
    crop = condition.crop
    if condition.sigma is None:
        hashes = {"input": _sha256(degraded), "target": _sha256(clean)}
        whole = read_pair(degraded, clean, condition.cut_border)
        return _Read(cropped(whole, crop), whole.clean.shape[:2], hashes)
    image = read_rgb(clean)
    inner = centre_crop(image, crop)
    if stream:
        noisy = stream.add(inner, condition.sigma)
    else:
        noisy = centre_crop(add_noise(image, condition.sigma, clean.stem), crop)
    return _Read(Sample(clean.stem, noisy, inner), image.shape[:2], {"target": _sha256(clean)})


def _score(
    condition: Condition,
    files: tuple[Path, Path],
    read: _Read | None,
    method: Method,
    path: Path | None,
    perceptual: Perceptual | None,
) -> Result:
    """Read an image, unless that was done, restore it, keep it at `path` if that is wanted, and score it."""
    sample, size, hashes = read or _read(condition, *files)
    answer = method(condition, sample, size)
    if path is not None:
        write_picture(path, Picture.from_pixels(answer.pixels))
    hashes = hashes | ({"restored": answer.sha256} if answer.sha256 else {})
    return judge(sample, answer.pixels, files=hashes, perceptual=perceptual)


def _sha256(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
