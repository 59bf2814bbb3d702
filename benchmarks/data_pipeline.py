"""The share of a training step on the CPU that drawing and degrading its batch takes.

    python benchmarks/data_pipeline.py [--config configs/ceair-t.yaml] [--data DIR] [--steps 10]

Each stage of the schedule is measured apart, as one of the configuration's processes would run it. Without --data the
photos and pairs are made up. Exits with 1 if the share of a stage exceeds 5 %. Run it on an otherwise idle machine.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from PIL import Image

from ceair.cli.process import keep_large_blocks
from ceair.config import load
from ceair.data.mixture import Batch
from ceair.models import preset
from ceair.train.loop import Run
from ceair.train.settings import Stage, TrainSettings

BAR = 0.05
Learn = Callable[[Batch], torch.Tensor]
"""A training step on a batch; returns the loss."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path(__file__).parents[1] / "configs" / "ceair-t.yaml")
    parser.add_argument("--data", type=Path, help="the configuration's data.root (default: made-up images)")
    parser.add_argument("--steps", type=int, default=10, help="training steps of each stage (default: 10)")
    arguments = parser.parse_args()
    keep_large_blocks()
    with tempfile.TemporaryDirectory() as scratch:
        root = arguments.data or Path(scratch, "data")
        changes = [f"data.root={root}", f"output={Path(scratch, 'run')}", "data.held_out=null", "init_from=null"]
        settings = load(TrainSettings, arguments.config, changes)
        if arguments.data is None:
            make_up_images(settings)
        torch.set_num_threads(settings.devices.threads or torch.get_num_threads())
        run = Run(
            Fabric(accelerator="cpu", devices=1, precision=settings.devices.precision),
            settings,
            preset(settings.preset).network,
        )
        software = f"{torch.get_num_threads()} threads, torch {torch.__version__}"
        print(f"{settings.preset}, {settings.devices.precision}, {software}")
        learn = partial(run.step, *run.prepare())
        shares = [report(run, learn, stage, arguments.steps) for stage in settings.stages]
    met = max(shares) <= BAR
    print(f"bar: {BAR:.0%} of a step: {'met' if met else 'missed'}")
    return 0 if met else 1


def report(run: Run, learn: Learn, stage: Stage, steps: int) -> float:
    """Measure one stage and print it; the share of the data in a step."""
    devices, size = run.settings.devices, run.settings.data.group_size
    groups = stage.batch // size // (devices.count * devices.nodes)
    # A batch costs little but varies with what is drawn, so many more of them are drawn than are trained on.
    kept: list[Batch] = []
    drawn, start = 10 * steps, time.perf_counter()
    for step in range(drawn):
        batch = run.mixture.batch(step, range(groups), groups, stage.patch, torch.device("cpu"))
        if step <= steps:
            kept.append(batch)
    data = (time.perf_counter() - start) / drawn
    trained = train_seconds(learn, kept)
    share = data / (data + trained)
    images = f"{groups * size} patches of {stage.patch}x{stage.patch}"
    print(f"{images}: data {data * 1e3:.1f} ms, training {trained * 1e3:.1f} ms, share {share:.1%}")
    return share


def train_seconds(learn: Learn, batches: list[Batch]) -> float:
    """Mean seconds of a step without its data, the first one left out: it chooses kernels and fills the allocator."""
    learn(batches[0])
    start = time.perf_counter()
    for batch in batches[1:]:
        learn(batch)
    return (time.perf_counter() - start) / (len(batches) - 1)


def make_up_images(settings: TrainSettings) -> None:
    """Write a few smooth random images where the sources of the configuration look for theirs."""
    generator = np.random.default_rng(0)
    for source in settings.data.sources.values():
        for part in ("input", "target") if source.kind == "pairs" else ("",):
            folder = settings.data.root / source.path / part
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(8):
                coarse = Image.fromarray(generator.integers(0, 256, (24, 32, 3), dtype=np.uint8))
                coarse.resize((640, 480), Image.Resampling.BICUBIC).save(folder / f"{index}.png")


if __name__ == "__main__":
    sys.exit(main())
