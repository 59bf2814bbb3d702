"""What the variants of a study cost: counted, and timed side by side."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from ceair.cost import count
from ceair.models import build
from ceair.models.conditioning import NoConditioning
from ceair.models.variants import VARIANTS

SIDE = 256
"""Height and width in pixels of the image that costs are of."""

_ROUNDS = 9


def costs(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Parameters, multiply-adds and seconds of each variant for one image, and what its conditioning adds.

    `bare_*` are of the same network without the conditioning. Seconds are the median of float32 forward passes on one
    CPU thread, where all variants take turns, so that whatever else the machine does falls on all of them.
    """
    seconds = _time(names)
    found = {}
    for name in names:
        network = VARIANTS[name]
        whole, bare = (count(one, SIDE, SIDE) for one in (network, replace(network, conditioning=NoConditioning())))
        found[name] = {
            "parameters": whole.parameters,
            "multiply_adds": whole.multiply_adds,
            "bare_parameters": bare.parameters,
            "bare_multiply_adds": bare.multiply_adds,
            "seconds": seconds[name],
        }
    return found


@torch.inference_mode()
def _time(names: Sequence[str]) -> dict[str, float]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    networks = {name: build(VARIANTS[name]).eval().to(memory_format=torch.channels_last) for name in names}  # type: ignore[call-overload]
    image = torch.rand(1, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    taken: dict[str, list[float]] = {name: [] for name in names}
    try:
        for _ in range(_ROUNDS + 1):  # the first round is for warming up
            for name, network in networks.items():
                start = time.perf_counter()
                network(image)
                taken[name].append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return {name: statistics.median(times[1:]) for name, times in taken.items()}
