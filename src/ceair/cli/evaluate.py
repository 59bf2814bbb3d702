"""`ceair evaluate`."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from ceair.data.pairs import Sample
    from ceair.evaluate import Restore, Table

BENCHMARKS = ("folder",)
COLUMNS = {"PSNR": "psnr", "PSNR 8-bit": "psnr_8bit", "SSIM 7x7": "ssim_uniform", "SSIM Gaussian": "ssim_gaussian"}


class Method(str, Enum):
    """What restores the images."""

    weights = "weights"
    identity = "identity"


class Condition(NamedTuple):
    """A row of the table: its samples, which are read as they are needed, and how many there are of how many files."""

    name: str
    samples: "Iterable[Sample]"
    chosen: int
    available: int


Target = Annotated[Path | None, typer.Option(help="Folder of clean images.")]
Input = Annotated[
    Path | None, typer.Option("--input", help="Folder of degraded images, of the same names as the clean ones.")
]
Noise = Annotated[str | None, typer.Option(help="Instead of --input: add noise of these strengths, such as 15,25,50.")]
Weights = Annotated[
    str | None, typer.Option(help="A preset with bundled weights, or a weights file.  [default: ceair-t]")
]
Device = Annotated[str | None, typer.Option(help="Where to run, such as cpu or cuda.  [default: the best there is]")]
Crop = Annotated[int, typer.Option(min=1, help="Crop sides to multiples of this; 1 for the full images.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Score only so many images, evenly spaced.")]


def evaluate(
    benchmark: Annotated[str, typer.Argument(help="What to score on: `folder`, images of your own.")],
    target: Target = None,
    input_folder: Input = None,
    noise: Noise = None,
    weights: Weights = None,
    device: Device = None,
    method: Annotated[Method, typer.Option(help="`identity` scores the images as they are.")] = Method.weights,
    crop: Crop = 16,
    limit: Limit = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, with every image.")] = False,
) -> None:
    """Score a network on clean images and degraded ones, or on clean images and the noise added to them.

    PSNR and SSIM are those of the published all-in-one tables: RGB, in floats, both images cropped to multiples of
    16, the mean over the images. In JSON, null stands for an infinite PSNR (equal images) and for an SSIM of images
    smaller than its window.
    """
    if method is Method.identity and (weights or device):
        raise typer.BadParameter("--method identity uses no network: leave out --weights and --device")
    weights, device = weights or "ceair-t", device or "auto"
    conditions = _conditions(benchmark, target, input_folder, noise, limit)
    tables = _score_all(conditions, _restore(method, weights, device), crop)
    if as_json:
        network = {} if method is Method.identity else {"weights": weights, "device": device}
        folders = {"target": str(target), "input": str(input_folder) if input_folder else None, "noise": noise}
        settings = {"benchmark": benchmark, **folders, "method": method.value, **network, "crop": crop, "limit": limit}
        print(json.dumps({"settings": settings, **_document(tables, conditions)}, indent=2, allow_nan=False))
    else:
        _print_table(tables, conditions)


def _conditions(
    benchmark: str, target: Path | None, input_folder: Path | None, noise: str | None, limit: int | None
) -> list[Condition]:
    if benchmark not in BENCHMARKS:
        raise typer.BadParameter(f"there is no benchmark `{benchmark}`; choose from: {', '.join(BENCHMARKS)}")
    if target is None:
        raise typer.BadParameter("name the folder of clean images by --target")
    if (input_folder is None) == (noise is None):
        raise typer.BadParameter("give either --input, a folder of degraded images, or --noise, such as --noise 25")
    return [_pairs(input_folder, target, limit)] if input_folder else _noisy(target, _strengths(noise or ""), limit)


def _strengths(text: str) -> list[float]:
    try:
        strengths = [float(word) for word in text.split(",")]
    except ValueError:
        strengths = []
    if not strengths or not all(0 <= strength <= 255 for strength in strengths):
        raise typer.BadParameter(
            f"--noise needs numbers from 0 to 255 with commas between, such as 15,25, not `{text}`"
        )
    return strengths


def _pairs(input_folder: Path, target: Path, limit: int | None) -> Condition:
    from ceair.data.pairs import complete_pairs, evenly_spaced, paired_samples

    pairs = complete_pairs(input_folder, target)
    chosen = evenly_spaced(pairs, limit)
    return Condition("pairs", paired_samples(chosen), len(chosen), len(pairs))


def _noisy(target: Path, strengths: Sequence[float], limit: int | None) -> list[Condition]:
    from ceair.data.pairs import evenly_spaced, noisy_samples
    from ceair.image import list_images

    paths = list_images(target)
    chosen = evenly_spaced(paths, limit)
    return [Condition(f"noise {s:g}", noisy_samples(chosen, s), len(chosen), len(paths)) for s in strengths]


def _restore(method: Method, weights: str, device: str) -> "Restore":
    from ceair.evaluate import identity

    if method is Method.identity:
        return identity
    from ceair.cli.process import keep_large_blocks
    from ceair.restore import Restorer

    keep_large_blocks()
    return Restorer.from_pretrained(weights, device=device).restore_tensor


def _score_all(conditions: Sequence[Condition], restore: "Restore", crop: int) -> "list[Table]":
    """Score each condition, with a progress bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    from ceair.evaluate import Table
    from ceair.evaluate import evaluate as run

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("", total=sum(condition.chosen for condition in conditions))

        def counted(condition: Condition) -> "Iterator[Sample]":
            for sample in condition.samples:
                progress.update(bar, description=f"{condition.name}: {sample.name}")
                yield sample
                progress.advance(bar)

        return [Table(condition.name, list(run(counted(condition), restore, crop))) for condition in conditions]


def _document(tables: "Sequence[Table]", conditions: Sequence[Condition]) -> dict[str, Any]:
    from importlib.metadata import version

    versions = {name: version(name) for name in ("ceair", "torch", "numpy", "scikit-image")}
    pairs = zip(tables, conditions, strict=True)
    return {
        "versions": versions,
        "conditions": [{"available": condition.available, **table.as_json()} for table, condition in pairs],
    }


def _print_table(tables: "Sequence[Table]", conditions: Sequence[Condition]) -> None:
    from ceair.cli.table import show

    rows = []
    for table, condition in zip(tables, conditions, strict=True):
        some = "" if condition.chosen == condition.available else f" of {condition.available}"
        means = [_number(table.mean(metric), 2 if "psnr" in metric else 4) for metric in COLUMNS.values()]
        rows.append([table.condition, f"{condition.chosen}{some}", _number(table.input_psnr, 2), *means])
    show(["condition", "images", "input PSNR", *COLUMNS], rows)
    if any(len(table.values("ssim_gaussian")) < len(table.results) for table in tables):
        print("SSIM leaves out images smaller than its window (7 or 11 pixels).")


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
