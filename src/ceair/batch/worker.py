"""What one worker does: it loads the network once, and restores shard after shard."""

import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Shaped
from pyarrow import ArrowException

from ceair.batch import tables
from ceair.batch.attempt import DEATHS, Attempt
from ceair.batch.job import Entry, Job
from ceair.batch.pipeline import Work, restore_works, sentence
from ceair.batch.shards import Shard, save_record
from ceair.batch.store import Store, open_store
from ceair.checkpoint import find_weights
from ceair.errors import CeairError, WeightsError
from ceair.files import sha256
from ceair.restore import Restorer
from ceair.system import available_memory, resident_memory


@dataclass(frozen=True)
class Orders:
    """What all workers of a job are given.

    Attributes:
        job: the job; its `output` and `weights` are what any process can open.
        digest: SHA-256 of the weights, which have to be the same everywhere.
        roots: the places of the inputs.
        overwrite: as the manifest has it.
        together: the most workers that share the memory of one machine.
    """

    job: Job
    digest: str
    roots: tuple[str, ...]
    overwrite: bool
    together: int


class Answer(NamedTuple):
    """What a worker tells about a shard: whether another worker died over it, and a sentence if all work is in vain."""

    number: int
    retried: bool
    trouble: str


class Worker:
    """Restores the shards that Ray Data hands it; one process, one network.

    Args:
        orders: the job.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._output = open_store(orders.job.output)
        self._restorer: Restorer | None = None

    def __call__(self, batch: dict[str, Shaped[np.ndarray, "n"]]) -> dict[str, list[Any]]:
        """Restore the shards of a batch; an `Answer` for each."""
        shards = [Shard.parse(json.loads(text)) for text in batch["shard"]]
        answers = [self._do(shard) for shard in shards]
        return {name: [getattr(answer, name) for answer in answers] for name in Answer._fields}

    def _do(self, shard: Shard) -> "Answer":
        retried = False
        try:
            if not self._output.present([shard.record]):  # else a worker died between its record and its answer
                attempt = Attempt(self._output, shard)
                retried = attempt.careful
                self._restorer = self._restorer or load_restorer(self._orders)
                attempt.started()
                restore = restore_rows if shard.rows else restore_files
                entries = restore(shard, self._orders, self._output, attempt, self._restorer)
                save_record(self._output, shard, entries)
                attempt.finish()
        except (CeairError, OSError) as error:
            return Answer(shard.number, retried, sentence(error))
        return Answer(shard.number, retried, "")


def load_restorer(orders: Orders) -> Restorer:
    """The restorer of a worker, which shares processors and memory with others.

    Raises:
        CeairError: the weights are missing or not those of the job, or the device or engine is absent.
    """
    job = orders.job
    if digest(job.weights) != orders.digest:
        raise WeightsError(f"the weights `{job.weights}` on {platform.node()} are not those that the job began with")
    torch.set_num_threads(job.cpus)
    memory, free = job.memory, available_memory()
    if memory is None and free is not None and not torch.cuda.is_available():
        memory = resident_memory() + free // (2 * orders.together)
    return Restorer.from_pretrained(
        job.weights,
        job.device,
        job.engine,
        job.precision,
        tile=job.tile,
        memory=memory,
        compiled=job.compiled,
        strength=job.strength,
        cautious=job.cautious,
        ensemble=job.ensemble,
    )


def digest(weights: str) -> str:
    """SHA-256 of a weights file, or of the weights of a preset.

    Raises:
        WeightsError: there are none.
    """
    return sha256(find_weights(weights))


def restore_files(shard: Shard, orders: Orders, output: Store, attempt: Attempt, restorer: Restorer) -> list[Entry]:
    """Restore images, each into a file of its own name below the output."""
    stores = {root: open_store(orders.roots[root]) for root in {item.root for item in shard.items}}
    present = set() if orders.overwrite else output.present(item.name for item in shard.items)
    works = {item.name: _file_work(stores[item.root], output, item.name) for item in shard.items}
    for name in present:
        works[name].present, works[name].earlier = True, name in attempt.earlier
    restore_works(_todo(works, attempt), restorer.restore_picture, 0 if attempt.careful else 1)
    return [work.entry for work in works.values()]


def restore_rows(shard: Shard, orders: Orders, output: Store, attempt: Attempt, restorer: Restorer) -> list[Entry]:
    """Restore the images in rows of a Parquet file into a Parquet file below the output."""
    (item,), (first, last), job = shard.items, shard.rows or (0, 0), orders.job
    source = open_store(orders.roots[item.root])
    path, numbers = source.path(item.name), range(first, last)
    try:
        table = tables.read_rows(source, item.name, (first, last))
        column = tables.image_column(table.schema, job.column, path)
        contents = tables.contents(table, column)
    except (OSError, ArrowException) as error:
        reason = f"cannot read {path}: {sentence(error)}"
        return [Entry(f"{item.name}#{number}", "failed", reason) for number in numbers]
    key = tables.key_column(table.schema, job.key, path)
    names = table.column(key).to_pylist() if key else [f"{item.name}#{number}" for number in numbers]
    restored: dict[int, bytes] = {}
    works = {
        str(index): _row_work(str(name), content, restored, index)
        for index, (name, content) in enumerate(zip(names, contents, strict=True))
    }
    restore_works(_todo(works, attempt), restorer.restore_picture, 0 if attempt.careful else 1)
    entries = [work.entry for work in works.values()]
    results = [restored.get(index) for index in range(len(entries))]
    output.write(shard.part, tables.with_results(table, entries, results))
    return entries


def _file_work(source: Store, output: Store, name: str) -> Work:
    def read() -> bytes:
        return source.read(name)

    def write(content: bytes) -> None:
        output.write(name, content)

    return Work(name, read, write, PurePosixPath(name).suffix.lower())


def _row_work(name: str, content: bytes | None, restored: dict[int, bytes], index: int) -> Work:
    def read() -> bytes:
        if content is None:
            raise CeairError(f"cannot read {name}: the row has no image")
        return content

    def write(result: bytes) -> None:
        restored[index] = result

    return Work(name, read, write)


def _todo(works: dict[str, Work], attempt: Attempt) -> Iterator[Work]:
    """The images that are to be restored; one that workers die over fails instead."""
    for name, work in works.items():
        if attempt.gives_up(name):
            work.error = f"cannot restore {work.name}: {DEATHS} workers died over it"
    return attempt.each((name, work) for name, work in works.items() if not work.present and not work.error)
