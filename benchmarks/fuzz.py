"""Feeds damaged files to ceair, and reports whatever is neither a result nor one clear sentence.

    python benchmarks/fuzz.py --cases 20000 [--workers 2] [--json fuzz.json] [--keep FOLDER]
    python benchmarks/fuzz.py --case images:1234 --keep FOLDER      # one case again, in this process

Image cases are small real files of every format, damaged (`fuzzing/`); each is read, restored by a network that
changes nothing, written and read again, and has to be the same if its format loses nothing. With every ten of them
come a damaged file of weights and a damaged training configuration. Workers are processes with a limit of memory
and time for each case, so that a crash in a C library is a finding, too. The same seed gives the same cases.
"""

import argparse
import json
import os
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from fuzzing.checks import KINDS

LIMIT_BYTES = 1_000_000_000
LIMIT_SECONDS = 10.0  # of processor time
PATIENCE = 120.0  # seconds by the clock after which a worker is taken for hanging

Case = tuple[str, int]


def run_case(checker: Any, case: Case, seed: int, folder: Path) -> tuple[str, str | None]:
    """What became of a case, and what is wrong with that, or None."""
    import traceback

    kind, number = case
    ending, content = checker.content(Random(f"{seed}:{kind}:{number}"))
    path = folder / f"case-{number}{ending}"
    path.write_bytes(content)
    try:
        return checker.check(path), None
    except AssertionError as error:
        return "finding", str(error)
    except Exception:
        return "finding", traceback.format_exc(limit=-4)
    finally:
        path.unlink(missing_ok=True)


def work(seed: int) -> None:
    """Be a worker: cases come as lines on stdin, and an answer for each goes to stdout as a line of JSON."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryFile() as printed:
        folder = Path(name)
        checkers = {kind: make(folder) for kind, make in KINDS.items()}
        limit = int(_memory("VmSize")) + 4 * LIMIT_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
        print("ready", file=answers, flush=True)
        for line in sys.stdin:
            kind, number = line.split()
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is measured from here on
            begin = time.process_time()
            outcome, finding = run_case(checkers[kind], (kind, int(number)), seed, folder)
            peak, seconds = _memory("VmHWM"), time.process_time() - begin
            if finding is None and printed.tell():
                printed.seek(0)
                outcome, finding = "finding", f"printed {printed.read(500)!r}"
            printed.truncate(0)
            printed.seek(0)
            if finding is None and peak > LIMIT_BYTES:
                outcome, finding = "finding", f"took {peak / 1e6:.0f} MB"
            if finding is None and seconds > LIMIT_SECONDS:
                outcome, finding = "finding", f"took {seconds:.0f} s"
            answer = {"outcome": outcome, "finding": finding, "peak": peak, "seconds": seconds}
            print(json.dumps(answer), file=answers, flush=True)


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


class Hand:
    """A worker process and what it answers; it is replaced when it dies or does not answer."""

    def __init__(self, seed: int) -> None:
        self._command = [sys.executable, __file__, "--worker", "--seed", str(seed)]
        self._process: subprocess.Popen[str] | None = None

    def ask(self, case: Case) -> dict[str, Any]:
        """The answer to a case; a death and a silence are findings."""
        self._process = process = self._process or self._start()
        silence = threading.Timer(PATIENCE, process.kill)
        silence.start()
        print(*case, file=process.stdin, flush=True)
        line = _line(process)
        late = not silence.is_alive()
        silence.cancel()
        if line:
            return json.loads(line)
        code, self._process = process.wait(), None
        reason = f"no answer within {PATIENCE:.0f} s" if late else f"the process died ({code})"
        return {"outcome": "finding", "finding": reason, "peak": 0, "seconds": 0.0}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()

    def _start(self) -> "subprocess.Popen[str]":
        process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not _line(process):
            sys.exit("a worker did not start")
        return process


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline()


def cases(count: int) -> Iterator[Case]:
    """So many images, and for every ten of them one file of weights and one configuration."""
    for number in range(count):
        yield "images", number
        if number % 10 == 0:
            yield "weights", number // 10
            yield "configurations", number // 10


def fuzz(count: int, workers: int, seed: int) -> dict[str, Any]:
    """Run all cases; counts of outcomes by kind, the findings, and the highest peak of memory."""
    todo: queue.SimpleQueue[Case] = queue.SimpleQueue()
    for case in cases(count):
        todo.put(case)
    outcomes: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    findings: list[dict[str, Any]] = []
    peaks, slowest = [0], [0.0]

    def take() -> None:
        hand = Hand(seed)
        while True:
            try:
                case = todo.get_nowait()
            except queue.Empty:
                return hand.close()
            answer = hand.ask(case)
            outcomes[case[0]][answer["outcome"]] += 1
            peaks.append(answer["peak"])
            slowest.append(answer["seconds"])
            if answer["finding"]:
                findings.append({"case": f"{case[0]}:{case[1]}", "what": answer["finding"]})
                print(f"{case[0]}:{case[1]}: {answer['finding']}", file=sys.stderr, flush=True)

    begin = time.monotonic()
    threads = [threading.Thread(target=take) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "cases": sum(sum(counts.values()) for counts in outcomes.values()),
        "outcomes": {kind: dict(sorted(counts.items())) for kind, counts in outcomes.items()},
        "findings": findings,
        "peak_bytes": max(peaks),
        "slowest_seconds": round(max(slowest), 2),
        "seconds": round(time.monotonic() - begin, 1),
        "seed": seed,
    }


def repeat(case: Case, seed: int, keep: Path) -> None:
    """Run one case in this process, and keep its file."""
    keep.mkdir(parents=True, exist_ok=True)
    checker = KINDS[case[0]](keep)
    ending, content = checker.content(Random(f"{seed}:{case[0]}:{case[1]}"))
    (keep / f"{case[0]}-{case[1]}{ending}").write_bytes(content)
    outcome, finding = run_case(checker, case, seed, keep)
    print(finding or outcome)


def main() -> None:
    """Run all cases, print one JSON document, and exit with 1 if there was a finding."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000, help="damaged images")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the document to this file")
    parser.add_argument("--case", help="run this one only, such as images:1234")
    parser.add_argument("--keep", type=Path, default=Path("fuzz"), help="folder for the file of --case")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return work(arguments.seed)
    if arguments.case:
        kind, _, number = arguments.case.partition(":")
        return repeat((kind, int(number)), arguments.seed, arguments.keep)
    document = fuzz(arguments.cases, arguments.workers, arguments.seed)
    text = json.dumps(document, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    print(text)
    sys.exit(bool(document["findings"]))


if __name__ == "__main__":
    main()
