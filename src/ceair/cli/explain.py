"""`ceair explain`."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceair.cli.engine import (
    EngineName,
    EngineOption,
    MemoryOption,
    Precision,
    PrecisionOption,
    TileOption,
    WeightsOption,
    make_restorer,
)
from ceair.errors import CeairError
from ceair.files import exists, is_folder

if TYPE_CHECKING:
    from ceair.explain import Explanation
    from ceair.explain.regions import Region
    from ceair.explain.report import Report


def explain(
    image: Annotated[Path, typer.Argument(metavar="IN", help="An image.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder for maps, charts, numbers and the page.")],
    regions: Annotated[
        list[str] | None, typer.Option(help="Boxes to compare, x0,y0,x1,y1 in pixels; several with ; or repeated.")
    ] = None,
    pixel: Annotated[
        str | None, typer.Option(help="x,y: show which pixels share its routing, and where its directions come from.")
    ] = None,
    arrays: Annotated[bool, typer.Option("--arrays", help="Write the maps as numbers, too: maps.npz.")] = False,
    weights: WeightsOption = "ceair-t",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    engine: EngineOption = EngineName.auto,
    precision: PrecisionOption = Precision.auto,
    memory: MemoryOption = None,
    tile: TileOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as one JSON document on stdout.")] = False,
) -> None:
    """Show what is changed where in an image, and how: affinity maps, updates and ranks of every CEA layer.

    Writes PNG maps, SVG charts, explanation.json and index.html, a page that holds everything it shows.
    """
    from ceair.cli.process import keep_large_blocks

    keep_large_blocks()
    boxes, point = _regions(regions or []), _pixel(pixel)
    if exists(output) and not is_folder(output):
        raise typer.BadParameter(f"{output} is a file; the maps need a folder to go to")
    if is_folder(output) and any(output.iterdir()) and not overwrite:
        raise CeairError(f"{output} is not empty; choose another folder or use --overwrite")
    from ceair.image import read_picture

    degraded = read_picture(image)
    _check(boxes, point, *degraded.samples.shape[:2])
    from ceair.explain import explain as read
    from ceair.explain.report import make_report

    restorer = make_restorer(weights, device, engine, precision, False, memory, tile)
    explanation = read(restorer, degraded)
    report = make_report(explanation, degraded, restorer.restore_picture(degraded), boxes, point)
    document = json.dumps({"image": str(image), "weights": weights, **report.document}, indent=2)
    _write(output, _files(report, image.name, document, explanation if arrays else None))
    if as_json:
        typer.echo(document)
    typer.echo(f"{image} -> {output / 'index.html'}", err=True)


def _regions(texts: list[str]) -> list[Region]:
    from ceair.explain.regions import parse_regions

    return [region for text in texts for region in parse_regions(text)]


def _pixel(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        x, y = (int(number) for number in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"--pixel needs two whole numbers, such as 120,80, not `{text}`") from error
    return x, y


def _check(boxes: list[Region], point: tuple[int, int] | None, height: int, width: int) -> None:
    """Refuse what leaves the image before anything is computed."""
    for box in boxes:
        if box.right > width or box.bottom > height:
            raise CeairError(f"the region {box} leaves the image, which is {width}x{height} pixels")
    if point is not None and not (0 <= point[0] < width and 0 <= point[1] < height):
        raise CeairError(f"the pixel {point[0]},{point[1]} is outside of the image, which is {width}x{height} pixels")


def _files(report: Report, title: str, document: str, arrays: Explanation | None) -> dict[str, bytes]:
    """The contents of all files by their names; the page comes last."""
    import numpy as np
    from PIL import Image

    from ceair.explain.page import html_page

    files = {}
    for name, picture in report.pictures.items():
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        files[f"{name}.png"] = file.getvalue()
    files |= {f"{name}.svg": chart.encode() for name, chart in report.charts.items()}
    if arrays is not None:
        file = io.BytesIO()
        kinds = ("affinities", "energy", "additive", "subtractive", "bases", "directions")
        maps = {f"level_{layer.level}_{kind}": getattr(layer, kind) for layer in arrays.layers for kind in kinds}
        np.savez_compressed(file, **maps)
        files["maps.npz"] = file.getvalue()
    files["explanation.json"] = f"{document}\n".encode()
    files["index.html"] = html_page(report, title).encode()
    return files


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write all files, or leave none of them that was not there before."""
    from ceair.files import write_atomically

    made: list[Path] = []
    try:
        for name, content in files.items():
            path = folder / name
            if not exists(path):
                made.append(path)
            write_atomically(path, content)
    except BaseException as error:
        for path in made:
            with suppress(OSError):
                path.unlink()
        if not isinstance(error, OSError):
            raise
        raise CeairError(f"cannot write to {folder}: {error.strerror or error}") from error
