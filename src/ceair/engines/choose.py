"""Which engine to take: the one that was asked for, or the fastest installed one whose answers agree with torch's."""

import math
from collections.abc import Callable
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
    return _first_that_suits(network, place, names, precision, compiled)


def agrees(engine: Engine, reference: Engine) -> bool:
    """Whether the images of the probe get the PSNR that `reference` gives them, within `TOLERANCE`."""
    degraded, clean = probe()
    scores = [
        [psnr(_last(one.restore(image[None])[0]), _last(target)) for one in (engine, reference)]
        for image, target in zip(degraded, clean, strict=True)
    ]
    differences = np.subtract(*np.transpose(scores))
    return bool(abs(differences.mean()) <= TOLERANCE and np.abs(differences).max() <= 5 * TOLERANCE)


def is_faster(engine: Engine, other: Engine, rounds: int = 5) -> bool:
    """Whether an engine restores a square image in clearly less time than another one, both timed in turns.

    Which processors compute bfloat16 faster cannot be told by their instructions: a Xeon with `avx512_bf16` whose AMX
    a virtual machine hides takes 1.4 times as long in it as in float32 (docs/engines.md).
    """
    side = 512 + -512 % math.lcm(engine.size_multiple, other.size_multiple)
    image = torch.full((1, 3, side, side), 0.5)
    turns = [(_seconds(engine, image), _seconds(other, image)) for _ in range(rounds)]
    mine, its = (min(times) for times in zip(*turns, strict=True))
    return mine <= _WORTH * its


def probe() -> tuple[Float[Tensor, "6 3 96 96"], Float[Tensor, "6 3 96 96"]]:
    """Degraded and clean crops of the bundled examples (`scripts/make_examples.py`)."""
    rows = read_rgb(_PROBE).astype(np.float32) / 255
    side = rows.shape[0] // 2
    images = torch.from_numpy(rows).reshape(2, side, -1, side, 3).permute(0, 2, 4, 1, 3).contiguous()
    return images[0], images[1]


def _seconds(engine: Engine, image: Float[Tensor, "1 3 h w"]) -> float:
    begin = perf_counter()
    engine.restore(image)
    return perf_counter() - begin


def _last(image: Float[Tensor, "3 h w"]) -> Float[np.ndarray, "h w 3"]:
    return image.permute(1, 2, 0).numpy()


def _first_that_suits(
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
        if _suits(engine, reference, partial(build, name, "fp32") if timed and chosen == "bf16" else None):
            return engine
    return build(*candidates[-1])


def _suits(engine: Engine, reference: Engine, rival: Callable[[], Engine] | None) -> bool:
    """Whether an engine agrees with the reference and is faster than its rival, if it has one; answers are kept."""
    asked = f"{engine.key} {cpu_name()}"
    return remembered(f"{asked} agrees", lambda: agrees(engine, reference)) and (
        rival is None or remembered(f"{asked} is faster", lambda: is_faster(engine, rival()))
    )


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
