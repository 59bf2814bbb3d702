"""`ceair restore`."""

from __future__ import annotations

import json as to_json
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ceair.cli.engine import (
    CompileOption,
    EngineName,
    EngineOption,
    MemoryOption,
    Precision,
    PrecisionOption,
    TileOption,
    make_restorer,
)
from ceair.cli.plan import Job, plan
from ceair.cli.process import keep_large_blocks
from ceair.errors import CeairError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from ceair.restore import Restorer


def restore(
    inputs: Annotated[list[str], typer.Argument(metavar="IN", help="Images, folders, or quoted globs.")],
    output: Annotated[str, typer.Option("--output", "-o", help="A file, or a folder: several images, or OUT/.")],
    weights: Annotated[str, typer.Option(help="A preset whose weights are bundled, or a weights file.")] = "ceair-t",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    engine: EngineOption = EngineName.auto,
    precision: PrecisionOption = Precision.auto,
    compiled: CompileOption = False,
    memory: MemoryOption = None,
    tile: TileOption = None,
    suffix: Annotated[str, typer.Option(help="Put behind the name of each file in an output folder.")] = "",
    recursive: Annotated[bool, typer.Option("--recursive", help="Also images in folders of folders.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Restore damaged images; each keeps its size, format, bit depth, transparency and metadata.

    JPEG, PNG, WebP, TIFF and BMP. Results that exist are skipped, so that an interrupted job goes on where it was.
    """
    keep_large_blocks()
    jobs, into_folder = plan(inputs, output, suffix, recursive, overwrite)
    if not into_folder and jobs[0].target.exists() and not overwrite:
        raise CeairError(f"{output} exists; --overwrite replaces it")
    begin = time.perf_counter()
    make = partial(make_restorer, weights, device, engine, precision, compiled, memory, tile)
    entries = _restore_all(jobs, make, overwrite)
    counts = {status: sum(entry["status"] == status for entry in entries) for status in _STATUSES}
    totals = counts | {"seconds": round(time.perf_counter() - begin, 3)}
    if json:
        typer.echo(to_json.dumps({"images": entries, "totals": totals}, indent=2))
    if into_folder:
        hint = " (they exist; --overwrite restores them again)" if counts["skipped"] else ""
        typer.echo("{restored} restored, {failed} failed, {skipped} skipped".format(**counts) + hint, err=True)
    if counts["failed"]:
        raise typer.Exit(1)


_STATUSES = ("restored", "skipped", "failed")


def _restore_all(jobs: list[Job], make: Callable[[], Restorer], overwrite: bool) -> list[dict[str, Any]]:
    """Do the jobs, with a progress bar if stderr is a terminal and a line per file if not; one entry for each."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    waiting = [job for job in jobs if overwrite or not job.target.exists()]
    done = {job: _entry(job, "skipped") for job in jobs if job not in waiting}
    if waiting:
        restorer = make()
        console = Console(stderr=True)
        columns = (TextColumn("restoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
            task = bar.add_task("", total=len(waiting))
            for index, job in enumerate(waiting):

                def progress(share: float, before: int = index) -> None:
                    bar.update(task, completed=before + share)

                done[job] = _restore_one(job, restorer, progress)
                progress(1.0)
                _tell(console, done[job])
    return [done[job] for job in jobs]


def _restore_one(job: Job, restorer: Restorer, progress: Callable[[float], None]) -> dict[str, Any]:
    from ceair.image import read_picture, write_picture

    begin = time.perf_counter()
    try:
        picture = read_picture(job.source)
        write_picture(job.target, restorer.restore_picture(picture, progress))
    except (CeairError, RuntimeError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        known = isinstance(error, CeairError)  # whose message names the file; torch's, when memory runs out, do not
        return _entry(job, "failed", begin, error=reason if known else f"cannot restore {job.source}: {reason}")
    height, width = picture.samples.shape[:2]
    return _entry(job, "restored", begin, width=width, height=height, notes=list(picture.notes))


def _entry(job: Job, status: str, begin: float | None = None, **more: Any) -> dict[str, Any]:
    seconds = 0.0 if begin is None else round(time.perf_counter() - begin, 3)
    entry = {"input": str(job.source), "output": str(job.target), "status": status, "seconds": seconds}
    return entry | {"width": None, "height": None} | more


def _tell(console: Console, entry: dict[str, Any]) -> None:
    notes = "".join(f" ({note})" for note in entry.get("notes", ()))
    if entry["status"] == "failed":
        text = f"ceair: {entry['error']}"
    elif notes or not console.is_terminal:
        text = f"{entry['input']} -> {entry['output']}{notes}"
    else:
        return
    console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)
