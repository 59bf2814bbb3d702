"""`ceair evaluate`."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ceair.cli.engine import CautiousOption, EnsembleOption, StrengthOption
from ceair.cli.table import Format

if TYPE_CHECKING:
    from ceair.benchmark import Condition, Method, Scored
    from ceair.data.benchmarks import Benchmark
    from ceair.evaluate import Perceptual, Result


class Restorers(str, Enum):
    """What restores the images."""

    weights = "weights"
    identity = "identity"


Name = Annotated[
    str, typer.Argument(help="aio3, aio5, cdd11, cdd-open or one set, such as cbsd68; or `folder`: images of your own.")
]
Data = Annotated[Path | None, typer.Option(help="The folder with the benchmark's data sets; see docs/benchmarks.md.")]
Target = Annotated[Path | None, typer.Option(help="For `folder`: the folder of clean images.")]
Input = Annotated[
    Path | None, typer.Option("--input", help="For `folder`: degraded images, of the same names as the clean ones.")
]
Noise = Annotated[str | None, typer.Option(help="Instead of --input: add noise of these strengths, such as 15,25,50.")]
Weights = Annotated[str | None, typer.Option(help="As of `ceair restore`.  [default: ceair-t]")]
Device = Annotated[str | None, typer.Option(help="Where to run, such as cpu or cuda.  [default: the best there is]")]
How = Annotated[Restorers, typer.Option("--method", help="`identity` scores the images as they are.")]
Images = Annotated[Path | None, typer.Option(help="Score these restored images instead: DIR/CONDITION/NAME.png.")]
Crop = Annotated[
    int | None,
    typer.Option(min=1, help="Crop sides to multiples of this.  [default: 16, and 1 for CDD-11 and CDD-open]"),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Score only so many images of each set, evenly spaced.")]
Legacy = Annotated[bool, typer.Option("--legacy-noise", help="The field's noise: one stream, seed 0, sorted files.")]
Save = Annotated[Path | None, typer.Option(help="Keep the restored images, as DIR/CONDITION/NAME.png.")]
Compare = Annotated[bool, typer.Option("--compare", help="Show published rows beside these.")]
Form = Annotated[Format, typer.Option("--format", help="How tables are written.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write every image's scores to this file.")]
JsonFile = Annotated[Path | None, typer.Option(help="Write what --json prints to this file.")]
Lpips = Annotated[Path | None, typer.Option(help="Score by LPIPS, too: its weights; see docs/benchmarks.md.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


@dataclass(frozen=True)
class _Task:
    """What is to be scored, as it was asked for."""

    benchmark: "Benchmark | None"  # None: folders of one's own
    conditions: "list[Condition]"

    @property
    def averaged(self) -> bool:
        return self.benchmark is not None and self.benchmark.averaged


def evaluate(
    benchmark: Name,
    data: Data = None,
    target: Target = None,
    input_folder: Input = None,
    noise: Noise = None,
    weights: Weights = None,
    device: Device = None,
    strength: StrengthOption = 1.0,
    cautious: CautiousOption = False,
    ensemble: EnsembleOption = False,
    method: How = Restorers.weights,
    images: Images = None,
    crop: Crop = None,
    limit: Limit = None,
    legacy_noise: Legacy = False,
    lpips_weights: Lpips = None,
    save: Save = None,
    compare: Compare = False,
    form: Form = Format.table,
    csv: Csv = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, with every image.")] = False,
    json_file: JsonFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Score a network, or restored images, on a benchmark of the field or on folders of your own.

    PSNR and SSIM are those of the published all-in-one tables: RGB, in floats, both images cropped to multiples of
    16 (CDD-11: not at all), the mean over the images. Sets that are not there are shown as absent and never averaged
    over. In JSON, null stands for an infinite PSNR (equal images) and for an SSIM of images smaller than its window.
    """
    network = weights or device or cautious or ensemble or strength < 1
    if method is Restorers.identity and network:
        raise typer.BadParameter("--method identity uses no network: leave out --weights, --device and the like")
    if images and (network or method is Restorers.identity):
        raise typer.BadParameter("--images uses no method: leave out --weights, --device, --method and the like")
    settings = {
        "benchmark": benchmark, "data": _text(data), "target": _text(target), "input": _text(input_folder),
        "noise": noise, "method": "images" if images else method.value, "images": _text(images),
        "crop": crop, "limit": limit, "legacy_noise": legacy_noise,
        "lpips_weights": _text(lpips_weights),
    }  # fmt: skip
    task = _task(benchmark, data, (target, input_folder, noise), crop, limit)
    if compare and not (task.benchmark and task.benchmark.published):
        raise typer.BadParameter(f"nothing is published here to --compare `{benchmark}` with: use aio3, aio5 or cdd11")
    _check_outputs([csv, json_file, *_kept(task, save)], overwrite)
    if images:
        task, answer, about, used = _saved(task, images)
    else:
        how = {"strength": strength, "cautious": cautious, "ensemble": ensemble}
        answer, about, used = _network(method, weights or "ceair-t", device or "auto", how)
    perceptual = _perceptual(lpips_weights)
    scored = _score_all(task.conditions, answer, legacy_noise, save, perceptual)
    name = weights or (images.name if images else {"identity": "input"}.get(method.value, "ceair-t"))
    if not as_json:
        _print(task, scored, name, compare, form)
    _write(task, scored, settings | about, used, csv, json_file, as_json)


def _text(path: Path | None) -> str | None:
    return str(path) if path else None


