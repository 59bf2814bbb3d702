"""Train networks of other shapes than `ceair-t` for the same steps on the same data, to see which shape is worth it.

    python scripts/shape_trials.py configs/ceair-t.yaml bundled wide deep stem-1 five --out DIR data.root=DIR

Printed are the PSNR on the held-out images, and what each costs: `ceair cost`'s parameters and multiply-adds at 256x256
pixels. `--time` is for a quiet machine and trains nothing: in place of the PSNR it prints the median milliseconds of a
forward pass at 512x512 on one thread (fresh weights, fp32). The shapes cost about as much as each other.
"""

import argparse
import json
import statistics
from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ceair.cli.process import keep_large_blocks
from ceair.config import load
from ceair.cost import count, measure
from ceair.models import NetworkConfig, preset
from ceair.train.loop import train
from ceair.train.settings import TrainSettings

SHAPES = {
    "bundled": preset("ceair-t").network,
    "wide": NetworkConfig((60, 92, 132, 176), (1, 1, 2, 2), (2, 1, 1), 2, "gated_conv"),
    "deep": NetworkConfig((36, 56, 80, 104), (3, 3, 4, 4), (5, 4, 4), 2, "gated_conv"),
    "stem-1": NetworkConfig((20, 40, 76, 136), (1, 2, 2, 2), (1, 2, 2), 1, "gated_conv"),
    "five": NetworkConfig((48, 72, 104, 136, 168), (2, 2, 2, 1, 1), (3, 2, 1, 1), 2, "gated_conv"),
}


def main() -> None:
    """Train, or time, each shape, and print a line for it: cost, mean over the kinds of damage, each kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("shapes", nargs="+", choices=SHAPES)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--time", action="store_true")
    arguments, overrides = parser.parse_known_args()
    keep_large_blocks()
    torch.set_num_threads(1)
    for name in arguments.shapes:
        cost = count(SHAPES[name], 256, 256)
        start = f"{name:8} {cost.parameters / 1e6:.2f} M  {cost.multiply_adds / 1e9:.2f} G"
        if arguments.time:
            timing = measure(SHAPES[name], 512, 512, _prepare)
            print(f"{start}  {1000 * timing.seconds:.0f} ms", flush=True)
        else:
            settings = load(TrainSettings, arguments.config, [*overrides, f"output={arguments.out / name}"])
            train(settings, SHAPES[name])
            scores = validation(arguments.out / name)
            print(f"{start}  {statistics.fmean(scores.values()):.2f} dB  {json.dumps(scores)}", flush=True)


def validation(folder: Path) -> dict[str, float]:
    """The last PSNR in dB of each kind of held-out image, from what a run left."""
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    tags = (tag for tag in events.Tags()["scalars"] if tag.startswith("validation/"))
    return {tag.removeprefix("validation/"): round(events.Scalars(tag)[-1].value, 2) for tag in tags}


def _prepare() -> None:
    keep_large_blocks()
    torch.set_num_threads(1)


if __name__ == "__main__":
    main()
