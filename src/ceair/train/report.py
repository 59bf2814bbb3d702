"""What a run tells: a progress line, TensorBoard curves and pictures, validation scores, weights with their numbers."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ceair.checkpoint import save_tensors
from ceair.config import dump
from ceair.data.mixture import Batch
from ceair.data.pairs import Sample
from ceair.evaluate import evaluate
from ceair.files import write_atomically
from ceair.models import UNet
from ceair.restore import Restorer
from ceair.train.settings import TrainSettings
from ceair.train.state import Clock


def validate(network: UNet, batches: Mapping[str, Batch]) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Mean PSNR (dB) of each kind of held-out sample, and one picture of each: degraded, restored, clean."""
    kinds = {label: _validate_kind(network, label, batch) for label, batch in batches.items()}
    return {label: kind[0] for label, kind in kinds.items()}, {label: kind[1] for label, kind in kinds.items()}


def _validate_kind(network: UNet, label: str, batch: Batch) -> tuple[float, Tensor]:
    restorer = Restorer(network, str(batch.clean.device))
    restored: list[Tensor] = []

    def restore(degraded: Tensor) -> Tensor:
        restored.append(restorer.restore_tensor(degraded))
        return restored[-1]

    results = list(evaluate(_samples(label, batch), restore, crop=1, ssim=False))
    picture = torch.cat((batch.degraded[0].cpu(), restored[0][0], batch.clean[0].cpu()), dim=-1)
    return sum(result.score.psnr for result in results) / len(results), picture


def _samples(label: str, batch: Batch) -> list[Sample]:
    """The images of a batch, whose values are those of 8-bit files, as evaluation reads them from files."""
    degraded, clean = (
        (images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy() for images in (batch.degraded, batch.clean)
    )
    return [Sample(f"{label} {index}", *pair) for index, pair in enumerate(zip(degraded, clean, strict=True))]


class Reporter:
    """Writes for the first process and is silent in the others."""

    def __init__(self, settings: TrainSettings, active: bool) -> None:
        self.settings, self.active = settings, active
        self._loss: float | Tensor = 0.0
        self._steps, self._images, self._since = 0, 0, time.monotonic()
        if active:
            from torch.utils.tensorboard import SummaryWriter

            settings.output.mkdir(parents=True, exist_ok=True)
            self._board = SummaryWriter(str(settings.output / "tensorboard"))
            text = json.dumps(dump(settings), indent=2)
            write_atomically(settings.output / "settings.json", text.encode())

    def step(self, clock: Clock, progress: float, images: int, loss: Tensor, lr: float) -> None:
        """Count a step; every `log_every` of them, print a line and write the curves."""
        if not self.active:
            return
        every, devices = self.settings.log_every, self.settings.devices
        self._loss, self._steps = self._loss + loss, self._steps + 1
        self._images += images * devices.count * devices.nodes
        if clock.step % every:
            return
        speed, value = self._images / (time.monotonic() - self._since), float(self._loss) / self._steps
        left = clock.seconds * (1 - progress) / max(progress, 1e-9) / 60
        line = f"step {clock.step}  {progress:6.1%}  loss {value:.5f}  lr {lr:.2e}  {speed:.1f} images/s"
        print(f"{line}  {left:.0f} min left", file=sys.stderr, flush=True)
        for name, number in (("loss", value), ("lr", lr), ("images_per_second", speed)):
            self._board.add_scalar(f"train/{name}", number, clock.step)
        self._loss, self._steps, self._images, self._since = 0.0, 0, 0, time.monotonic()

    def validation(self, clock: Clock, scores: Mapping[str, float], pictures: Mapping[str, Tensor]) -> None:
        """Print and keep validation scores and sample pictures."""
        line = "  ".join(f"{label} {score:.2f}" for label, score in scores.items())
        print(f"validation at step {clock.step} (PSNR, dB): {line}", file=sys.stderr, flush=True)
        for label, score in scores.items():
            self._board.add_scalar(f"validation/{label}", score, clock.step)
            self._board.add_image(f"validation/{label}", pictures[label], clock.step)
        self._board.flush()

    def weights(self, path: Path, weights: Mapping[str, Tensor], clock: Clock) -> None:
        """Write the averaged weights in half precision, ready to ship."""
        halves = {name: tensor.half() for name, tensor in weights.items()}
        save_tensors(path, halves, {"preset": self.settings.preset, "steps": clock.step, "minutes": clock.seconds / 60})
