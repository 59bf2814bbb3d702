"""What CEA costs inside each network: its share of the multiply-adds and of the float32 time on the CPU.

    python benchmarks/cea_overhead.py [--size 256] [--repeats 21] [--threads N] [PRESET ...]

Times the network as it is (A) and the same network with every CEA layer replaced by the identity (B), A B A B in
turn, and compares medians. Exits with 1 if a share exceeds 10 %. Run it on a machine that does nothing else.
"""

import argparse
import copy
import statistics
import sys
import time

import torch
from torch import nn

from ceair.cli.process import keep_large_blocks
from ceair.cost import count
from ceair.models import PRESETS, build
from ceair.nn import CEA

BAR = 0.10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", default=list(PRESETS), help="which presets (default: all)")
    parser.add_argument("--size", type=int, default=256, help="height and width in pixels (default: 256)")
    parser.add_argument("--repeats", type=int, default=21, help="passes of each network (default: 21)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads (default: all)")
    settings = parser.parse_args()
    keep_large_blocks()
    torch.set_num_threads(settings.threads)
    print(f"1x3x{settings.size}x{settings.size}, float32, {settings.threads} threads, torch {torch.__version__}")
    shares = []
    for name in settings.presets:
        cost = count(PRESETS[name].network, settings.size, settings.size)
        share = cost.cea_multiply_adds / cost.multiply_adds
        whole, without = medians(build(PRESETS[name].network), settings.size, settings.repeats)
        slower = 1 - without / whole
        shares += [share, slower]
        print(
            f"{name}: CEA takes {share:.1%} of {cost.multiply_adds / 1e9:.2f} G multiply-adds and {slower:.1%} of"
            f" {whole * 1e3:.1f} ms ({without * 1e3:.1f} ms without; ratio {whole / without:.3f})"
        )
    met = max(shares) <= BAR
    print(f"bar: {BAR:.0%} of either: {'met' if met else 'missed'}")
    return 0 if met else 1


@torch.inference_mode()
def medians(network: nn.Module, size: int, repeats: int) -> tuple[float, float]:
    """Median seconds of a forward pass of the network, and of it without its CEA layers."""
    image = torch.rand(1, 3, size, size).contiguous(memory_format=torch.channels_last)
    networks = [net.eval().to(memory_format=torch.channels_last) for net in (network, without_cea(network))]
    seconds: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 2):
        for net, kept in zip(networks, seconds, strict=True):
            start = time.perf_counter()
            net(image)
            if repeat >= 2:  # the first passes choose kernels and fill the allocator
                kept.append(time.perf_counter() - start)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def without_cea(network: nn.Module) -> nn.Module:
    """A copy of the network whose CEA layers are the identity."""
    plain = copy.deepcopy(network)
    for module in list(plain.modules()):
        for name, child in module.named_children():
            if isinstance(child, CEA):
                setattr(module, name, nn.Identity())
    return plain


if __name__ == "__main__":
    sys.exit(main())
