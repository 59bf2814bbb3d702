"""Ray: started here or joined, quiet, and small."""

import logging
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ceair
from ceair.batch.job import Job
from ceair.errors import CeairError

_OBJECT_STORE = 128 << 20  # bytes; only the names of images pass through it
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # workers run in this environment, whatever started it
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # workers that were promised no GPU see none
}


def import_ray() -> Any:
    """Ray with Ray Data, told to keep quiet and to call nobody.

    Raises:
        CeairError: it is not installed.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise CeairError("`ceair batch` needs Ray; run `pip install 'ceair[ray]'`") from error
    return ray


@contextmanager
def cluster(ray: Any, job: Job) -> Iterator[None]:
    """The cluster that this process has joined already, that of the address, or one of our own that ends with us."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    if ray.is_initialized():
        yield
        return
    own = {} if job.address else _own_cluster(job)
    try:
        with _silence():
            ray.init(job.address or "local", log_to_driver=False, logging_level=logging.CRITICAL, **own)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise CeairError(f"cannot {'join' if job.address else 'start'} Ray: {reason}") from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing on stderr, where Ray's C++ part says which level of its log was asked for; errors are exceptions."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _own_cluster(job: Job) -> dict[str, Any]:
    processors = (job.workers or 1) * job.cpus
    package = str(Path(ceair.__file__).parents[1])
    paths = [package, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        "num_cpus": processors if job.workers else max(processors, os.cpu_count() or 1),
        "object_store_memory": _OBJECT_STORE,
        "include_dashboard": False,
        "runtime_env": {"env_vars": {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}},
    }


def pool_size(ray: Any, job: Job, shards: int) -> tuple[int, float]:
    """How many workers there are to be, and the GPUs of each.

    Raises:
        CeairError: there is no room for one.
    """
    there = ray.cluster_resources()
    present = there.get("GPU", 0.0)
    gpus = job.gpus if job.gpus is not None else float(present > 0 and job.device in ("auto", "cuda"))
    room = min(there.get("CPU", 0.0) // job.cpus, present // gpus if gpus else math.inf)
    if room < 1 and not job.address:
        raise CeairError(f"there is no room for a worker with {job.cpus} CPUs and {gpus:g} GPUs on this machine")
    return max(1, min(job.workers or int(room), shards)), gpus
