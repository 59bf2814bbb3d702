"""All runs of a study, several at a time, each in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence

from ceair.study.run import finished
from ceair.study.settings import Run, StudySettings, folder

_PATIENCE = 0.2  # seconds between two looks at the processes
_LIBRARIES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def room(settings: StudySettings) -> int:
    """How many runs the processors have room for: one, unless the study is for the CPU and says its runs' threads."""
    devices = settings.training.devices
    if devices.accelerator != "cpu" or not devices.threads:
        return 1
    return max(1, (os.cpu_count() or 1) // devices.threads)


def run_all(settings: StudySettings, wanted: Sequence[Run], words: Sequence[str], jobs: int) -> list[Run]:
    """Do what is not finished, `jobs` runs at a time in the order given; returns the runs that failed.

    Each is `ceair study ... --run NAME` in a process of its own, whose messages go to `log.txt` in its folder. When
    this process is told to stop, they are, too: they save their state, and a later call goes on from it.

    Args:
        words: the study and its overrides, as on the command line.
    """
    waiting = deque(run for run in wanted if finished(settings, run) is None)
    if len(waiting) < len(wanted):
        _say(f"{len(wanted) - len(waiting)} of {len(wanted)} runs are finished already")
    running: dict[Run, tuple[subprocess.Popen[bytes], float]] = {}
    failed = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                run = waiting.popleft()
                running[run] = (_start(settings, run, words), time.monotonic())
                _say(f"{run.name}: training for {run.steps} steps")
            time.sleep(_PATIENCE)
            for run, (process, started) in list(running.items()):
                code = process.poll()
                if code is None:
                    continue
                del running[run]
                failed += [run] if code else []
                _say(f"{run.name}: {_outcome(settings, run, code)} after {(time.monotonic() - started) / 60:.1f} min")
    finally:
        for process, _ in running.values():
            process.send_signal(signal.SIGTERM)
        for process, _ in running.values():
            process.wait()
    return failed


def _start(settings: StudySettings, run: Run, words: Sequence[str]) -> "subprocess.Popen[bytes]":
    """The process of a run; it has its own session, so that Ctrl-C reaches it once and through this process only."""
    place = folder(settings, run)
    place.mkdir(parents=True, exist_ok=True)
    threads = settings.training.devices.threads
    environment = dict(os.environ) | (dict.fromkeys(_LIBRARIES, str(threads)) if threads else {})
    command = [sys.executable, "-m", "ceair", "study", *words, "--run", run.name]
    with (place / "log.txt").open("ab") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )


def _outcome(settings: StudySettings, run: Run, code: int) -> str:
    if code == 0:
        return "finished"
    path = folder(settings, run) / "log.txt"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() or ["it wrote nothing"]
    return f"failed, see {path}: {lines[-1]}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
