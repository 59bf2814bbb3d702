"""The training loop: one process per device through Lightning Fabric, stopped and resumed at will."""

import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import FrameType

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from ceair.checkpoint import find_weights, load_into, load_tensors
from ceair.data.mixture import Batch
from ceair.degradations import DEGRADATIONS
from ceair.errors import CeairError
from ceair.losses import make_loss
from ceair.models import NetworkConfig, UNet, build, preset
from ceair.system import computes_bf16
from ceair.train.gradients import ClippedMean
from ceair.train.inputs import schedule_steps, training_mixture, validation_batches
from ceair.train.optim import MovingAverage, learning_rate, make_optimizers
from ceair.train.report import Reporter, validate
from ceair.train.routing import Gatherer, RoutingReader, misreading
from ceair.train.settings import TrainSettings
from ceair.train.state import Clock, load_state, save_state


def train(settings: TrainSettings, network: NetworkConfig | None = None) -> Path | None:
    """Train as the settings say, or go on from `output/state.safetensors`.

    Args:
        network: is trained instead of the preset's network, whose name then only names the file of weights.

    Returns the path of the averaged weights, and None in all processes but the first.

    Raises:
        CeairError: the settings, the data or the weights to start from do not fit.
        SystemExit: SIGINT or SIGTERM stopped the run, after its state was saved; the code is 128 + the signal's number,
            as shells have it.
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
    slow = devices.precision == "bf16-mixed" and fabric.device.type == "cpu" and not computes_bf16()
    if slow and fabric.is_global_zero:
        line = "this processor has no instructions for bfloat16: devices.precision=32-true is many times as fast"
        print(line, file=sys.stderr)
    run = Run(fabric, settings, network or preset(settings.preset).network)
    with _stop_on_signals(fabric.is_global_zero) as stopped:
        signalled = run.loop(stopped)
    # Only the first process tells: Fabric kills it when one that it started ends with another code than 0.
    if signalled and fabric.is_global_zero:
        raise SystemExit(128 + signalled)
    return run.weights_path if fabric.is_global_zero else None


class Run:
    """One process's part of a training run."""

    def __init__(self, fabric: Fabric, settings: TrainSettings, config: NetworkConfig) -> None:
        self.fabric, self.settings, self.config = fabric, settings, config
        self.state_path = settings.output / "state.safetensors"
        self.weights_path = settings.output / f"{settings.preset}.safetensors"
        torch.manual_seed(settings.seed)
        self.network = build(config)
        if settings.init_from and not self.state_path.is_file():
            weights, _ = load_tensors(find_weights(settings.init_from.as_posix()))
            load_into(self.network, weights, str(settings.init_from))
        self.network.to(device=fabric.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        reader = RoutingReader(self.network, len(DEGRADATIONS)).to(fabric.device) if settings.loss.needs_kinds else None
        self.trained = _InTraining(self.network, reader, settings.loss.routing)
        self.average = MovingAverage(self.network, settings.optim.ema)
        self.optimizers = make_optimizers(self.trained, settings.optim)
        self.clock = Clock()
        if self.state_path.is_file():
            self.clock = load_state(self.state_path, self.network, self.average, self.optimizers, reader)
        self.loss = make_loss(settings.loss.pixelwise, settings.loss.frequency)
        self.mixture = training_mixture(settings)
        self.steps = schedule_steps(settings, self.mixture)
        self.reporter = Reporter(settings, fabric.is_global_zero)
        self.validation = validation_batches(settings, fabric.device) if fabric.is_global_zero else {}

    def loop(self, stopped: list[int]) -> int:
        """Train until the budget is used up or `stopped` holds a signal, then save; returns the signal or 0."""
        module, optimizers = self.prepare()
        stopwatch, signalled = Stopwatch(), 0
        saved = validated = self.clock.seconds
        ended = self.progress() >= 1
        with ThreadPoolExecutor(1) as ahead:
            upcoming = self._order(ahead, self.clock.step)
            while not ended:
                stopwatch.start()
                batch = upcoming.result()
                upcoming = self._order(ahead, self.clock.step + 1)
                loss = self.step(module, optimizers, batch)
                signalled = self._agree(max(stopped, default=0), stopwatch.stop())
                self.reporter.step(self.clock, self.progress(), len(batch.clean), loss, self._lr)
                ended = bool(signalled) or self.progress() >= 1
                if ended or (self.clock.seconds - saved) / 60 >= self.settings.checkpoint_minutes:
                    self._save()
                    saved = self.clock.seconds
                if self._validation_due(validated) or (ended and not signalled):
                    self._validate()
                    validated = self.clock.seconds
        return signalled

    def prepare(self) -> tuple[nn.Module, tuple[torch.optim.Optimizer, ...]]:
        """The network and the optimisers as the devices want them, for `step`."""
        forward = torch.compile(self.trained) if self.settings.devices.compile else self.trained
        module = self.fabric.setup_module(forward)
        optimizers = self.fabric.setup_optimizers(*self.optimizers)
        return module, optimizers if isinstance(optimizers, tuple) else (optimizers,)

    def step(self, module: nn.Module, optimizers: tuple[torch.optim.Optimizer, ...], batch: Batch) -> Tensor:
        """Learn from one batch: gradients, clipped; a step of each optimiser; averaged weights. Returns the loss."""
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._lr
        if self.settings.optim.clip_each:
            loss = self._backward_each(module, batch, self.settings.optim.clip_each)
        else:
            loss = self._backward(module, batch)
        if self.settings.optim.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.optim.clip)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.average.update(self.network, self.clock.step)
        self.clock.step += 1
        return loss

    def progress(self, step: int | None = None) -> float:
        """The share of the schedule that is over, in [0, 1]: now, or by the same clock at another step."""
        budget = self.settings.train
        step = self.clock.step if step is None else step
        steps = step / self.steps if self.steps else 0.0
        minutes = self.clock.seconds / 60 / budget.minutes if budget.minutes else 0.0
        return min(1.0, max(steps, minutes))

    def _validation_due(self, validated: float) -> bool:
        """Whether to validate after this step, when that was last done so many seconds into the run."""
        every = self.settings.validation
        if every.every_steps is not None:
            return self.clock.step % every.every_steps == 0
        return (self.clock.seconds - validated) / 60 >= every.every_minutes

    @property
    def _lr(self) -> float:
        return learning_rate(self.progress(), self.settings.optim)

    def _order(self, ahead: ThreadPoolExecutor, step: int) -> "Future[Batch]":
        """Let the batch of a step be made; its stage is that of the step itself, so a resumed run draws the same."""
        return ahead.submit(self._batch, step, self.progress(step))

    def _batch(self, step: int, progress: float) -> Batch:
        """This process's groups of the batch of a step."""
        stage = self.settings.stage(progress)
        total = stage.batch // self.settings.data.group_size
        share = total // self.fabric.world_size
        first = self.fabric.global_rank * share
        return self.mixture.batch(step, range(first, first + share), total, stage.patch, self.fabric.device)

    def _backward(self, module: nn.Module, batch: Batch) -> Tensor:
        """Add the gradients of a batch; returns its loss."""
        restored, penalty = module(batch.degraded.contiguous(memory_format=torch.channels_last), batch.kinds)
        loss = self.loss(restored, batch.clean)
        self.fabric.backward(loss + penalty)
        return loss.detach()

    def _backward_each(self, module: nn.Module, batch: Batch, most: float) -> Tensor:
        """As `_backward`, with the gradient of each group clipped by itself."""
        mean = ClippedMean(list(self.trained.parameters()), list(self.network.parameters()), most)
        losses = []
        with self.fabric.no_backward_sync(module, enabled=self.fabric.world_size > 1):
            for group in batch.groups(self.settings.data.group_size):
                losses.append(self._backward(module, group))
                mean.take()
        mean.give(self.fabric.all_reduce)
        return torch.stack(losses).mean()

    def _agree(self, signalled: int, seconds: float) -> int:
        """Let all processes share one clock and stop together when one was told to; returns the signal or 0."""
        shared = torch.tensor([signalled, self.clock.seconds + seconds], dtype=torch.float64, device=self.fabric.device)
        shared = self.fabric.all_reduce(shared, reduce_op="max")
        self.clock.seconds = float(shared[1])
        return int(shared[0])

    def _save(self) -> None:
        if not all(weight.isfinite().all() for weight in self.network.parameters()):
            raise CeairError(
                f"the weights are not finite after step {self.clock.step}: training diverged; "
                f"{self.state_path} is still the state before that; lower optim.lr or optim.clip"
            )
        if self.fabric.is_global_zero:
            network, reader = self.trained.network, self.trained.reader
            save_state(self.state_path, network, self.average, self.optimizers, self.clock, reader)
            self.reporter.weights(self.weights_path, self.average.weights, self.clock)
        self.fabric.barrier()

    def _validate(self) -> None:
        if self.fabric.is_global_zero:
            network = build(self.config).to(self.fabric.device).eval()
            network.load_state_dict(self.average.weights)
            self.reporter.validation(self.clock, *validate(network, self.validation))
        self.fabric.barrier()


