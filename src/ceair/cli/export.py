"""`ceair export`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ceair.cli.engine import WeightsOption
from ceair.errors import CeairError
from ceair.files import exists


def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="NAME.onnx, or NAME.xml for OpenVINO.")],
    weights: WeightsOption = "ceair-t",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a network for other programs, as ONNX or OpenVINO, of any height and width.

    The graph takes `image`, 1x3xHxW, RGB as float32 in [0, 1], H and W multiples of 16, and gives `restored`. The file
    is kept only if its answers at several sizes are those of torch.
    """
    for path in (output, *([output.with_suffix(".bin")] if output.suffix.lower() == ".xml" else [])):
        if exists(path) and not overwrite:
            raise CeairError(f"{path} exists; --overwrite replaces it")
    from ceair.checkpoint import load_network
    from ceair.engines.graphs import graph_multiple
    from ceair.export import export as write

    network = load_network(weights)
    difference = write(network, output, {"weights": Path(weights).name})
    facts = {
        "output": str(output),
        "weights": weights,
        "bytes": output.stat().st_size,
        "size_multiple": graph_multiple(network),
        "largest_difference": difference,
    }
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        print(f"{output}: differs from torch by {difference:.1e} at most", file=sys.stderr)
