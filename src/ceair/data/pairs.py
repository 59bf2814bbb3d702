"""Degraded and clean images to score a method on, read one by one from folders."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8

from ceair.data.noise import add_noise
from ceair.data.sources import pair_up
from ceair.errors import DataError
from ceair.image import list_images, read_rgb

T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """An image and its degraded version, 8-bit RGB of the same size, under the stem of its file."""

    name: str
    degraded: UInt8[np.ndarray, "h w 3"]
    clean: UInt8[np.ndarray, "h w 3"]


def noisy_samples(clean_paths: Sequence[Path], sigma: float) -> Iterator[Sample]:
    """Clean photos with the noise that `add_noise` draws for the stem of each.

    Raises:
        ImageError: a file cannot be read.
    """
    for path in clean_paths:
        clean = read_rgb(path)
        yield Sample(path.stem, add_noise(clean, sigma, path.stem), clean)


def paired_samples(pairs: Sequence[tuple[Path, Path]]) -> Iterator[Sample]:
    """Pairs of files, the degraded one first.

    Raises:
        DataError: the two images of a pair differ in size.
        ImageError: a file cannot be read.
    """
    for degraded_path, clean_path in pairs:
        degraded, clean = read_rgb(degraded_path), read_rgb(clean_path)
        if degraded.shape != clean.shape:
            sizes = " and ".join(f"{image.shape[1]}x{image.shape[0]}" for image in (degraded, clean))
            raise DataError(
                f"{degraded_path} and {clean_path} differ in size ({sizes}); a pair must show the same pixels"
            )
        yield Sample(degraded_path.stem, degraded, clean)


def complete_pairs(input_folder: Path, target_folder: Path) -> list[tuple[Path, Path]]:
    """Pairs of files of the same stem, sorted by it, where neither folder has a file without a partner.

    Raises:
        DataError: a folder is missing or empty, or a file of either has no partner.
    """
    pairs = pair_up(input_folder, target_folder)
    paired = {target for _, target in pairs}
    for path in list_images(target_folder):
        if path not in paired:
            raise DataError(f"{path} has no partner of the same name in {input_folder}")
    return pairs


def evenly_spaced(items: Sequence[T], count: int | None) -> list[T]:
    """`count` of the items, spread evenly from the first on; all of them if `count` is None or not smaller."""
    if count is None or count >= len(items):
        return list(items)
    return [items[index * len(items) // count] for index in range(count)]


def centre_crop(image: UInt8[np.ndarray, "h w 3"], multiple: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    """The middle of an image whose sides are multiples of `multiple`; a side shorter than that stays as it is.

    Source: `crop_img(base=16)` of AirNet and PromptIR, where such a side would leave nothing.
    """
    height, width = (0 if size < multiple else size % multiple for size in image.shape[:2])
    bottom, right = image.shape[0] - height + height // 2, image.shape[1] - width + width // 2
    return image[height // 2 : bottom, width // 2 : right]
