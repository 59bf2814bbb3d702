"""The driver of a batch job: it cuts the inputs into shards and lets Ray Data hand them to a pool of workers."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from ceair.batch.cluster import cluster, import_ray, pool_size
from ceair.batch.inputs import find
from ceair.batch.job import Entry, Job, Totals
from ceair.batch.plan import prepare
from ceair.batch.shards import BEGUN, Manifest, Shard, finished, load_record
from ceair.batch.store import Store, open_store
from ceair.batch.worker import Answer, Orders, Worker, digest
from ceair.checkpoint import load_network
from ceair.errors import CeairError
from ceair.files import exists
from ceair.models import PRESETS

Tell = Callable[[list[Entry], int], None]

_BLOCKS = 1000  # the most pieces that the list of shards is handed out in


def run_batch(job: Job, tell: Tell | None = None) -> Totals:
    """Restore all images of a job; those that an earlier run of it has finished are skipped.

    Args:
        tell: is called with the images of each shard that has been finished, and the number of images of all shards.

    Raises:
        DataError: the inputs are missing or cannot be told apart.
        CeairError: the output holds a job with other settings, the weights or the device are absent, or the workers
            died too often.
    """
    begin = perf_counter()
    output = open_store(job.output)
    job = replace(job, output=output.place, weights=_anywhere(job.weights))
    load_network(job.weights)  # damaged weights are found before any worker starts
    found = find(job.inputs, output, job.recursive)
    manifest = prepare(job, digest(job.weights), found, output)
    totals, images = Totals.none(), sum(shard.images for shard in manifest.shards)

    def count(shard: Shard, earlier: bool) -> None:
        entries = load_record(output, shard)
        totals.add(entries, earlier)
        if tell is not None:
            tell(entries, images)

    waiting = _waiting(manifest, output, job.again)
    ahead = {shard.number for shard in waiting}
    for shard in manifest.shards:
        if shard.number not in ahead:
            count(shard, earlier=True)
    output.delete(output.files(BEGUN))
    for answer in _restore(job, found.roots, manifest, waiting) if waiting else ():
        totals.retried += answer.retried
        count(manifest.shards[answer.number], earlier=False)
    output.tidy(name for shard in waiting for name in (shard.record, shard.part, *(item.name for item in shard.items)))
    totals.seconds = perf_counter() - begin
    return totals


def _waiting(manifest: Manifest, output: Store, again: bool) -> list[Shard]:
    """The shards that are not finished; to try images `again`, those in which some failed are so no more."""
    records = finished(output)
    if again:
        ended = [shard for shard in manifest.shards if shard.record in records]
        failed = {shard.record for shard in ended if any(entry.failed for entry in load_record(output, shard))}
        output.delete(failed)
        records -= failed
    return [shard for shard in manifest.shards if shard.record not in records]


def _anywhere(weights: str) -> str:
    """What names the same weights for any process: a whole path; presets and repositories have no other names."""
    return str(Path(weights).resolve()) if weights not in PRESETS and exists(weights) else weights


def _restore(job: Job, roots: tuple[str, ...], manifest: Manifest, waiting: Sequence[Shard]) -> Iterator[Answer]:
    """Let workers restore shards; an answer for each, as they are finished.

    Raises:
        CeairError: all work is in vain, or the workers died too often.
    """
    ray = import_ray()
    with cluster(ray, job):
        count, gpus = pool_size(ray, job, len(waiting))
        together = min(count, max(1, (os.cpu_count() or 1) // job.cpus))
        orders = Orders(job, manifest.settings["weights"], roots, manifest.overwrite, together)
        rows = [{"shard": json.dumps(shard)} for shard in waiting]
        shards = ray.data.from_items(rows, override_num_blocks=min(len(rows), max(_BLOCKS, 4 * count)))
        answers = shards.map_batches(
            Worker,
            fn_constructor_args=(orders,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=count),
            num_cpus=job.cpus,
            num_gpus=gpus,
        )
        try:
            for row in answers.iter_rows():
                answer = Answer(**row)
                if answer.trouble:
                    raise CeairError(answer.trouble)
                yield answer
        except ray.exceptions.RayError as error:
            reason = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
            raise CeairError(f"the workers stopped ({reason.strip()}); the same command goes on") from error
