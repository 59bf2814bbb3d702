"""Files that are copies of others, and images that show the same scene."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ceair.errors import ImageError
from ceair.files import sha256
from ceair.headers import difference_hash, read_thumbnail

MOST_BITS = 6
"""Bits of 64 in which the difference hashes of two versions of a scene may differ."""
MOST_LEVELS = 6.0
"""Mean difference, in grey levels, of their thumbnails when both are as bright on average."""


def same_content(paths: Iterable[Path]) -> list[Path]:
    """The files that hold the same bytes as one before them."""
    by_size: dict[int, list[Path]] = {}
    for path in paths:
        by_size.setdefault(path.stat().st_size, []).append(path)
    copies, seen = [], set()
    for group in by_size.values():
        for path in group if len(group) > 1 else ():
            digest = sha256(path)
            if digest in seen:
                copies.append(path)
            seen.add(digest)
    return sorted(copies)


def same_scenes(paths: Sequence[Path], others: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Those of `paths` that show what one of `others` shows, with the first such one; damaged files are left out.

    Two images show the same scene if their 64-bit difference hashes and, against chance, their thumbnails are near;
    scaled, recompressed and brightened copies are found, crops and mirrored ones are not. Nearly flat images have no
    hash and are never found.
    """
    known = [(path, *print_) for path in others if (print_ := _fingerprint(path))]
    if not known:
        return []
    hashes = np.array([bits for _, bits, _ in known], np.uint64)
    twins = []
    for path in paths:
        own = _fingerprint(path)
        if own is None:
            continue
        differing = np.unpackbits((hashes ^ np.uint64(own[0])).view(np.uint8).reshape(-1, 8), axis=1).sum(axis=1)
        for index in np.flatnonzero(differing <= MOST_BITS):
            if _distance(own[1], known[index][2]) <= MOST_LEVELS:
                twins.append((path, known[index][0]))
                break
    return twins


def _fingerprint(path: Path) -> tuple[int, UInt8[np.ndarray, "16 18"]] | None:
    try:
        thumbnail = read_thumbnail(path)
    except ImageError:
        return None
    bits = difference_hash(thumbnail)
    return None if bits is None else (bits, thumbnail)


def _distance(first: UInt8[np.ndarray, "16 18"], second: UInt8[np.ndarray, "16 18"]) -> float:
    one, other = (thumbnail - thumbnail.mean() for thumbnail in (first, second))
    return float(abs(one - other).mean())
