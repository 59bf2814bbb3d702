"""`ceair doctor`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ceair.data.benchmarks import Benchmark
    from ceair.doctor import Report


def doctor(
    benchmark: Annotated[str, typer.Argument(help="aio3, aio5, cdd11, cdd-open, or a set such as rain100l.")],
    data: Annotated[Path, typer.Option("--data", help="The folder that holds the data sets.")],
    decode: Annotated[
        bool, typer.Option("--decode", help="Also decode every image, to find those damaged in their middle.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Tell what is missing, misnamed, damaged or leaking in the data of a benchmark, and how to mend it.

    Exit code 1 if the benchmark cannot run as published. Nothing is changed.
    """
    from ceair.data.benchmarks import BENCHMARKS
    from ceair.files import is_folder

    if benchmark not in BENCHMARKS:
        raise typer.BadParameter(f"there is no benchmark `{benchmark}`; choose from: {', '.join(BENCHMARKS)}")
    if not is_folder(data):
        raise typer.BadParameter(f"--data needs the folder that holds the data sets; {data} is none")
    report = _examine(BENCHMARKS[benchmark], data, decode)
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        _print(report, BENCHMARKS[benchmark].title)
    if not report.runs:
        raise typer.Exit(1)


def _examine(benchmark: "Benchmark", data: Path, decode: bool) -> "Report":
    from rich.console import Console

    from ceair.doctor import examine

    console = Console(stderr=True)
    if not console.is_terminal:
        return examine(benchmark, data, decode=decode)
    with console.status("") as status:
        return examine(benchmark, data, lambda text: status.update(f"looking at {text}"), decode=decode)


def _print(report: "Report", title: str) -> None:
    from ceair.cli.table import show

    rows = [
        [found.title, found.layout, str(found.degraded or "-"), str(found.clean), found.folders[-1]]
        for found in report.found
    ]
    if rows:
        show(["set", "layout", "degraded", "clean", "folder of clean images"], rows)
    for finding in report.findings:
        print(f"\n{finding.severity} ({finding.check}): {finding.place}\n  {finding.problem}\n  {finding.remedy}")
    errors = sum(finding.severity == "error" for finding in report.findings)
    verdict = "can run" if report.runs else "cannot run as published"
    counts = f"{errors} errors, {len(report.findings) - errors} warnings"
    print(f"{title} {verdict}: {counts}", file=sys.stderr)
