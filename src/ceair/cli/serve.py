"""`ceair serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ceair.cli.engine import (
    CautiousOption,
    EngineName,
    EngineOption,
    EnsembleOption,
    MemoryOption,
    Precision,
    PrecisionOption,
    TileOption,
    WeightsOption,
    make_restorer,
    parse_memory,
)
from ceair.cli.process import Signals, keep_large_blocks

if TYPE_CHECKING:
    from ceair.web.manners import Manners


def serve(
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 lets every machine that can reach it in.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any free one.")] = 7860,
    open_it: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    root_path: Annotated[str, typer.Option(help="Where a proxy shows the page, such as /ceair.")] = "",
    weights: WeightsOption = "ceair-t",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    engine: EngineOption = EngineName.auto,
    precision: PrecisionOption = Precision.auto,
    memory: MemoryOption = None,
    tile: TileOption = None,
    cautious: CautiousOption = False,
    ensemble: EnsembleOption = False,
    max_upload: Annotated[str, typer.Option(help="Largest file.")] = "64MB",
    max_megapixels: Annotated[float, typer.Option(min=0.01, max=400, help="Largest photo.")] = 40,
    max_files: Annotated[int, typer.Option(min=1, help="Most photos at once.")] = 20,
    max_seconds: Annotated[float, typer.Option(min=1, help="Longest work on the photos that come together.")] = 300,
    max_queue: Annotated[int, typer.Option(min=1, help="Most jobs that wait; further ones are refused.")] = 16,
    max_disk: Annotated[str, typer.Option(help="Most of all photos and results together.")] = "4GB",
    keep: Annotated[float, typer.Option(min=1, help="Minutes after which untouched photos are deleted.")] = 60,
) -> None:
    """Serve a web page that restores photos, until Ctrl-C. Its address is printed once it answers.

    Only this machine can open it unless --host says otherwise. Nothing is sent anywhere else; photos and results are
    deleted when the page is closed, and when this ends.
    """
    keep_large_blocks()
    limits = parse_memory(max_upload, "--max-upload"), parse_memory(max_disk, "--max-disk")
    if root_path and (not root_path.startswith("/") or root_path.endswith("/")):
        raise typer.BadParameter(f"--root-path must begin with / and not end with it, as in /ceair; not `{root_path}`")
    with Signals():
        from ceair.web.allowance import Allowance
        from ceair.web.server import serve as serve_page

        allowance = Allowance(
            upload=limits[0],
            pixels=round(max_megapixels * 1e6),
            files=max_files,
            waiting=max_queue,
            seconds=max_seconds,
            keep=60 * keep,
            disk=limits[1],
        )
        restorer = make_restorer(weights, device, engine, precision, False, memory, tile)
        manners = _manners(weights, cautious, ensemble)

        def ready(address: str) -> None:
            typer.echo(address)
            others = "" if host in _LOOPBACK else "; every machine that can reach this one can use it"
            typer.echo(f"ceair: the page is there{others}; Ctrl-C ends it", err=True)
            if open_it:
                _open(address)

        serve_page(restorer, host, port, allowance, ready, root_path, manners)


def _manners(weights: str, cautious: bool, ensemble: bool) -> Manners:
    """What visitors may choose, caution only where a judge lies beside the weights; and what is chosen at first."""
    from ceair.caution import load_caution
    from ceair.errors import WeightsError
    from ceair.web.manners import CAUTIOUS, ENSEMBLE, Manners

    try:
        caution = load_caution(weights)
    except WeightsError as error:
        if cautious:
            raise
        typer.echo(f"ceair: the page does not offer caution: {error}", err=True)
        caution = None
    first = [name for name, wanted in ((CAUTIOUS, cautious), (ENSEMBLE, ensemble)) if wanted]
    return Manners(caution, first)


_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _open(address: str) -> None:
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
