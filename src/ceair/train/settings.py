"""What a training configuration may say."""

import reprlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ceair.data.mixture import Ingredient
from ceair.losses import Pixelwise


def _at_least(least: int, group: str, **values: float | None) -> None:
    """Refuse numbers below `least`, under the names of their keys; None says that a key is not used."""
    for name, value in values.items():
        if value is not None and not value >= least:
            raise ValueError(f"{group}{name} must be {least} or more, not {reprlib.repr(value)}")


@dataclass(frozen=True)
class SourceSettings:
    """A folder of photos, or of real pairs (`input/` and `target/`), relative to `data.root`.

    `in_memory: false` reads files as they are needed, for collections that do not fit. With `shrink` above 1, half of
    the crops show up to so many times as much of a scene along each side, made smaller; validation does without.
    """

    path: Path
    kind: Literal["photos", "pairs"] = "photos"
    in_memory: bool = True
    shrink: float = 1.0

    def __post_init__(self) -> None:
        _at_least(1, "", shrink=self.shrink)


@dataclass(frozen=True)
class DataSettings:
    """Where patches come from: sources and a mixture of them, or the training sets of a benchmark at its repeats.

    Attributes:
        held_out: a text file of stems, one a line, that are kept for validation.
        held_out_scenes: of each training set of a benchmark, this many clean images are kept for validation.
        in_memory: whether a benchmark's images are all held in memory; sources say so for themselves.
    """

    root: Path
    sources: dict[str, SourceSettings] = field(default_factory=dict)
    mixture: tuple[Ingredient, ...] = ()
    benchmark: str | None = None
    held_out: Path | None = None
    held_out_scenes: int = 0
    in_memory: bool = False
    group_size: int = 4

    def __post_init__(self) -> None:
        if (self.benchmark is None) == (not self.mixture):
            raise ValueError("set either data.benchmark, or data.sources and data.mixture")
        if self.benchmark and (self.sources or self.held_out):
            raise ValueError("data.benchmark brings its own sources and data.held_out_scenes; leave the others out")
        _at_least(1, "data.", group_size=self.group_size)
        _at_least(0, "data.", held_out_scenes=self.held_out_scenes)


@dataclass(frozen=True)
class Stage:
    """Patch and batch up to a share of the schedule (`until`, in [0, 1])."""

    until: float
    patch: int
    batch: int

    def __post_init__(self) -> None:
        if not 0 <= self.until <= 1:
            raise ValueError(f"until must be a share of the schedule, from 0 to 1, not {self.until}")
        _at_least(1, "", patch=self.patch, batch=self.batch)


@dataclass(frozen=True)
class OptimSettings:
    """Muon on what is a matrix and AdamW on the rest, or AdamW alone as the published protocols have it.

    `warmup` is a share of the schedule; `final` is the learning rate at the end of the cosine relative to its peak.
    The cosine ends at `horizon` times the schedule: above 1 where a protocol stops before its cosine does.

    `clip` is the most that the norm of a batch's gradient may be, and `clip_each` that of each of its groups before
    they are averaged; the samples of a group (`data.group_size`) share a degradation.
    """

    kind: Literal["muon", "adamw"] = "muon"
    lr: float = 2e-3
    momentum: float = 0.95
    betas: tuple[float, ...] = (0.9, 0.9)
    weight_decay: float = 0.0
    warmup: float = 0.02
    final: float = 0.01
    horizon: float = 1.0
    clip: float | None = 1.0
    clip_each: float | None = None
    ema: float = 0.999

    def __post_init__(self) -> None:
        if min(self.clip or 0, self.clip_each or 0) < 0:
            raise ValueError("optim.clip and optim.clip_each must not be negative; null does without")
        if not self.lr > 0:
            raise ValueError(f"optim.lr must be above 0, not {self.lr}")
        if len(self.betas) != 2:
            raise ValueError("optim.betas must be two numbers, such as [0.9, 0.999]")
        decays = [*(("betas", beta) for beta in self.betas), ("momentum", self.momentum), ("ema", self.ema)]
        for name, value in decays:
            if not 0 <= value < 1:
                raise ValueError(f"optim.{name} must be 0 or more and below 1, not {value}")
        _at_least(0, "optim.", weight_decay=self.weight_decay, final=self.final)
        if not 0 <= self.warmup <= 1 or not self.warmup < self.horizon:
            raise ValueError("optim.warmup must be from 0 to 1 and below optim.horizon")


