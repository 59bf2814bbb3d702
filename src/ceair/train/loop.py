"""The training loop: one process per device through Lightning Fabric, stopped and resumed at will."""

import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from ceair.checkpoint import load_into, load_tensors
from ceair.data.mixture import Batch, Mixture
from ceair.losses import make_loss
from ceair.models import build, preset
from ceair.train.inputs import training_mixture, validation_batches
from ceair.train.optim import MovingAverage, learning_rate, make_optimizers
from ceair.train.report import Reporter, validate
from ceair.train.settings import TrainSettings
from ceair.train.state import Clock, load_state, save_state


def train(settings: TrainSettings) -> Path:
    """Train as the settings say, or go on from `output/state.safetensors`; returns the path of the EMA weights.

    Raises:
        CeairError: the settings, the data or the weights to start from do not fit.
    """
    devices = settings.devices
    fabric = Fabric(
        accelerator=devices.accelerator,
        devices=devices.count,
        num_nodes=devices.nodes,
        precision=devices.precision,
        strategy="ddp" if devices.count * devices.nodes > 1 else "auto",
    )
    fabric.launch()
    if devices.threads:
        torch.set_num_threads(devices.threads)
    run = Run(fabric, settings)
    with _stop_on_signals() as stopped:
        run.loop(stopped)
    return run.weights_path


class Run:
    """One process's part of a training run."""

    def __init__(self, fabric: Fabric, settings: TrainSettings) -> None:
        self.fabric, self.settings = fabric, settings
        self.state_path = settings.output / "state.safetensors"
        self.weights_path = settings.output / f"{settings.preset}.safetensors"
        torch.manual_seed(settings.seed)
        self.network: nn.Module = build(preset(settings.preset).network)
        if settings.init_from and not self.state_path.is_file():
            load_into(self.network, load_tensors(settings.init_from)[0], str(settings.init_from))
        self.network.to(device=fabric.device, memory_format=torch.channels_last)
        self.average = MovingAverage(self.network, settings.optim.ema)
        self.optimizers = make_optimizers(self.network, settings.optim)
        self.clock = Clock()
        if self.state_path.is_file():
            self.clock = load_state(self.state_path, self.network, self.average, self.optimizers)
        self.loss = make_loss(settings.loss.pixelwise, settings.loss.frequency)
        self.mixture = training_mixture(settings)
        self.reporter = Reporter(settings, fabric.is_global_zero)
        self.validation = validation_batches(settings, fabric.device) if fabric.is_global_zero else {}

    def loop(self, stopped: list[int]) -> None:
        """Train until the budget is used up or `stopped` holds a signal, then save."""
        forward = torch.compile(self.network) if self.settings.devices.compile else self.network
        module = self.fabric.setup_module(forward)
        optimizers = self.fabric.setup_optimizers(*self.optimizers)
        optimizers = optimizers if isinstance(optimizers, tuple) else (optimizers,)
        started = time.monotonic() - self.clock.seconds
        saved = validated = self.clock.seconds
        ended = self.progress >= 1
        with ThreadPoolExecutor(1) as ahead:
            upcoming = ahead.submit(self._batch, self.clock.step, self.progress)
            while not ended:
                batch = upcoming.result()
                upcoming = ahead.submit(self._batch, self.clock.step + 1, self.progress)
                loss = self._step(module, optimizers, batch)
                interrupted = self._agree(bool(stopped), time.monotonic() - started)
                self.reporter.step(self.clock, self.progress, len(batch.clean), loss, self._lr)
                ended = interrupted or self.progress >= 1
                minutes = (self.clock.seconds - saved) / 60
                if ended or minutes >= self.settings.checkpoint_minutes:
                    self._save()
                    saved = self.clock.seconds
                due = (self.clock.seconds - validated) / 60 >= self.settings.validation.every_minutes
                if due or (ended and not interrupted):
                    self._validate()
                    validated = self.clock.seconds

    @property
    def progress(self) -> float:
        """The share of the schedule that is over, in [0, 1]."""
        budget = self.settings.train
        steps = self.clock.step / budget.steps if budget.steps else 0.0
        minutes = self.clock.seconds / 60 / budget.minutes if budget.minutes else 0.0
        return min(1.0, max(steps, minutes))

    @property
    def _lr(self) -> float:
        return learning_rate(self.progress, self.settings.optim)

    def _batch(self, step: int, progress: float) -> Batch:
        """This process's groups of the batch of a step."""
        stage = self.settings.stage(progress)
        total = stage.batch // self.settings.data.group_size
        share = total // self.fabric.world_size
        first = self.fabric.global_rank * share
        return self.mixture.batch(step, range(first, first + share), total, stage.patch, self.fabric.device)

    def _step(self, module: nn.Module, optimizers: tuple[torch.optim.Optimizer, ...], batch: Batch) -> Tensor:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._lr
        restored = module(batch.degraded.contiguous(memory_format=torch.channels_last))
        loss = self.loss(restored, batch.clean)
        self.fabric.backward(loss)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.optim.clip)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.average.update(self.network, self.clock.step)
        self.clock.step += 1
        return loss.detach()

    def _agree(self, interrupted: bool, seconds: float) -> bool:
        """Let all processes share one clock, and stop together when one of them was told to."""
        shared = torch.tensor([float(interrupted), seconds], dtype=torch.float64, device=self.fabric.device)
        shared = self.fabric.all_reduce(shared, reduce_op="max")
        self.clock.seconds = float(shared[1])
        return bool(shared[0])

    def _save(self) -> None:
        if self.fabric.is_global_zero:
            save_state(self.state_path, self.network, self.average, self.optimizers, self.clock)
            self.reporter.weights(self.weights_path, self.average.weights, self.clock)
        self.fabric.barrier()

    def _validate(self) -> None:
        if self.fabric.is_global_zero:
            network = build(preset(self.settings.preset).network).to(self.fabric.device).eval()
            network.load_state_dict(self.average.weights)
            self.reporter.validation(self.clock, *validate(network, self.validation))
        self.fabric.barrier()


@contextmanager
def _stop_on_signals() -> Iterator[list[int]]:
    """A list that receives SIGINT and SIGTERM instead of their ending the process; a second SIGINT does end it."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        print("stopping: saving the state", file=sys.stderr)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
