"""`ceair study`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ceair.study.settings import Run, StudySettings

Name = Annotated[str, typer.Argument(metavar="STUDY", help="A YAML file, such as configs/study.yaml, or `smoke`.")]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="So many runs at a time, each in a process of its own; by default as many as the processors have room for,"
        " and one where the study does not say how many threads a run has, or runs on a GPU.",
    ),
]
One = Annotated[str | None, typer.Option("--run", metavar="PART/VARIANT/SEED", help="Only this run, here; no tables.")]
ReportOnly = Annotated[bool, typer.Option("--report", help="Only tables and plots, of the runs that are finished.")]


def study(
    name: Name,
    overrides: Annotated[list[str] | None, typer.Argument(help="a.b=c, such as data.root=DIR.")] = None,
    jobs: Jobs = None,
    run: One = None,
    report: ReportOnly = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the tables as one JSON document.")] = False,
) -> None:
    """Compare CEA with its baselines and ablations under one budget: train, score, write tables and plots.

    A second call goes on where the first one stopped, within a run, too. Results, tables and plots lie in the output
    folder of the study.
    """
    from ceair.cli.process import Signals, keep_large_blocks
    from ceair.study.settings import read, runs

    words = overrides or []
    settings = read(name, words)
    wanted = runs(settings)
    _require_packages()
    keep_large_blocks()
    if run is not None:
        _perform(settings, wanted, run)
        return
    from ceair.study.report import write_report
    from ceair.study.runner import room, run_all
    from ceair.study.sets import prepare

    failed = []
    if not report:
        with Signals():
            prepare(settings)
            failed = run_all(settings, wanted, [name, *words], jobs or room(settings))
    document = write_report(settings, wanted)
    if as_json:
        print(json.dumps(document, indent=2, allow_nan=False))
    if failed:
        raise typer.Exit(1)


def _perform(settings: "StudySettings", wanted: "list[Run]", name: str) -> None:
    from ceair.errors import ConfigError
    from ceair.study.run import perform

    chosen = next((one for one in wanted if one.name == name), None)
    if chosen is None:
        raise ConfigError(f"the study has no run `{name}`; its runs are {', '.join(one.name for one in wanted)}")
    perform(settings, chosen)


def _require_packages() -> None:
    from importlib.util import find_spec

    from ceair.errors import CeairError

    missing = [name for name in ("lightning", "tensorboard", "skimage", "matplotlib") if find_spec(name) is None]
    if missing:
        raise CeairError(
            f"a study needs more packages: `pip install 'ceair[train,bench,plots]'` ({', '.join(missing)} is missing)"
        )
