"""A trained study once more, each image restored in windows that know only themselves, as training patches do.

    python benchmarks/regional_view.py configs/study.yaml data.root=DIR output=DIR --variants cea none [--side 128]

Prints one JSON document: PSNR of each condition, seen whole and in windows, and the means over the groups. It tells
how much of a variant's loss on uneven images comes from seeing at once what a patch never showed together.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ceair.checkpoint import load_into, load_tensors
from ceair.evaluate import restored_pixels
from ceair.metrics import psnr
from ceair.models import UNet, build
from ceair.models.variants import VARIANTS
from ceair.study.sets import conditions, samples
from ceair.study.settings import folder, read, runs
from ceair.tiles import windows


def at_once(network: UNet, images: Tensor) -> Tensor:
    """Restore images as they are."""
    restored: Tensor = network(images)
    return restored.clamp(0, 1)


def in_windows(network: UNet, images: Tensor, side: int) -> Tensor:
    """Restore images in windows of `side` pixels that overlap by half, each by itself."""
    height, width = images.shape[-2:]
    restored = torch.zeros_like(images)
    for row in windows(height, side, side // 2, network.size_multiple):
        for column in windows(width, side, side // 2, network.size_multiple):
            place = (..., slice(row.start, row.stop), slice(column.start, column.stop))
            restored[place] += network(images[place]) * row.weights[:, None] * column.weights
    return restored.clamp(0, 1)


@torch.no_grad()
def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", nargs="+", help="the configuration and its overrides, as of `ceair study`")
    parser.add_argument("--variants", nargs="+", required=True, help="of part `main`, seed 0")
    parser.add_argument("--side", type=int, default=128, help="of the windows, in pixels")
    parser.add_argument("--json", type=Path, help="also write the document to this file")
    arguments = parser.parse_args()
    settings = read(arguments.study[0], arguments.study[1:])
    wanted = {run.variant: run for run in runs(settings) if run.part == "main" and run.seed == 0}
    document: dict[str, dict[str, object]] = {}
    for variant in arguments.variants:
        weights = folder(settings, wanted[variant]) / f"{variant}.safetensors"
        network = build(VARIANTS[variant]).eval()
        load_into(network, load_tensors(weights)[0], str(weights))
        ways: dict[str, Callable[[Tensor], Tensor]] = {
            "whole": partial(at_once, network),
            "windows": partial(in_windows, network, side=arguments.side),
        }
        found, groups = {}, defaultdict(list)
        for condition in conditions(settings):
            scores = [
                [psnr(restored_pixels(sample, way), np.float32(sample.clean) / 255) for way in ways.values()]
                for sample in samples(condition)
            ]
            found[condition.name] = dict(zip(ways, np.mean(scores, axis=0).tolist(), strict=True))
            groups[condition.group].append(found[condition.name])
        means = {
            name: {way: float(np.mean([one[way] for one in ones])) for way in ways} for name, ones in groups.items()
        }
        document[variant] = {"groups": means, "conditions": found}
    text = json.dumps({"side": arguments.side, "variants": document}, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
