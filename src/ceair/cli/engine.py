"""Options about what computes the network, shared by commands that restore."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ceair.restore import Restorer


class EngineName(str, Enum):
    """What computes the network."""

    auto = "auto"
    openvino = "openvino"
    onnx = "onnx"
    torch = "torch"


class Precision(str, Enum):
    """Of numbers inside the network."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


WeightsOption = Annotated[
    str,
    typer.Option(
        "--weights", help="Bundled weights by their preset, a file, a folder, or owner/name on the Hugging Face hub."
    ),
]
EngineOption = Annotated[
    EngineName, typer.Option("--engine", help="auto: the fastest installed one whose answers agree with torch's.")
]
PrecisionOption = Annotated[
    Precision, typer.Option("--precision", help="auto: bf16 where it is faster and the answers agree.")
]
CompileOption = Annotated[
    bool, typer.Option("--compile", help="Let torch compile the network: worth it for many images of one size.")
]
MemoryOption = Annotated[
    str | None, typer.Option("--memory", help="Stay below this, such as 1GB or 800MB.  [default: half of what is free]")
]
TileOption = Annotated[
    int | None, typer.Option("--tile", min=144, help="Cut larger images into tiles of this side.  [default: by memory]")
]

StrengthOption = Annotated[
    float, typer.Option("--strength", min=0, max=1, help="How much of the change to apply: 0 none of it, 1 all.")
]
CautiousOption = Annotated[
    bool, typer.Option("--cautious", help="Change little or nothing where an image seems to be undamaged.")
]
EnsembleOption = Annotated[
    bool, typer.Option("--ensemble", help="Average over mirror images: less noise and rain left, four times the time.")
]

_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def make_restorer(
    weights: str,
    device: str,
    engine: EngineName,
    precision: Precision,
    compiled: bool,
    memory: str | None,
    tile: int | None,
    strength: float = 1.0,
    cautious: bool = False,
    ensemble: bool = False,
) -> Restorer:
    """The restorer that these options ask for."""
    from ceair.restore import Restorer

    limit = parse_memory(memory) if memory else None
    return Restorer.from_pretrained(
        weights,
        device,
        engine.value,
        precision.value,
        tile=tile,
        memory=limit,
        compiled=compiled,
        strength=strength,
        cautious=cautious,
        ensemble=ensemble,
    )


def parse_memory(text: str, option: str = "--memory") -> int:
    """Bytes, from a number with a unit, such as `1GB`, `1.5 GiB` or `800MB`.

    Raises:
        typer.BadParameter: it is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", text.lower())
    if not found or found[2] not in _UNITS or not float(found[1]):
        raise typer.BadParameter(f"{option} needs a number with a unit, such as 1GB or 800MB, not `{text}`")
    return int(float(found[1]) * _UNITS[found[2]])