class _InTraining(nn.Module):
    """A network as training calls it: it also returns what its parts, and the routing, add to the loss."""

    def __init__(self, network: UNet, reader: RoutingReader | None, weight: float) -> None:
        super().__init__()
        self.network, self.reader, self.weight = network, reader, weight

    def forward(self, degraded: Tensor, kinds: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.reader is None or kinds is None:
            return self.network.restore_with_penalty(degraded)
        gatherer = Gatherer()
        restored, penalty = self.network.restore_with_penalty(degraded, gatherer)
        logits = self.reader(gatherer.affinities, kinds.shape[-2:])
        return restored, penalty + self.weight * misreading(logits, kinds)


class Stopwatch:
    """Seconds of training in each step: what a step took, waiting for its batch included, saving and validation not.

    A step counts as `most` times the median of the last ones at most: when a process was suspended, or its machine
    slept, nothing was trained and the schedule must not run on.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, most: float = 10.0) -> None:
        self._now, self._most = now, most
        self._recent: deque[float] = deque(maxlen=51)
        self._started = 0.0

    def start(self) -> None:
        """A step begins."""
        self._started = self._now()

    def stop(self) -> float:
        """The seconds that the step may count; the first few are not capped, since compilation happens in them."""
        took = self._now() - self._started
        self._recent.append(took)
        return min(took, self._most * median(self._recent)) if len(self._recent) > 5 else took


@contextmanager
def _stop_on_signals(tell: bool) -> Iterator[list[int]]:
    """A list that receives SIGINT and SIGTERM instead of their ending the process; a second SIGINT does end it."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        if tell:
            print("stopping: saving the state", file=sys.stderr)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
