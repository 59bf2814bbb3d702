"""What a network costs: parameters and multiply-adds by counting, time and memory by measuring on the CPU."""

import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ceair.models import NetworkConfig, build
from ceair.nn import CEA


@dataclass(frozen=True)
class Cost:
    """Parameters and multiply-adds of a network for one RGB image, and the part of both that its CEA layers take.

    Counted are convolutions and matrix products, those of attention included, as the literature counts them.
    """

    height: int
    width: int
    parameters: int
    multiply_adds: int
    cea_parameters: int
    cea_multiply_adds: int


@dataclass(frozen=True)
class Timing:
    """Median seconds of a float32 forward pass, and the most memory that its process held, torch itself included.

    The memory is in bytes, None where the system does not tell (Windows).
    """

    seconds: float
    peak_bytes: int | None
    threads: int


def count(network: NetworkConfig, height: int, width: int) -> Cost:
    """Count without computing: the network is built on the meta device and has neither weights nor pixels."""
    with torch.device("meta"):
        model = build(network)
        image = torch.zeros(1, 3, height, width)
    # On meta, scaled_dot_product_attention is broken up into products that are counted; on the CPU it would not be.
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    by_module = counter.get_flop_counts()
    layers = {name: part for name, part in model.named_modules() if isinstance(part, CEA)}
    cea_operations = sum(sum(by_module[f"{type(model).__name__}.{name}"].values()) for name in layers)
    return Cost(
        height,
        width,
        parameters=parameters(model),
        multiply_adds=counter.get_total_flops() // 2,
        cea_parameters=sum(parameters(layer) for layer in layers.values()),
        cea_multiply_adds=cea_operations // 2,
    )


def parameters(module: nn.Module) -> int:
    """The number of trainable numbers in a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def measure(network: NetworkConfig, height: int, width: int, prepare: Callable[[], None], repeats: int = 5) -> Timing:
    """Time a network with fresh weights on the CPU, in a process of its own, whose memory is then the network's.

    Args:
        prepare: called first in that process, to set its allocator; a function of a module.
        repeats: forward passes that are timed, after one that is not.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=prepare) as pool:
        return pool.submit(_measure, network, height, width, repeats).result()


@torch.inference_mode()
def _measure(network: NetworkConfig, height: int, width: int, repeats: int) -> Timing:
    model = build(network).eval()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = torch.rand(1, 3, height, width).contiguous(memory_format=torch.channels_last)
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        model(image)
        seconds.append(time.perf_counter() - start)
    return Timing(statistics.median(seconds[1:]), _peak_bytes(), torch.get_num_threads())


def _peak_bytes() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
