"""What a batch job is going to do, settled and written down before any work."""

import os
import re
from collections.abc import Sequence
from typing import Any

from ceair.batch.inputs import PARQUET, Found
from ceair.batch.job import Job
from ceair.batch.shards import (
    Manifest,
    Shard,
    check_settings,
    cut,
    cut_tables,
    forget,
    known_items,
    load_manifest,
)
from ceair.batch.store import Store, open_store
from ceair.batch.tables import count_rows
from ceair.errors import CeairError, DataError


def prepare(job: Job, digest: str, found: Found, output: Store) -> Manifest:
    """The manifest of a job, written below its output; that of an earlier run gets what the inputs have new.

    Args:
        digest: SHA-256 of the weights.

    Raises:
        CeairError: there is one of another job, or an input is not what it was.
    """
    settings = _settings(job, digest, found)
    old = None if job.overwrite else load_manifest(output)
    if old is not None:
        check_settings(old, settings, output)
    elif found.tables and not job.overwrite and any(name.endswith(PARQUET) for name in output.files()):
        raise CeairError(f"{output.place} holds Parquet files already; choose another folder or use --overwrite")
    shards = old.shards if old else ()
    overwrite = old.overwrite if old else job.overwrite
    manifest = Manifest(settings, (*shards, *_more(job, found, shards)), overwrite)
    if job.overwrite:
        forget(output)
    if manifest != old:
        manifest.save(output)
    return manifest


def _more(job: Job, found: Found, shards: Sequence[Shard]) -> list[Shard]:
    """Shards of those inputs that no shard has yet."""
    known = known_items(shards)
    if not found.tables:
        return cut((item for item in found.items if item not in known), job.shard, len(shards))
    stores = [open_store(root) for root in found.roots]
    rows = {item: count_rows(stores[item.root], item.name, job.column, job.key) for item in found.items}
    for item, before in known.items():
        if rows.get(item, before) != before:
            raise DataError(f"{stores[item.root].path(item.name)} has changed since the job began; use --overwrite")
    return cut_tables((item for item in found.items if item not in known), rows.__getitem__, job.shard, len(shards))


def _settings(job: Job, digest: str, found: Found) -> dict[str, Any]:
    """All that results depend on."""
    names = ("engine", "precision", "tile", "strength", "cautious", "ensemble", "recursive", "column", "key")
    inputs = [text if "://" in text else os.path.abspath(text) for text in job.inputs]  # noqa: PTH100 - may be a glob
    places = {
        "inputs": [without_secrets(text) for text in inputs],
        "roots": [without_secrets(root) for root in found.roots],
    }
    kind = "parquet" if found.tables else "images"
    own = {name: getattr(job, name) for name in names}
    return own | places | {"kind": kind, "weights": digest}


def without_secrets(place: str) -> str:
    """A path or URI without what grants access to it, as manifests and messages may have it."""
    if "://" not in place:
        return place
    plain = re.sub(r"://[^/?@]*@", "://", place)
    return re.sub(r"(?i)([?&][^=&]*(?:key|secret|token|password|sig)[^=&]*=)[^&]*", r"\1...", plain)
