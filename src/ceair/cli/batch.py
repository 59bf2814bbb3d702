"""`ceair batch`."""

from __future__ import annotations

import json as to_json
import os
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceair.cli.engine import (
    CautiousOption,
    CompileOption,
    EngineName,
    EngineOption,
    EnsembleOption,
    Precision,
    PrecisionOption,
    StrengthOption,
    TileOption,
    WeightsOption,
    parse_memory,
)

if TYPE_CHECKING:
    from ceair.batch.job import Entry, Job, Totals

_SHOWN = 20  # failures that get a line each


def batch(
    inputs: Annotated[
        list[str], typer.Argument(metavar="IN", help="Folders, quoted globs, images, Parquet files; paths or URIs.")
    ],
    output: Annotated[str, typer.Option("--output", "-o", help="A folder, or a URI such as s3://bucket/restored.")],
    weights: WeightsOption = "ceair-t",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    engine: EngineOption = EngineName.auto,
    precision: PrecisionOption = Precision.auto,
    compiled: CompileOption = False,
    memory: Annotated[
        str | None,
        typer.Option(help="What one worker stays below, such as 1GB.  [default: a share of half of what is free]"),
    ] = None,
    tile: TileOption = None,
    strength: StrengthOption = 1.0,
    cautious: CautiousOption = False,
    ensemble: EnsembleOption = False,
    recursive: Annotated[bool, typer.Option("--recursive", help="Also images in folders of folders.")] = False,
    column: Annotated[str | None, typer.Option(help="Of Parquet: image bytes.  [default: image or bytes]")] = None,
    key: Annotated[str | None, typer.Option(help="Of Parquet: names.  [default: path, name or id]")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes with a model each.  [default: as many as there is room for]")
    ] = None,
    cpus_per_worker: Annotated[int, typer.Option(min=1, help="Also the threads of each.")] = 1,
    gpus_per_worker: Annotated[
        float | None, typer.Option(min=0, help="May be a part of one, such as 0.5.  [default: 1 where there are any]")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Join this Ray cluster, such as auto or HOST:6379.  [default: start one here]")
    ] = None,
    shard: Annotated[int, typer.Option(min=1, help="Images that a worker takes at a time.")] = 64,
    again: Annotated[bool, typer.Option("--again", help="Try images once more that failed.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew, and replace results that exist.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Restore very many images with Ray: on all processors here, or on a cluster (extra `ray`).

    Folders and object stores give files of the same names; Parquet gives Parquet with more columns. The same command
    goes on where an earlier run was stopped.
    """
    from ceair.batch.cluster import import_ray
    from ceair.errors import DataError

    import_ray()
    from ceair.batch.job import Job

    job = Job(
        inputs=tuple(inputs),
        output=output,
        weights=weights,
        device=device,
        engine=engine.value,
        precision=precision.value,
        compiled=compiled,
        tile=tile,
        strength=strength,
        cautious=cautious,
        ensemble=ensemble,
        memory=parse_memory(memory) if memory else None,
        recursive=recursive,
        column=column,
        key=key,
        shard=shard,
        overwrite=overwrite,
        again=again,
        workers=workers,
        cpus=cpus_per_worker,
        gpus=gpus_per_worker,
        address=address,
    )
    try:
        totals = _run(job)
    except DataError as error:
        raise typer.BadParameter(str(error)) from error
    _report(totals, output, json)
    if totals.failed:
        raise typer.Exit(1)


def _report(totals: Totals, output: str, as_json: bool) -> None:
    """Say how it went: one line on stderr and, if wanted, a document on stdout."""
    from ceair.batch.job import RECORDS

    place, mark, options = output.partition("?") if "://" in output else (output, "", "")
    records = f"{place.rstrip('/')}/{RECORDS}{mark}{options}"
    if len(totals.failures) > _SHOWN:
        typer.echo(f"ceair: {len(totals.failures) - _SHOWN} more failed; {records} names them", err=True)
    if as_json:
        failures = [{"name": entry.name, "error": entry.error} for entry in totals.failures]
        document = {"output": output, "records": records, "failures": failures, "totals": totals.document()}
        typer.echo(to_json.dumps(document, indent=2))
    typer.echo(_summary(totals), err=True)


def _run(job: Job) -> Totals:
    """Run the job, with a progress bar if stderr is a terminal, and a line for each of the first failures."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ceair.batch.pool import run_batch

    console, shown = Console(stderr=True), 0
    columns = (TextColumn("restoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)

        def tell(entries: list[Entry], images: int) -> None:
            nonlocal shown
            bar.update(task, total=images, advance=len(entries))
            for entry in entries:
                if entry.failed and shown < _SHOWN:
                    shown += 1
                    text = f"ceair: {entry.error}"
                    console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)

        # Ray prints there what it thinks of workers that die; `Totals.retried` says it, too
        with Path(os.devnull).open("w", encoding="utf-8") as nothing, redirect_stdout(nothing):
            return run_batch(job, tell)


def _summary(totals: Totals) -> str:
    numbers = totals.document()
    retried = f", {totals.retried} shards begun again after a worker died" if totals.retried else ""
    hint = "; --again tries them once more" if totals.failed else ""
    rate = f", {numbers['megapixels_per_second']:.2f} megapixels/s" if totals.restored else ""
    counts = "{restored} restored, {failed} failed, {skipped} skipped in {seconds:.1f} s".format(**numbers)
    return counts + rate + retried + hint
