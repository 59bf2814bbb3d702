"""What a training step of `ceair-t` takes with torch's gradient of depthwise weights, and with ours, on one thread.

    python benchmarks/depthwise_gradient.py [--patch 192] [--repeats 11]

Two patches, forward and backward, in float32 and in bfloat16 where the processor computes it: A B A B in turn, medians.
Then the same of a layer alone, for each size of window, at the level where `ceair-t` has it. Run it on a machine that
does nothing else.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ceair.cli.process import keep_large_blocks
from ceair.models import build, preset
from ceair.nn.depthwise import DepthwiseConv
from ceair.system import computes_bf16


def main() -> None:
    """Print a line for the step, and one for each window, in each precision."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patch", type=int, default=192, help="height and width in pixels (default: 192)")
    parser.add_argument("--repeats", type=int, default=11, help="steps of each (default: 11)")
    settings = parser.parse_args()
    keep_large_blocks()
    torch.set_num_threads(1)
    precisions = [torch.float32, *([torch.bfloat16] if computes_bf16() else [])]
    network = preset("ceair-t").network
    for precision in precisions:
        ours = build(network)
        _print("step", precision, torch.rand(2, 3, settings.patch, settings.patch), ours, settings.repeats)
        for level, side in enumerate(network.kernels or ()):
            cells = settings.patch // network.stem_stride // 2**level
            features = torch.rand(2, 2 * network.widths[level], cells, cells)
            _print(f"{side}x{side}", precision, features, DepthwiseConv(features.shape[1], side), settings.repeats)


def _print(what: str, precision: torch.dtype, images: Tensor, ours: nn.Module, repeats: int) -> None:
    images = images.contiguous(memory_format=torch.channels_last)
    ours = ours.to(memory_format=torch.channels_last)
    pieced, whole = medians(_backward(ours, images, precision), repeats)
    name = f"{what}, {str(precision).removeprefix('torch.')}, {tuple(images.shape)}"
    print(f"{name}: torch {whole * 1e3:.1f} ms, ours {pieced * 1e3:.1f} ms; ratio {whole / pieced:.2f}", flush=True)


def _backward(network: nn.Module, images: Tensor, precision: torch.dtype) -> Callable[[], None]:
    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            made = network(images)
        made.float().square().mean().backward()

    return step


def medians(step: Callable[[], None], repeats: int) -> tuple[float, float]:
    """Median seconds of a step with our gradient, and with torch's."""
    ours = DepthwiseConv.forward
    seconds: tuple[list[float], list[float]] = ([], [])
    try:
        for repeat in range(repeats + 2):
            for forward, kept in zip((ours, nn.Conv2d.forward), seconds, strict=True):
                DepthwiseConv.forward = forward  # type: ignore[method-assign]
                start = time.perf_counter()
                step()
                if repeat > 1:  # the first two warm up
                    kept.append(time.perf_counter() - start)
    finally:
        DepthwiseConv.forward = ours  # type: ignore[method-assign]
    return statistics.median(seconds[0]), statistics.median(seconds[1])


if __name__ == "__main__":
    main()
