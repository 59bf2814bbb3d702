"""`ceair restore`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ceair.cli.engine import (
    CautiousOption,
    CompileOption,
    EngineName,
    EngineOption,
    EnsembleOption,
    MemoryOption,
    Precision,
    PrecisionOption,
    StrengthOption,
    TileOption,
    WeightsOption,
    make_restorer,
)
from ceair.cli.ledger import Ledger
from ceair.cli.plan import plan, plan_watch
from ceair.cli.process import Signals, keep_large_blocks
from ceair.cli.work import Work
from ceair.errors import CeairError
from ceair.files import exists


def restore(
    inputs: Annotated[list[str], typer.Argument(metavar="IN", help="Images, folders, or quoted globs.")],
    output: Annotated[str, typer.Option("--output", "-o", help="A file, or a folder: several images, or OUT/.")],
    weights: WeightsOption = "ceair-t",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    engine: EngineOption = EngineName.auto,
    precision: PrecisionOption = Precision.auto,
    compiled: CompileOption = False,
    memory: MemoryOption = None,
    tile: TileOption = None,
    strength: StrengthOption = 1.0,
    cautious: CautiousOption = False,
    ensemble: EnsembleOption = False,
    maps: Annotated[bool, typer.Option("--maps", help="Write affinity maps, too: NAME.maps.png beside NAME.")] = False,
    suffix: Annotated[str, typer.Option(help="Put behind the name of each file in an output folder.")] = "",
    quality: Annotated[
        int | None, typer.Option(min=1, max=100, help="Of JPEG and WebP files.  [default: that of the source]")
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", help="Also images in folders of folders.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Then wait for more in the folders, until Ctrl-C.")] = False,
    interval: Annotated[
        float | None, typer.Option(min=0.05, help="Seconds between two looks of --watch.  [default: 1]")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the JSON document to this file, too.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Restore damaged images; each keeps its size, format, bit depth, transparency and metadata.

    JPEG, PNG, WebP, TIFF and BMP. Results that exist are skipped, so that an interrupted job goes on where it was.
    """
    keep_large_blocks()
    if interval is not None and not watch:
        raise typer.BadParameter("--interval belongs to --watch")
    if report is not None and report.suffix.lower() != ".json":
        raise typer.BadParameter(f"--report {report} would hold JSON; let its name end in .json")
    make = partial(
        make_restorer, weights, device, engine, precision, compiled, memory, tile, strength, cautious, ensemble
    )
    with Signals() as signals:
        ledger = Ledger(keep=json or report is not None)
        work = Work(make, overwrite, quality, ledger, signals, maps)
        if watch:
            into_folder = True
            work.watch(plan_watch(inputs, output, suffix, recursive), interval or 1.0, report)
        else:
            jobs, into_folder = plan(inputs, output, suffix, recursive, overwrite)
            if not into_folder and exists(jobs[0].target) and not overwrite:
                raise CeairError(f"{output} exists; --overwrite replaces it")
            work.restore(jobs)
    if json:
        typer.echo(ledger.document(signals.came()))
    if report is not None:
        ledger.write(report, signals.came())
    if into_folder:
        typer.echo(ledger.summary(), err=True)
    if signals.came() or ledger.totals.failed:
        raise typer.Exit(signals.code or 1)
