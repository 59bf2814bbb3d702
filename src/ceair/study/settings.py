"""What a study's configuration may say, and the runs that follow from it."""

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ceair.config import load
from ceair.data.benchmarks import SINGLE_SETS
from ceair.errors import ConfigError
from ceair.metrics import GAUSSIAN_WINDOW
from ceair.models.variants import VARIANTS
from ceair.train.settings import (
    Budget,
    DataSettings,
    DeviceSettings,
    LossSettings,
    OptimSettings,
    Stage,
    TrainSettings,
    ValidationSettings,
)

BUNDLED: Mapping[str, Path] = {"smoke": Path(__file__).parent / "smoke.yaml"}
"""Configurations that come with the package, by name; `smoke` makes its own data and takes a minute or two."""

CDD_OPEN = "cdd-open"
SETS = (CDD_OPEN, *(testset.name for testset in SINGLE_SETS))
"""What a study can score on, beside its own held-out photos."""


@dataclass(frozen=True)
class Grid:
    """Variants to train, each with every seed, for so many steps.

    Attributes:
        part: runs are compared with those of the same part only; all grids of a part have the same number of steps.
    """

    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    steps: int
    part: str = "main"

    def __post_init__(self) -> None:
        for variant in self.variants:
            if variant not in VARIANTS:
                raise ValueError(f"there is no variant `{variant}`; choose from {', '.join(VARIANTS)}")
        if not self.variants or not self.seeds or self.steps < 1:
            raise ValueError("a grid needs variants, seeds and a positive number of steps")


@dataclass(frozen=True)
class EvaluationSet:
    """Images to score on: a benchmark's test set, or the held-out photos of the study with noise added.

    Attributes:
        benchmark: one of `SETS`; `cdd-open` is made of the study's held-out photos. None for those photos themselves.
        noise: strengths to add, from 1 to 255 grey levels; only without `benchmark`.
        limit: so many images, evenly spaced.
        crop: the middle square of so many pixels of each image, 11 at least; None for the whole image.
    """

    benchmark: str | None = None
    noise: tuple[int, ...] = ()
    limit: int | None = None
    crop: int | None = None

    def __post_init__(self) -> None:
        if self.benchmark is not None and self.benchmark not in SETS:
            raise ValueError(f"there is no set `{self.benchmark}`; choose from {', '.join(SETS)}")
        if (self.benchmark is None) == (not self.noise):
            raise ValueError("a set needs either a benchmark, or strengths of noise for the held-out photos")
        for strength in self.noise:
            if not 1 <= strength <= 255:  # without noise nothing is wrong with a photo, and its PSNR is infinite
                raise ValueError(f"a strength of noise must be from 1 to 255, not {reprlib.repr(strength)}")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit must be 1 or more, not {reprlib.repr(self.limit)}")
        if self.crop is not None and self.crop < GAUSSIAN_WINDOW:
            least = f"{GAUSSIAN_WINDOW} or more, the window of SSIM"
            raise ValueError(f"crop must be {least}, not {reprlib.repr(self.crop)}")


@dataclass(frozen=True)
class Training:
    """What all runs share: the settings of `ceair train` of these names."""

    stages: tuple[Stage, ...]
    optim: OptimSettings = field(default_factory=OptimSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    devices: DeviceSettings = field(default_factory=DeviceSettings)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    checkpoint_minutes: float = 2.0
    log_every: int = 50


@dataclass(frozen=True)
class StudySettings:
    """A whole study.

    Attributes:
        output: the folder that runs, results, tables and plots go to.
        photos: the folder below `data.root` whose held-out photos CDD-open is made from.
        made_up: instead of real data, make so many photos; a third of them is held out.
    """

    output: Path
    data: DataSettings
    training: Training
    grids: tuple[Grid, ...]
    sets: tuple[EvaluationSet, ...]
    photos: Path = Path("clean")
    made_up: int = 0

    def __post_init__(self) -> None:
        steps: dict[str, int] = {}
        for grid in self.grids:
            if steps.setdefault(grid.part, grid.steps) != grid.steps:
                raise ValueError(f"the grids of part `{grid.part}` differ in their steps; make them parts of their own")
        if not self.grids or not self.sets:
            raise ValueError("a study needs grids and sets")
        if self.training.devices.count * self.training.devices.nodes > 1:
            raise ValueError("a run of a study takes one device; --jobs trains several at a time")
        train_settings(self, runs(self)[0])  # what `ceair train` would refuse is refused before anything is made


@dataclass(frozen=True)
class Run:
    """One network of a study."""

    part: str
    variant: str
    seed: int
    steps: int

    @property
    def name(self) -> str:
        """What the run is called, and where it lies below the folder of the runs."""
        return f"{self.part}/{self.variant}/{self.seed}"


def read(name: str, words: list[str]) -> StudySettings:
    """The study of that name or file, with overrides such as `data.root=DIR`.

    Raises:
        ConfigError: there is no such study, or its file is not sound.
    """
    path = BUNDLED.get(name, Path(name))
    if name not in BUNDLED and not path.is_file():
        raise ConfigError(f"there is no study `{name}`; give the path of a YAML file or one of {', '.join(BUNDLED)}")
    settings = load(StudySettings, path, words)
    if not settings.made_up:
        return settings
    root = settings.output / "made-up"
    return replace(settings, data=replace(settings.data, root=root, held_out=root / "held_out.txt"))


def runs(settings: StudySettings) -> list[Run]:
    """All runs in the order of the grids, each once."""
    found = {
        Run(grid.part, variant, seed, grid.steps): None
        for grid in settings.grids
        for seed in grid.seeds
        for variant in grid.variants
    }
    return list(found)


def train_settings(settings: StudySettings, run: Run) -> TrainSettings:
    """The settings of one run: those of the study, with the run's seed and steps, and an output folder of its own."""
    training = settings.training
    return TrainSettings(
        preset=run.variant,
        output=folder(settings, run),
        data=settings.data,
        train=Budget(steps=run.steps),
        stages=training.stages,
        optim=training.optim,
        loss=training.loss,
        devices=training.devices,
        validation=training.validation,
        seed=run.seed,
        checkpoint_minutes=training.checkpoint_minutes,
        log_every=training.log_every,
    )


def folder(settings: StudySettings, run: Run) -> Path:
    """Where a run keeps its state, its weights and its result."""
    return settings.output / "runs" / run.name
