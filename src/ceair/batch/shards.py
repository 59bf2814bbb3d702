"""The manifest of a batch job: its shards, its settings, and which shards are finished.

Below the output lie `_ceair/manifest.json`, and for each finished shard `_ceair/shards/NUMBER.jsonl`, a line per image.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ceair import __version__
from ceair.batch.inputs import Item
from ceair.batch.job import RECORDS, Entry
from ceair.batch.store import Store
from ceair.errors import CeairError

MANIFEST = f"{RECORDS}/manifest.json"
FINISHED = f"{RECORDS}/shards"
BEGUN = f"{RECORDS}/begun"

_PART = re.compile(r"part-\d{5,}\.parquet")


class Shard(NamedTuple):
    """What one worker does at a time: images, or the rows of one Parquet file from a first up to a last."""

    number: int
    items: tuple[Item, ...]
    rows: tuple[int, int] | None = None

    @property
    def images(self) -> int:
        """How many it has."""
        return len(self.items) if self.rows is None else self.rows[1] - self.rows[0]

    @property
    def record(self) -> str:
        """Name of the file that says what became of each image; it is there if and only if the shard is finished."""
        return f"{FINISHED}/{self.number:05d}.jsonl"

    @property
    def part(self) -> str:
        """Name of the Parquet file that holds the results."""
        return f"part-{self.number:05d}.parquet"

    @classmethod
    def parse(cls, raw: list[Any]) -> "Shard":
        """The shard that JSON made a list of."""
        number, items, rows = raw
        return cls(number, tuple(Item(*item) for item in items), None if rows is None else (rows[0], rows[1]))


@dataclass(frozen=True)
class Manifest:
    """What a job is made of. Jobs of other settings are refused where it lies.

    Attributes:
        settings: all that results depend on, fit for JSON; its `roots` are the places of the
            files of the shards.
        shards: all of them, each with its place in this list as its number.
        overwrite: results that exist when a shard begins may be older than the job, so they are no results of it.
    """

    settings: Mapping[str, Any]
    shards: tuple[Shard, ...]
    overwrite: bool = False

    def save(self, output: Store) -> None:
        """Write it below the output."""
        document = {"ceair": __version__, "settings": dict(self.settings), "overwrite": self.overwrite}
        document["shards"] = self.shards
        output.write(MANIFEST, json.dumps(document).encode())


def load_manifest(output: Store) -> Manifest | None:
    """The manifest that an earlier run of a job left; None if there is none.

    Raises:
        CeairError: it is damaged.
    """
    if not output.present([MANIFEST]):
        return None
    try:
        raw = json.loads(output.read(MANIFEST))
        shards = tuple(map(Shard.parse, raw["shards"]))
        return Manifest(raw["settings"], shards, raw["overwrite"])
    except (ValueError, KeyError, TypeError) as error:
        raise CeairError(f"{output.path(MANIFEST)} is damaged; --overwrite begins anew") from error


def check_settings(manifest: Manifest, settings: Mapping[str, Any], output: Store) -> None:
    """Refuse settings that differ from those of the manifest.

    Raises:
        CeairError: naming those that differ.
    """
    names = sorted(manifest.settings.keys() | settings.keys())
    differing = [name for name in names if manifest.settings.get(name) != settings.get(name)]
    if differing:
        raise CeairError(
            f"{output.place} holds a job with other settings ({', '.join(differing)}); "
            "repeat its command, choose another folder, or begin anew with --overwrite"
        )


def cut(items: Iterable[Item], size: int, first: int = 0) -> list[Shard]:
    """Shards of at most `size` images each, numbered from `first`."""
    waiting = list(items)
    pieces = [tuple(waiting[start : start + size]) for start in range(0, len(waiting), size)]
    return [Shard(first + index, piece) for index, piece in enumerate(pieces)]


def cut_tables(items: Iterable[Item], rows: Callable[[Item], int], size: int, first: int = 0) -> list[Shard]:
    """Shards of at most `size` rows each, none of more than one Parquet file, numbered from `first`."""
    pieces = [
        (item, (start, min(start + size, total)))
        for item in items
        for total in (rows(item),)
        for start in range(0, total, size)
    ]
    return [Shard(first + index, (item,), span) for index, (item, span) in enumerate(pieces)]


def known_items(shards: Iterable[Shard]) -> dict[Item, int]:
    """The files that shards work on, each with the number of rows that they take from it (0 for an image)."""
    known: dict[Item, int] = {}
    for shard in shards:
        for item in shard.items:
            known[item] = max(known.get(item, 0), shard.rows[1] if shard.rows else 0)
    return known


def finished(output: Store) -> set[str]:
    """The names of the records that exist."""
    return {name for name in output.files(FINISHED) if name.endswith(".jsonl")}


def save_record(output: Store, shard: Shard, entries: Iterable[Entry]) -> None:
    """Write what became of the images of a shard, which is finished with that."""
    lines = (json.dumps(entry._asdict()) + "\n" for entry in entries)
    output.write(shard.record, "".join(lines).encode())


def load_record(output: Store, shard: Shard) -> list[Entry]:
    """What became of the images of a finished shard.

    Raises:
        CeairError: the record is damaged.
    """
    try:
        return [Entry(**json.loads(line)) for line in output.read(shard.record).splitlines()]
    except (ValueError, TypeError) as error:
        raise CeairError(f"{output.path(shard.record)} is damaged; delete it, and its shard is done again") from error


def forget(output: Store) -> None:
    """Delete what an earlier job left that this one could take for its own: records and parts, but no images."""
    parts = [name for name in output.files() if _PART.fullmatch(name)]
    output.delete([*finished(output), *output.files(BEGUN), *parts, MANIFEST])
