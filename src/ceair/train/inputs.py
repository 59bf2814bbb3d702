"""The batches of a run, made from its settings: from sources and a mixture, or from the sets of a benchmark."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ceair.data.benchmarks import BENCHMARKS, Part
from ceair.data.locate import find
from ceair.data.mixture import Batch, Ingredient, Mixture
from ceair.data.sources import FilePairs, PairedFolder, PhotoSource, Source
from ceair.degradations.camera import NOISE_SIGMA
from ceair.errors import ConfigError, DataError
from ceair.files import name_bytes
from ceair.image import list_images
from ceair.train.settings import SourceSettings, TrainSettings

Pairs = list[tuple[Path, Path]]


def training_mixture(settings: TrainSettings) -> Mixture:
    """Everything but the held-out images, at the weights of the settings or the repeats of the benchmark.

    Raises:
        ConfigError: the benchmark does not exist or trains on nothing, or the mixture is not sound.
        DataError: a folder or a set is missing or empty.
    """
    if settings.data.benchmark:
        return _benchmark_mixture(settings, settings.seed, lambda pairs, kept: [p for p in pairs if p[1] not in kept])
    held_out = read_held_out(settings.data.held_out)
    sources = {
        name: _source(settings.data.root / source.path, source, held_out)
        for name, source in settings.data.sources.items()
    }
    data = settings.data
    return Mixture(sources, data.mixture, settings.seed, data.group_size, settings.loss.needs_kinds)


def validation_batches(settings: TrainSettings, device: torch.device) -> dict[str, Batch]:
    """A few fixed samples of every ingredient, by its label, from held-out images only; none if none are held out."""
    mixture = _validation_mixture(settings)
    return mixture.fixed(settings.validation.images, settings.validation.crop, device) if mixture else {}


def schedule_steps(settings: TrainSettings, mixture: Mixture) -> int | None:
    """The steps of the schedule: those of the settings, or of their epochs in batches of the first stage."""
    budget = settings.train
    if budget.epochs is None:
        return budget.steps
    samples = sum(ingredient.weight for ingredient in mixture.ingredients)
    steps = math.ceil(budget.epochs * samples / settings.stages[0].batch)
    return min(steps, budget.steps) if budget.steps else steps


def read_held_out(path: Path | None) -> frozenset[str]:
    """The stems listed in a text file, one a line; lines that start with `#` are comments.

    Raises:
        ConfigError: the file cannot be read.
    """
    if path is None:
        return frozenset()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"cannot read the list of held-out images {path}: {error.strerror}") from error
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _validation_mixture(settings: TrainSettings) -> Mixture | None:
    data = settings.data
    if data.benchmark:
        if not data.held_out_scenes:
            return None
        return _benchmark_mixture(settings, 0, lambda pairs, kept: [pair for pair in pairs if pair[1] in kept])
    held_out = read_held_out(data.held_out)
    sources: dict[str, Source] = {}
    for name, source in data.sources.items():
        folder = data.root / source.path
        rest = _stems(folder, source) - held_out
        try:
            sources[name] = _source(folder, replace(source, in_memory=True, shrink=1.0), rest)
        except DataError:
            continue
    ingredients = [
        replace(ingredient, exposure=(1.0, 1.0)) if data.sources[ingredient.source].kind == "pairs" else ingredient
        for ingredient in data.mixture
        if ingredient.source in sources
    ]
    return Mixture(sources, ingredients, seed=0, group_size=data.group_size) if ingredients else None


def _benchmark_mixture(
    settings: TrainSettings, seed: int, choose: Callable[[Pairs, frozenset[Path]], Pairs]
) -> Mixture:
    """The training sets of a benchmark, each image at its repeats; `choose` takes the wanted pairs of a set."""
    name = settings.data.benchmark or ""
    parts = BENCHMARKS[name].training if name in BENCHMARKS else ()
    if not parts:
        able = ", ".join(benchmark.name for benchmark in BENCHMARKS.values() if benchmark.training)
        raise ConfigError(f"`{name}` is no benchmark that says what to train on; choose one of {able}")
    sources: dict[str, Source] = {}
    ingredients: list[Ingredient] = []
    for part in parts:
        pairs = _pairs_of(part, settings)
        chosen = choose(pairs, _held_out_scenes([clean for _, clean in pairs], settings.data.held_out_scenes))
        if not chosen:
            raise DataError(f"nothing of {part.trainset.title} is left to train on; lower data.held_out_scenes")
        sources[part.trainset.name] = FilePairs(chosen, settings.data.in_memory)
        ingredients += _ingredients(part, len(chosen))
    return Mixture(sources, ingredients, seed, settings.data.group_size, settings.loss.needs_kinds)


def _pairs_of(part: Part, settings: TrainSettings) -> Pairs:
    root = settings.data.root
    located = find(part.trainset, root)
    if located is None:
        command = f"ceair doctor {settings.data.benchmark} --data {root}"
        raise DataError(f"{part.trainset.title} is not in {root}; `{command}` says where it should lie")
    return located.pairs() if located.inputs else [(path, path) for path in located.clean_paths()]


def _held_out_scenes(clean: Sequence[Path], count: int) -> frozenset[Path]:
    """`count` of the clean images, by the hash of their stems: the same ones wherever the files lie."""

    def digest(path: Path) -> bytes:
        return hashlib.blake2b(name_bytes(path.stem), digest_size=8).digest()

    return frozenset(sorted(set(clean), key=lambda path: (digest(path), path))[:count])


def _ingredients(part: Part, images: int) -> list[Ingredient]:
    """What an epoch takes of a set: its pairs as they are, or its images with noise of each strength."""
    name, weight = part.trainset.name, float(images * part.repeats)
    if not part.sigmas:
        return [Ingredient(name, weight)]
    severities = {sigma: sigma / NOISE_SIGMA for sigma in part.sigmas}
    return [
        Ingredient(name, weight, {"noise": (severity, severity)}, name=f"{name} noise {sigma}")
        for sigma, severity in severities.items()
    ]


def _source(folder: Path, source: SourceSettings, held_out: frozenset[str]) -> Source:
    kind = PhotoSource if source.kind == "photos" else PairedFolder
    return kind(folder, held_out, in_memory=source.in_memory, shrink=source.shrink)


def _stems(folder: Path, source: SourceSettings) -> frozenset[str]:
    return frozenset(path.stem for path in list_images(folder / "input" if source.kind == "pairs" else folder))
