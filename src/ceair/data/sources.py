"""Where training patches come from: photos or real pairs, held in memory or read as they are needed."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Generator, Tensor

from ceair.errors import DataError
from ceair.image import list_images, read_rgb

Photo = UInt8[Tensor, "3 h w"]
Crop = UInt8[Tensor, "3 p p"]
Reader = Callable[[int], tuple[Photo, Photo]]

_PLACES = 16
"""Places at least that a crop can begin at along each side: a network halves its grid up to four times, and dim photos
come back otherwise bright where its coarsest squares begin elsewhere. Training so did not mend that (docs/log.md)."""


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


class FilePairs:
    """Pairs of a degraded and a clean file; where both are the same file only clean photos exist.

    Args:
        in_memory: keep everything decoded, or only the photos used last.
        cache: how many of those.
        shrink: half of the crops are larger by a factor of up to this, as far as the photo goes, and are averaged down
            to the patch: they show more of a scene.
    """

    def __init__(
        self, pairs: Sequence[tuple[Path, Path]], in_memory: bool = True, cache: int = 64, shrink: float = 1.0
    ) -> None:
        self.pairs, self.shrink = list(pairs), shrink
        self._pool = ThreadPoolExecutor(max_workers=4)

        def read(index: int) -> tuple[Photo, Photo]:
            return _read_pair(*self.pairs[index])

        if in_memory:
            self._read: Reader = list(self._pool.map(read, range(len(self.pairs)))).__getitem__
        else:
            self._read = lru_cache(maxsize=cache)(read)

    def draw(self, count: int, patch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """As `Source.draw`.

        Raises:
            DataError: the photos of a pair differ in size, or are too small to be mirrored to a patch.
        """
        picks = torch.randint(len(self.pairs), (count,), generator=generator).tolist()
        places = torch.rand(count, 2, generator=generator).tolist()
        turns = torch.randint(8, (count,), generator=generator).tolist()
        factors = [1.0] * count
        if self.shrink > 1:
            draws = torch.rand(count, generator=generator).tolist()
            factors = [1 + max(0.0, 2 * draw - 1) * (self.shrink - 1) for draw in draws]
        photos = list(self._pool.map(self._read, picks))
        drawn = zip(photos, places, turns, factors, strict=True)
        crops = [_crop(pair, patch, place, turn, factor) for pair, place, turn, factor in drawn]
        degraded, clean = (torch.stack(part) for part in zip(*crops, strict=True))
        return degraded, clean


class PhotoSource(FilePairs):
    """Clean photos of a folder; how they are read is said as to `FilePairs`.

    Args:
        held_out: stems of files that must never be drawn.

    Raises:
        DataError: the folder is missing or empty, or everything in it is held out.
    """

    def __init__(self, folder: Path, held_out: Collection[str] = (), **reading: Any) -> None:
        self.paths = _without(list_images(folder), held_out, folder)
        super().__init__([(path, path) for path in self.paths], **reading)


class PairedFolder(FilePairs):
    """Real pairs: `folder/input` holds degraded photos, `folder/target` the clean ones of the same stems and sizes.

    The other arguments are those of `PhotoSource`.

    Raises:
        DataError: as `pair_up`, or everything is held out.
    """

    def __init__(self, folder: Path, held_out: Collection[str] = (), **reading: Any) -> None:
        super().__init__(pair_up(folder / "input", folder / "target", held_out), **reading)


def pair_up(input_folder: Path, target_folder: Path, held_out: Collection[str] = ()) -> list[tuple[Path, Path]]:
    """Pairs of files with the same stem, sorted by it; `held_out` stems are left out.

    Raises:
        DataError: a folder is missing or empty, a file has no partner (the message names the first), or two files of
            a folder have one stem.
    """
    targets = by_stem(list_images(target_folder))
    inputs = by_stem(_without(list_images(input_folder), held_out, input_folder))
    for stem, path in inputs.items():
        if stem not in targets:
            raise DataError(f"{path} has no partner of the same name in {target_folder}")
    return [(path, targets[stem]) for stem, path in inputs.items()]


def by_stem(paths: Sequence[Path]) -> dict[str, Path]:
    """Files under their stems, which are what results are called, in the same order.

    Raises:
        DataError: two files have one stem.
    """
    found: dict[str, Path] = {}
    for path in paths:
        other = found.setdefault(path.stem, path)
        if other is not path:
            raise DataError(f"{other} and {path} have one name but for their endings; rename or remove one of them")
    return found


def _without(paths: Sequence[Path], held_out: Collection[str], folder: Path) -> list[Path]:
    kept = [path for path in paths if path.stem not in held_out]
    if not kept:
        raise DataError(f"every image of {folder} is held out; nothing is left to train on")
    return kept


def _read_pair(degraded_path: Path, clean_path: Path) -> tuple[Photo, Photo]:
    clean = _read(clean_path)
    degraded = clean if degraded_path == clean_path else _read(degraded_path)
    if degraded.shape != clean.shape:
        raise DataError(f"{degraded_path} and {clean_path} differ in size; a pair must show the same pixels")
    return degraded, clean


def _read(path: Path) -> Photo:
    return torch.from_numpy(read_rgb(path).copy()).permute(2, 0, 1)


def _crop(pair: tuple[Photo, Photo], patch: int, place: Sequence[float], turn: int, factor: float) -> tuple[Crop, Crop]:
    """The same crop of both photos, under one of the 8 symmetries of the square; small photos are mirrored out."""
    both = _mirrored_out(torch.stack(pair), patch)
    side = min(int(patch * factor), *both.shape[-2:])
    top = int(place[0] * (both.shape[-2] - side + 1))
    left = int(place[1] * (both.shape[-1] - side + 1))
    both = both[..., top : top + side, left : left + side]
    if side > patch:
        both = F.interpolate(both.float(), (patch, patch), mode="bilinear", antialias=True).round().to(torch.uint8)
    both = torch.rot90(both, turn % 4, dims=(-2, -1))
    both = both.flip(-1) if turn >= 4 else both
    return both[0], both[1]


def _mirrored_out(photos: UInt8[Tensor, "two 3 h w"], patch: int) -> UInt8[Tensor, "two 3 h2 w2"]:
    """Photos in which a patch has `_PLACES` places along each side, mirrored right and below if they were smaller."""
    height, width = photos.shape[-2:]
    side = patch + _PLACES - 1
    while min(photos.shape[-2:]) < side:
        grow = [min(max(0, side - size), size - 1) for size in photos.shape[-2:]]
        if grow == [0, 0]:
            raise DataError(f"a photo of {width}x{height} pixels is too small for patches of {patch}")
        photos = F.pad(photos.float(), (0, grow[1], 0, grow[0]), mode="reflect").to(torch.uint8)
    return photos
