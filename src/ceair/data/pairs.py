"""Degraded and clean images to score a method on, and the files of folders that belong together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Shaped, UInt8

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


def read_pair(degraded_path: Path, clean_path: Path, cut_border: bool = False) -> Sample:
    """A pair of files, under the stem of the degraded one.

    Args:
        cut_border: whether a clean image that is larger is cropped about its centre to the degraded one's size.

    Raises:
        DataError: the two images differ in size.
        ImageError: a file cannot be read.
    """
    degraded, clean = read_rgb(degraded_path), read_rgb(clean_path)
    if cut_border:
        clean = _middle(clean, degraded.shape[0], degraded.shape[1])
    if degraded.shape != clean.shape:
        sizes = " and ".join(f"{image.shape[1]}x{image.shape[0]}" for image in (degraded, clean))
        raise DataError(f"{degraded_path} and {clean_path} differ in size ({sizes}); a pair must show the same pixels")
    return Sample(degraded_path.stem, degraded, clean)


def complete_pairs(input_folder: Path, target_folder: Path) -> list[tuple[Path, Path]]:
    """Pairs of files of the same stem, sorted by it, where neither folder has a file without a partner.

    Raises:
        DataError: a folder is missing or empty, a file of either has no partner, or two of a folder have one stem.
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


def centre_crop(image: Shaped[np.ndarray, "h w 3"], multiple: int) -> Shaped[np.ndarray, "h2 w2 3"]:
    """The middle of an image whose sides are multiples of `multiple`; a side shorter than that stays as it is.

    Source: `crop_img(base=16)` of AirNet and PromptIR, where such a side would leave nothing.
    """
    return _middle(image, *(size if size < multiple else size - size % multiple for size in image.shape[:2]))


def _middle(image: Shaped[np.ndarray, "h w 3"], height: int, width: int) -> Shaped[np.ndarray, "h2 w2 3"]:
    top, left = (max(0, size - wanted) // 2 for size, wanted in zip(image.shape, (height, width), strict=False))
    return image[top : top + height, left : left + width]