def _task(
    name: str, data: Path | None, own: tuple[Path | None, Path | None, str | None], crop: int | None, limit: int | None
) -> _Task:
    from ceair.benchmark import conditions
    from ceair.data.benchmarks import BENCHMARKS

    if name == "folder":
        if data:
            raise typer.BadParameter("`folder` scores --target with --input or --noise: leave out --data")
        return _Task(None, _own_folders(*own, crop or 16, limit))
    if name not in BENCHMARKS:
        raise typer.BadParameter(f"there is no benchmark `{name}`; choose from: {', '.join(['folder', *BENCHMARKS])}")
    if any(own):
        raise typer.BadParameter("--target, --input and --noise are for `folder`: a benchmark reads --data")
    if data is None:
        raise typer.BadParameter("name the folder with the data sets by --data")
    return _Task(BENCHMARKS[name], conditions(BENCHMARKS[name], data, crop, limit))


def _own_folders(
    target: Path | None, input_folder: Path | None, noise: str | None, crop: int, limit: int | None
) -> "list[Condition]":
    from ceair.benchmark import noisy_folder, paired_folders

    if target is None:
        raise typer.BadParameter("name the folder of clean images by --target")
    if (input_folder is None) == (noise is None):
        raise typer.BadParameter("give either --input, a folder of degraded images, or --noise, such as --noise 25")
    if input_folder:
        return [paired_folders(input_folder, target, crop, limit)]
    return noisy_folder(target, _strengths(noise or ""), crop, limit)


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


def _kept(task: _Task, save: Path | None) -> list[Path]:
    """The files that --save will write."""
    if save is None:
        return []
    return [save / one.folder / f"{degraded.stem}.png" for one in task.conditions for degraded, _ in one.files]


def _check_outputs(paths: Sequence[Path | None], overwrite: bool) -> None:
    from ceair.errors import DataError
    from ceair.files import exists, obstacle

    for path in paths:
        if path and exists(path) and not overwrite:
            raise DataError(f"{path} exists; --overwrite replaces it")
        if path and (folder := obstacle(path)):
            raise DataError(f"cannot write {path}: {folder} is no folder that can be written to; name another place")


def _saved(task: _Task, folder: Path) -> "tuple[_Task, Method, dict[str, Any], str]":
    """The task without the columns that nobody restored, what reads the images, and what the document says of it."""
    from ceair.benchmark import SavedImages, without_images
    from ceair.errors import DataError

    images = SavedImages(folder, sum(not condition.absent for condition in task.conditions) == 1)
    conditions = [without_images(condition, images) for condition in task.conditions]
    if all(condition.absent for condition in conditions):
        wanted = ", ".join(condition.folder for condition in task.conditions if not condition.absent)
        raise DataError(f"{folder} holds none of the folders of restored images: {wanted}")
    return _Task(task.benchmark, conditions), images, {}, "cpu"


def _network(method: Restorers, weights: str, device: str, how: dict[str, Any]) -> "tuple[Method, dict[str, Any], str]":
    """What restores, what the document says of it, and the device that it runs on; `how` is as of `Restorer`."""
    from ceair.benchmark import network
    from ceair.evaluate import identity

    if method is Restorers.identity:
        return network(identity), {}, "cpu"
    from ceair.checkpoint import find_weights
    from ceair.cli.process import keep_large_blocks
    from ceair.files import sha256
    from ceair.restore import Restorer

    keep_large_blocks()
    restorer = Restorer.from_pretrained(weights, device, "torch", "fp32", **how)
    about = {"weights": weights, "device": device, **how, "weights_sha256": sha256(find_weights(weights))}
    return network(restorer.restore_tensor), about, str(restorer.device)


def _perceptual(weights: Path | None) -> "Perceptual | None":
    if weights is None:
        return None
    from ceair.lpips import LPIPS

    return LPIPS.from_file(weights)


def _score_all(
    conditions: "Sequence[Condition]",
    method: "Method",
    legacy_noise: bool,
    save: Path | None,
    perceptual: "Perceptual | None",
) -> "list[Scored]":
    """Score each condition, with a progress bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    from ceair.benchmark import Scored, score_condition
    from ceair.evaluate import Table

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("", total=sum(len(condition.files) for condition in conditions))

        def results(condition: "Condition") -> "Iterator[Result]":
            keep = save / condition.folder if save else None
            for result in score_condition(condition, method, legacy_noise, keep, perceptual):
                progress.update(bar, description=escape(f"{condition.title}: {result.name}"))
                progress.advance(bar)
                yield result

        return [Scored(one, None if one.absent else Table(one.name, list(results(one)))) for one in conditions]


def _write(
    task: _Task,
    scored: "Sequence[Scored]",
    settings: dict[str, Any],
    device: str,
    csv: Path | None,
    json_file: Path | None,
    as_json: bool,
) -> None:
    from ceair.files import name_bytes, write_atomically
    from ceair.report import document, table_of_images

    if as_json or json_file:
        text = json.dumps(document(settings, scored, task.averaged, device), indent=2, allow_nan=False)
        if as_json:
            print(text)
        if json_file:
            write_atomically(json_file, f"{text}\n".encode())
    if csv:
        write_atomically(csv, name_bytes(table_of_images(scored)))


def _print(task: _Task, scored: "Sequence[Scored]", name: str, compare: bool, form: Format) -> None:
    from ceair.cli.table import show
    from ceair.report import SOURCES, comparison, notes, rows

    header, lines = rows(scored, task.averaged, intervals=task.benchmark is not None)
    show(header, lines, form)
    sentences = notes(scored, task.averaged)
    if compare and task.benchmark:
        print()
        header, lines = comparison(task.benchmark, scored, name)
        show(header, lines, form)
        sentences += SOURCES
    if sentences and form is not Format.table:
        print()  # a paragraph of its own behind the table
    for sentence in sentences:
        print(f"% {sentence}" if form is Format.latex else sentence)