@dataclass(frozen=True)
class LossSettings:
    """The pixelwise loss, and the weights of others beside it: of the frequency loss, and of `train.routing`."""

    pixelwise: Pixelwise = "l1"
    frequency: float = 0.0
    routing: float = 0.0

    def __post_init__(self) -> None:
        if self.frequency < 0 or self.routing < 0:
            raise ValueError("loss.frequency and loss.routing must not be negative")

    @property
    def needs_kinds(self) -> bool:
        """Whether batches have to say which degradation is where."""
        return self.routing > 0


@dataclass(frozen=True)
class DeviceSettings:
    """Passed to Lightning Fabric; `threads` are CPU threads of each process.

    There is no float16: its gradient scaler serves one optimiser, and clipping would see scaled gradients.
    """

    accelerator: str = "auto"
    count: int = 1
    nodes: int = 1
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    threads: int | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        _at_least(1, "devices.", count=self.count, nodes=self.nodes, threads=self.threads)


@dataclass(frozen=True)
class ValidationSettings:
    """How often to validate on the held-out images, and on how many of each kind, cut to how many pixels.

    `every_steps` counts in place of `every_minutes` if it is set.
    """

    every_minutes: float = 15.0
    every_steps: int | None = None
    images: int = 8
    crop: int = 256

    def __post_init__(self) -> None:
        _at_least(1, "validation.", every_steps=self.every_steps, images=self.images, crop=self.crop)
        _at_least(0, "validation.", every_minutes=self.every_minutes)


@dataclass(frozen=True)
class Budget:
    """The schedule ends when any of these is used up; the learning rate follows the one that is furthest on.

    `epochs` are passes over the training sets of `data.benchmark`, repeats included.
    """

    steps: int | None = None
    epochs: float | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if self.steps is None and self.epochs is None and self.minutes is None:
            raise ValueError("set train.steps, train.epochs or train.minutes")
        for name in ("steps", "epochs", "minutes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"train.{name} must be above 0, not {reprlib.repr(value)}; null does without")


@dataclass(frozen=True)
class TrainSettings:
    """One training run."""

    preset: str
    output: Path
    data: DataSettings
    train: Budget
    stages: tuple[Stage, ...] = (Stage(1.0, 128, 16),)
    optim: OptimSettings = field(default_factory=OptimSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    devices: DeviceSettings = field(default_factory=DeviceSettings)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    init_from: Path | None = None
    seed: int = 0
    checkpoint_minutes: float = 10.0
    log_every: int = 50

    def __post_init__(self) -> None:
        _at_least(1, "", log_every=self.log_every)
        _at_least(0, "", checkpoint_minutes=self.checkpoint_minutes)
        if self.train.epochs and not self.data.benchmark:
            raise ValueError("train.epochs needs data.benchmark; set train.steps or train.minutes")
        group = self.data.group_size
        ends = [stage.until for stage in self.stages]
        if not ends or ends != sorted(ends) or ends[-1] != 1.0:
            raise ValueError("stages must ascend and the last must have `until: 1.0`")
        for stage in self.stages:
            if stage.batch % (group * self.devices.count * self.devices.nodes):
                raise ValueError(f"a batch of {stage.batch} does not split into groups of {group} for each device")

    def stage(self, progress: float) -> Stage:
        """The stage at a share of the schedule in [0, 1]."""
        return next((stage for stage in self.stages if progress < stage.until), self.stages[-1])
