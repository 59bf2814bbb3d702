"""What a batch job is told and what it tells; plain data without effects."""

from dataclasses import dataclass
from typing import Any, NamedTuple

RECORDS = "_ceair"
"""Folder below the output that holds the manifest and the records of finished shards."""

STATUSES = ("restored", "failed", "skipped")


@dataclass(frozen=True)
class Job:
    """Which images, where to, with what, and by whom.

    Attributes:
        inputs: folders, globs, images or Parquet files; paths, or URIs such as `s3://bucket/photos`.
        output: a folder or such a URI.
        weights: a preset whose weights are bundled, a weights file or folder, or a repository of the hub, `owner/name`.
        device, engine, precision, compiled, tile, strength, cautious, ensemble: as of `Restorer.from_pretrained`.
        memory: bytes that one worker should not exceed; None shares half of what is free among those of a machine.
        recursive: also the images in folders of folders.
        column: of a Parquet file, the column of image bytes; None for `image` or `bytes`.
        key: of a Parquet file, the column that names the images; None for `path`, `name` or `id`, if there is one.
        shard: images that one worker takes at a time.
        overwrite: begin anew where an earlier job has left results.
        again: try those images once more that failed in shards which are finished.
        workers: processes with a model each; None for as many as there is room for.
        cpus, gpus: processors that one worker takes; None of GPUs is one where there are any and `device` allows it.
        address: of a Ray cluster; None starts Ray here and stops it again.
    """

    inputs: tuple[str, ...]
    output: str
    weights: str = "ceair-t"
    device: str = "auto"
    engine: str = "auto"
    precision: str = "auto"
    compiled: bool = False
    tile: int | None = None
    strength: float = 1.0
    cautious: bool = False
    ensemble: bool = False
    memory: int | None = None
    recursive: bool = False
    column: str | None = None
    key: str | None = None
    shard: int = 64
    overwrite: bool = False
    again: bool = False
    workers: int | None = None
    cpus: int = 1
    gpus: float | None = None
    address: str | None = None


class Entry(NamedTuple):
    """What became of one image; `name` is its path below the output folder, or its key in a Parquet file."""

    name: str
    status: str
    error: str | None = None
    seconds: float = 0.0
    width: int | None = None
    height: int | None = None

    @property
    def failed(self) -> bool:
        """Whether there is no result."""
        return self.status == "failed"


@dataclass
class Totals:
    """Counts over all images of a job, and what this run of it has computed.

    Attributes:
        restored, failed, skipped: of this run; images of shards that were finished before it are skipped or failed.
        megapixels: restored by this run.
        seconds: that this run took.
        failures: the entries that failed.
        retried: shards of this run that a worker took up after another one had died over them.
    """

    restored: int
    failed: int
    skipped: int
    megapixels: float
    seconds: float
    failures: list[Entry]
    retried: int = 0

    @classmethod
    def none(cls) -> "Totals":
        """Before the first image."""
        return cls(0, 0, 0, 0.0, 0.0, [])

    def add(self, entries: list[Entry], earlier: bool = False) -> None:
        """Count the images of a shard, which an `earlier` run may have finished."""
        for entry in entries:
            restored = entry.status == "restored" and not earlier
            self.restored += restored
            self.failed += entry.failed
            self.skipped += not entry.failed and not restored
            if entry.failed:
                self.failures.append(entry)
            if restored and entry.width and entry.height:
                self.megapixels += entry.width * entry.height / 1e6

    def document(self) -> dict[str, Any]:
        """The numbers, fit for JSON."""
        rate = self.megapixels / self.seconds if self.seconds else 0.0
        numbers = {"seconds": self.seconds, "megapixels": self.megapixels, "megapixels_per_second": rate}
        counts = {status: getattr(self, status) for status in STATUSES}
        counts["retried"] = self.retried
        return counts | {name: round(number, 3) for name, number in numbers.items()}
