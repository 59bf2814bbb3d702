"""Which engine to take: the one that was asked for, or the fastest installed one whose answers agree with torch's."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ceair.cache import remembered
from ceair.engines.eager import TorchEngine, find_device
from ceair.engines.engine import Engine
from ceair.errors import CeairError
from ceair.image import read_rgb
from ceair.metrics import psnr
from ceair.models import UNet
from ceair.system import computes_bf16, cpu_name

ENGINES = ("auto", "openvino", "onnx", "torch")
PRECISIONS = ("auto", "fp32", "bf16")

TOLERANCE = 0.02
"""Most that an engine's mean PSNR over the probe may differ from float32 torch's, in dB; a single image, five times."""

_PROBE = Path(__file__).parent / "probe.webp"
_NEEDS = {"openvino": ("openvino",), "onnx": ("onnx", "onnxscript", "onnxruntime"), "torch": ()}
_FASTEST_FIRST = (("openvino", "bf16"), ("openvino", "fp32"), ("torch", "bf16"), ("onnx", "fp32"), ("torch", "fp32"))
"""On CPUs, by `benchmarks/restore_speed.py`; bfloat16 is tried where the processor computes it."""

_WORTH = 0.95
"""Most of float32's time that bfloat16 may take on a CPU to be taken: it has fewer digits, so a tie goes to float32."""


def make_engine(
    network: UNet, device: str = "auto", engine: str = "auto", precision: str = "auto", compiled: bool = False
) -> Engine:
    """An engine for a network.

    Args:
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`; all but the CPU are torch's.
        engine: one of `ENGINES`; `auto` is torch on a GPU, and on the CPU the fastest one that agrees.
        precision: one of `PRECISIONS`; `auto` is bfloat16 where the processor computes it, the answers agree and, on
            a CPU, it took less time when it was tried.
        compiled: let `torch.compile` fuse the steps of torch; others take no notice.

    Raises:
        CeairError: a name is unknown, the engine is not installed or cannot use the device.
    """
    if engine not in ENGINES or precision not in PRECISIONS:
        raise CeairError(f"an engine is one of {', '.join(ENGINES)}, a precision one of {', '.join(PRECISIONS)}")
    place = find_device(device)
    if engine in ("openvino", "onnx"):
        if place.type != "cpu" and device != "auto":
            raise CeairError(f"the engine {engine} runs on the CPU only; use --engine torch for {device}")
        place = torch.device("cpu")
        _check_installed(engine)
    names = ("torch",) if engine == "auto" and (place.type != "cpu" or compiled) else ENGINES[1:]
    names = names if engine == "auto" else (engine,)
    return _first_that_agrees(network, place, names, precision, compiled)


def agrees(engine: Engine, reference: Engine) -> bool:
    """Whether the images of the probe get the PSNR that `reference` gives them, within `TOLERANCE`."""
    degraded, clean = probe()
    scores = [
        [psnr(_last(one.restore(image[None])[0]), _last(target)) for one in (engine, reference)]
        for image, target in zip(degraded, clean, strict=True)
    ]
    differences = np.subtract(*np.transpose(scores))
    return bool(abs(differences.mean()) <= TOLERANCE and np.abs(differences).max() <= 5 * TOLERANCE)


def is_faster(engine: Engine, other: Engine, side: int = 512, rounds: int = 5) -> bool:
    """Whether an engine restores a square image in clearly less time than another one, both timed in turns.

    Which processors compute bfloat16 faster cannot be told by their instructions: a Xeon with `avx512_bf16` whose AMX
    a virtual machine hides takes 1.4 times as long in it as in float32 (docs/engines.md).
    """
    side += -side % math.lcm(engine.size_multiple, other.size_multiple)
    image = torch.full((1, 3, side, side), 0.5)
    fastest = [min(times) for times in zip(*(_times((engine, other), image) for _ in range(rounds)), strict=True)]
    return fastest[0] <= _WORTH * fastest[1]


def probe() -> tuple[Float[Tensor, "6 3 96 96"], Float[Tensor, "6 3 96 96"]]:
    """Degraded and clean crops of the bundled examples (`scripts/make_examples.py`)."""
    rows = read_rgb(_PROBE).astype(np.float32) / 255
    side = rows.shape[0] // 2
    images = torch.from_numpy(rows).reshape(2, side, -1, side, 3).permute(0, 2, 4, 1, 3).contiguous()
    return images[0], images[1]


def _times(engines: Sequence[Engine], image: Float[Tensor, "1 3 h w"]) -> list[float]:
    """Seconds that each of them takes for an image."""
    times = []
    for engine in engines:
        begin = perf_counter()
        engine.restore(image)
        times.append(perf_counter() - begin)
    return times


def _last(image: Float[Tensor, "3 h w"]) -> Float[np.ndarray, "h w 3"]:
    return image.permute(1, 2, 0).numpy()


def _first_that_agrees(
    network: UNet, device: torch.device, names: tuple[str, ...], precision: str, compiled: bool
) -> Engine:
    able = computes_bf16() if device.type == "cpu" else device.type == "cuda"
    wanted = ("bf16", "fp32") if precision == "auto" and able else ("fp32",) if precision == "auto" else (precision,)
    candidates = [pair for pair in _FASTEST_FIRST if pair[0] in names and pair[1] in wanted and _installed(pair[0])]
    if not candidates:
        raise CeairError(f"the engine {names[0]} does not compute in {precision}; leave out the precision")
    reference = TorchEngine(network, device)
    build = partial(_build, network, device, compiled=compiled)
    timed = precision == "auto" and device.type == "cpu" and not compiled  # compiling takes minutes
    for name, chosen in candidates[:-1]:
        engine = build(name, chosen)
        asked = f"{engine.key} {cpu_name()}"
        if not remembered(f"{asked} agrees", partial(agrees, engine, reference)):
            continue
        if timed and chosen == "bf16" and not remembered(f"{asked} is faster", partial(_pays, engine, build, name)):
            continue
        return engine
    return build(*candidates[-1])


def _pays(engine: Engine, build: Callable[[str, str], Engine], name: str) -> bool:
    """Whether an engine in bfloat16 is faster than the same in float32."""
    return is_faster(engine, build(name, "fp32"))


def _build(network: UNet, device: torch.device, name: str, precision: str, compiled: bool) -> Engine:
    if name == "openvino":
        from ceair.engines.openvino import OpenVINOEngine

        return OpenVINOEngine(network, precision)
    if name == "onnx":
        from ceair.engines.onnx import ONNXEngine

        return ONNXEngine(network)
    return TorchEngine(network, device, precision, compiled)


def _check_installed(name: str) -> None:
    if not _installed(name):
        extra = "cpu" if name == "openvino" else "onnx"
        raise CeairError(f"the engine {name} is not installed; run `pip install 'ceair[{extra}]'` or use another one")


def _installed(name: str) -> bool:
    return all(find_spec(package) is not None for package in _NEEDS[name])
