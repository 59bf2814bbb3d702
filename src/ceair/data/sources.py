"""Where training patches come from: photos or real pairs, held in memory or read as they are needed."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Generator, Tensor

from ceair.errors import DataError
from ceair.image import list_images, read_rgb

Photo = UInt8[Tensor, "3 h w"]
Crop = UInt8[Tensor, "3 p p"]
Reader = Callable[[int], tuple[Photo, Photo]]


@runtime_checkable
class Source(Protocol):
    """Something that crops patches: pairs of the same place in a degraded and a clean photo, as 8-bit RGB.

    Where only clean photos exist both are the same and the degradation is made afterwards.
    """

    def draw(
        self, count: int, patch: int, generator: Generator
    ) -> tuple[UInt8[Tensor, "b 3 p p"], UInt8[Tensor, "b 3 p p"]]:
        """`count` random crops, `patch` pixels wide and high, each turned or mirrored at random."""
        ...


class PhotoSource:
    """Clean photos of a folder; `in_memory` keeps all of them decoded, otherwise only recently used ones.

    Args:
        held_out: stems of files that must never be drawn.
        cache: photos that stay decoded when they are not all in memory.

    Raises:
        DataError: the folder is missing or empty, or everything in it is held out.
    """

    def __init__(self, folder: Path, held_out: Collection[str] = (), in_memory: bool = True, cache: int = 64) -> None:
        self.paths = _without(list_images(folder), held_out, folder)
        self._pool = ThreadPoolExecutor(max_workers=4)

        def read(index: int) -> tuple[Photo, Photo]:
            photo = _read(self.paths[index])
            return photo, photo

        self._read = _keep(read, len(self.paths), cache, in_memory, self._pool)

    def draw(self, count: int, patch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        return _draw(self._read, len(self.paths), self._pool, count, patch, generator)


class PairedFolder:
    """Real pairs: `folder/input` holds degraded photos, `folder/target` the clean ones of the same stems and sizes.

    Raises:
        DataError: a folder is missing, a file has no partner, or everything is held out.
    """

    def __init__(self, folder: Path, held_out: Collection[str] = (), in_memory: bool = True, cache: int = 64) -> None:
        self.pairs = pair_up(folder / "input", folder / "target", held_out)
        self._pool = ThreadPoolExecutor(max_workers=4)

        def read(index: int) -> tuple[Photo, Photo]:
            degraded_path, clean_path = self.pairs[index]
            degraded, clean = _read(degraded_path), _read(clean_path)
            if degraded.shape != clean.shape:
                raise DataError(f"{degraded_path} and {clean_path} differ in size; a pair must show the same pixels")
            return degraded, clean

        self._read = _keep(read, len(self.pairs), cache, in_memory, self._pool)

    def draw(self, count: int, patch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        return _draw(self._read, len(self.pairs), self._pool, count, patch, generator)


def pair_up(input_folder: Path, target_folder: Path, held_out: Collection[str] = ()) -> list[tuple[Path, Path]]:
    """Pairs of files with the same stem, sorted by it; `held_out` stems are left out.

    Raises:
        DataError: a folder is missing or empty, or a file has no partner (the message names the first).
    """
    targets = {path.stem: path for path in list_images(target_folder)}
    inputs = _without(list_images(input_folder), held_out, input_folder)
    for path in inputs:
        if path.stem not in targets:
            raise DataError(f"{path} has no partner of the same name in {target_folder}")
    return [(path, targets[path.stem]) for path in inputs]


def _without(paths: Sequence[Path], held_out: Collection[str], folder: Path) -> list[Path]:
    kept = [path for path in paths if path.stem not in held_out]
    if not kept:
        raise DataError(f"every image of {folder} is held out; nothing is left to train on")
    return kept


def _read(path: Path) -> Photo:
    return torch.from_numpy(read_rgb(path).copy()).permute(2, 0, 1)


def _keep(read: Reader, count: int, cache: int, in_memory: bool, pool: ThreadPoolExecutor) -> Reader:
    """The reader with everything read at once, or with a cache of the photos used last."""
    if in_memory:
        return list(pool.map(read, range(count))).__getitem__
    return lru_cache(maxsize=cache)(read)


def _draw(
    read: Reader, available: int, pool: ThreadPoolExecutor, count: int, patch: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    picks = torch.randint(available, (count,), generator=generator).tolist()
    places = torch.rand(count, 2, generator=generator).tolist()
    turns = torch.randint(8, (count,), generator=generator).tolist()
    pairs = list(pool.map(read, picks))
    crops = [_crop(pair, patch, place, turn) for pair, place, turn in zip(pairs, places, turns, strict=True)]
    degraded, clean = zip(*crops, strict=True)
    return torch.stack(degraded), torch.stack(clean)


def _crop(pair: tuple[Photo, Photo], patch: int, place: Sequence[float], turn: int) -> tuple[Crop, Crop]:
    """The same crop of both photos, under one of the 8 symmetries of the square; small photos are mirrored out."""
    both = torch.stack(pair)
    height, width = both.shape[-2:]
    while min(both.shape[-2:]) < patch:
        grow = [min(max(0, patch - size), size - 1) for size in both.shape[-2:]]
        if grow == [0, 0]:
            raise DataError(f"a photo of {width}x{height} pixels is too small for patches of {patch}")
        both = F.pad(both.float(), (0, grow[1], 0, grow[0]), mode="reflect").to(torch.uint8)
    top = int(place[0] * (both.shape[-2] - patch + 1))
    left = int(place[1] * (both.shape[-1] - patch + 1))
    both = both[..., top : top + patch, left : left + patch]
    both = torch.rot90(both, turn % 4, dims=(-2, -1))
    both = both.flip(-1) if turn >= 4 else both
    return both[0], both[1]
