"""`ceair degrade`."""

from __future__ import annotations

import hashlib
import json as to_json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeVar

import typer

from ceair.cli.manifest import MANIFEST, Manifest
from ceair.cli.plan import Job, plan
from ceair.cli.process import Signals
from ceair.errors import CeairError, DataError, ImageError
from ceair.files import exists, real_path, sha256

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import UInt8

    from ceair.data.degraded import Part, Spread

T = TypeVar("T")


class Preset(str, Enum):
    """Whole benchmarks that can be made."""

    cdd_open = "cdd-open"


class Made(NamedTuple):
    """An image to write, where below the output folder, and what the manifest says about it (nothing of maps)."""

    file: str
    image: UInt8[np.ndarray, "..."]
    facts: dict[str, Any] | None


Outcome = Literal["made", "failed", "skipped"]
Make = Callable[["UInt8[np.ndarray, 'h w 3']", str], Iterator[Made]]

SPREADS: tuple[Spread, ...] = ("even", "left", "right", "smooth")

With = Annotated[
    str | None,
    typer.Option(
        "--with",
        help="Any of low_light, rain, snow, haze, defocus, motion_blur, sensor_noise, noise, jpeg; commas between.",
    ),
]
Severity = Annotated[str, typer.Option(help="From 0 to 1, for all or each: 0.5, or rain=0.3,haze=0.6.")]
Uneven = Annotated[
    str | None,
    typer.Option(help="Vary over the image, all or some: smooth, left or right; or rain=left,haze=smooth."),
]


def degrade(
    inputs: Annotated[list[str], typer.Argument(metavar="IN", help="Clean images, folders, or quoted globs.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder that the results go to, as PNG.")],
    names: With = None,
    severity: Severity = "0.5",
    uneven: Uneven = None,
    preset: Annotated[
        Preset | None, typer.Option(help="cdd-open: 15 subsets of low light, rain, snow and haze.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another number makes another version.")] = 0,
    maps: Annotated[bool, typer.Option("--maps", help="Also write where each degradation acts how strongly.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the manifest on stdout.")] = False,
) -> None:
    """Make degraded versions of clean images, with a manifest of what was done to each.

    What is random hangs on the seed, the name of the file and the degradations only. Results that exist are skipped,
    so that an interrupted job goes on where it was. The hashes in the manifest are SHA-256 of the pixels, which do not
    hang on the PNG compressor; `input_sha256` is of the file.
    """
    if (preset is None) == (names is None):
        raise typer.BadParameter("name the degradations by --with, such as --with rain,haze, or a --preset")
    if preset and (uneven or severity != "0.5"):
        raise typer.BadParameter("--preset settles what is made: leave out --severity and --uneven")
    jobs = _jobs(inputs, output)
    if preset:
        settings, make = _cdd_open(seed, maps)
    else:
        settings, make = _single(_parts(names or "", severity, uneven), seed, maps)
    manifest = Manifest(output / MANIFEST, settings, overwrite)
    with Signals() as signals:
        counts = _make_all(jobs, make, manifest, overwrite, signals)
    if json:
        typer.echo(to_json.dumps(manifest.document(), indent=2))
    hint = " (they exist; --overwrite makes them again)" if counts["skipped"] else ""
    typer.echo(f"{counts['made']} made, {counts['failed']} failed, {counts['skipped']} skipped{hint}", err=True)
    if signals.came() or counts["failed"]:
        raise typer.Exit(signals.code or 1)


def _jobs(inputs: Sequence[str], output: Path) -> list[Job]:
    jobs = plan(inputs, f"{output}/", overwrite=True, ending=".png").jobs
    for job in jobs:
        if real_path(job.source).is_relative_to(real_path(output)):
            raise typer.BadParameter(f"the input {job.source} lies in the output folder; choose another folder")
    return jobs


def _parts(names: str, severity: str, uneven: str | None) -> dict[str, Part]:
    """What to do, from the words of the command line."""
    from ceair.data.degraded import Part
    from ceair.degradations import DEGRADATIONS

    chosen = [name.strip() for name in names.split(",")]
    for name in chosen:
        if name not in DEGRADATIONS:
            raise typer.BadParameter(f"there is no degradation `{name}`; choose from {', '.join(DEGRADATIONS)}")
    severities = _spread_out("--severity", severity, chosen, _level, 0.5)
    spreads = _spread_out("--uneven", uneven or "even", chosen, _where, SPREADS[0])
    return {name: Part(severities[name], spreads[name]) for name in DEGRADATIONS if name in chosen}


def _spread_out(
    option: str, text: str, names: Sequence[str], convert: Callable[[str], T | None], default: T
) -> dict[str, T]:
    """A value for each name, from a value for all of them, or from `name=value` with commas between."""
    values = dict.fromkeys(names, default)
    for word in text.split(","):
        name, equals, last = word.strip().rpartition("=")
        value = convert(last)
        if value is None or (equals and name not in names):
            hint = "rain=left,haze=smooth" if option == "--uneven" else "0.5, or rain=0.3,haze=0.6"
            raise typer.BadParameter(f"{option} cannot be `{word}`; write {hint}, of what --with names")
        values |= {name: value} if equals else dict.fromkeys(names, value)
    return values


