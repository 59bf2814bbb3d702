"""The batches of a run, made from its settings."""

from dataclasses import replace
from pathlib import Path

import torch

from ceair.data.mixture import Batch, Mixture
from ceair.data.sources import PairedFolder, PhotoSource, Source
from ceair.errors import ConfigError, DataError
from ceair.image import list_images
from ceair.train.settings import SourceSettings, TrainSettings


def training_mixture(settings: TrainSettings) -> Mixture:
    """Everything but the held-out images, at the weights of the settings."""
    held_out = read_held_out(settings.data.held_out)
    sources = {
        name: _source(settings.data.root / source.path, source, held_out)
        for name, source in settings.data.sources.items()
    }
    return Mixture(sources, settings.data.mixture, settings.seed, settings.data.group_size)


def validation_batches(settings: TrainSettings, device: torch.device) -> dict[str, Batch]:
    """A few fixed samples of every ingredient, by its label, from held-out images only; none if none are held out."""
    held_out = read_held_out(settings.data.held_out)
    sources: dict[str, Source] = {}
    for name, source in settings.data.sources.items():
        folder = settings.data.root / source.path
        rest = _stems(folder, source) - held_out
        try:
            sources[name] = _source(folder, replace(source, in_memory=True), rest)
        except DataError:
            continue
    ingredients = [ingredient for ingredient in settings.data.mixture if ingredient.source in sources]
    if not ingredients:
        return {}
    mixture = Mixture(sources, ingredients, seed=0, group_size=settings.data.group_size)
    return mixture.fixed(settings.validation.images, settings.validation.crop, device)


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


def _source(folder: Path, source: SourceSettings, held_out: frozenset[str]) -> Source:
    kind = PhotoSource if source.kind == "photos" else PairedFolder
    return kind(folder, held_out, source.in_memory)


def _stems(folder: Path, source: SourceSettings) -> frozenset[str]:
    return frozenset(path.stem for path in list_images(folder / "input" if source.kind == "pairs" else folder))