def _level(text: str) -> float | None:
    try:
        level = float(text)
    except ValueError:
        return None
    return level if 0 <= level <= 1 else None


def _where(text: str) -> Spread | None:
    return next((spread for spread in SPREADS if spread == text), None)


def _single(parts: dict[str, Part], seed: int, maps: bool) -> tuple[dict[str, Any], Make]:
    from ceair.data.degraded import degrade

    facts = {name: {"severity": part.severity, "spread": part.spread} for name, part in parts.items()}

    def make(clean: UInt8[np.ndarray, "h w 3"], name: str) -> Iterator[Made]:
        """The degraded photo, then its maps."""
        degraded = degrade(clean, parts, name, seed)
        yield Made(f"{name}.png", degraded.image, {})
        for key, plane in degraded.maps.items() if maps else ():
            yield Made(f"maps/{name}_{key}.png", plane, None)

    return {"seed": seed, "degradations": facts, "maps": maps}, make


def _cdd_open(seed: int, maps: bool) -> tuple[dict[str, Any], Make]:
    from ceair.data.cdd_open import SUBSETS, VERSION, compose, make_scene

    def make(clean: UInt8[np.ndarray, "h w 3"], name: str) -> Iterator[Made]:
        """The photo itself, then each composite and its maps."""
        yield Made(f"clear/{name}.png", clean, {"subset": "clear"})
        scene = make_scene(clean, name, seed)
        for subset, spreads in SUBSETS.items():
            composite = compose(scene, subset)
            facts = {"subset": subset, "degradations": dict(spreads), "strengths": composite.strengths}
            yield Made(f"{subset}/{name}.png", composite.image, facts)
            for key, plane in composite.maps.items() if maps else ():
                yield Made(f"maps/{subset}/{name}_{key}.png", plane, None)

    return {"preset": Preset.cdd_open.value, "version": VERSION, "seed": seed, "maps": maps}, make


def _make_all(
    jobs: Sequence[Job], make: Make, manifest: Manifest, overwrite: bool, signals: Signals
) -> Counter[Outcome]:
    """Do the jobs with a progress bar if stderr is a terminal, until a signal comes; how many ended in which way."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("degrading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    counts: Counter[Outcome] = Counter()
    signals.waits = True
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
            for job in bar.track(jobs):
                if signals.came():
                    break
                try:
                    counts["made" if _make_one(job, make, manifest, overwrite) else "skipped"] += 1
                except CeairError as error:
                    counts["failed"] += 1
                    console.print(f"ceair: {error}", markup=False, highlight=False, emoji=False, soft_wrap=True)
                manifest.write_now_and_then()
    finally:  # an interrupted job, too, leaves a manifest to go on from
        if manifest.images:
            manifest.write()
    return counts


def _make_one(job: Job, make: Make, manifest: Manifest, overwrite: bool) -> bool:
    """Write all versions of an image; False if they are there already."""
    from ceair.image import read_rgb

    try:
        digest = sha256(job.source)
    except OSError as error:
        raise ImageError(f"cannot read {job.source}: {error.strerror}") from error
    if not overwrite and manifest.knows(job.source.name, digest):
        return False
    clean = read_rgb(job.source)
    outputs = []
    for made in make(clean, job.source.stem):
        target = manifest.place(made.file)
        if overwrite or not exists(target):
            manifest.give_way(job.source.name, digest)
            _write(target, made.image)
        elif not _holds(target, made.image):
            raise DataError(f"{target} exists and shows something else; --overwrite replaces it")
        if made.facts is not None:
            outputs.append({"file": made.file, "sha256": _pixel_hash(made.image), **made.facts})
    entry = {"input": job.source.name, "input_sha256": digest, "sha256": _pixel_hash(clean), "outputs": outputs}
    manifest.images[job.source.name] = entry
    return True


def _holds(path: Path, image: UInt8[np.ndarray, "..."]) -> bool:
    """Whether a file shows this image, as it does where an earlier run was cut off before its manifest."""
    import numpy as np

    from ceair.image import read_rgb

    shown = read_rgb(path)
    planes = image if image.ndim == 3 else image[..., None]
    return shown.shape[:2] == planes.shape[:2] and bool(np.all(shown == planes))


def _write(path: Path, image: UInt8[np.ndarray, "..."]) -> None:
    from ceair.image import Picture, write_picture

    write_picture(path, Picture(image[..., None] if image.ndim == 2 else image))


def _pixel_hash(image: UInt8[np.ndarray, "..."]) -> str:
    """SHA-256 of the bytes of the pixels, row by row, RGB."""
    import numpy as np

    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()
