"""Networks as files that other programs run without ceair: ONNX and OpenVINO, of any height and width.

The graph takes one RGB image, `1 3 h w` as float32 in [0, 1], both sides multiples of 16 (of `size_multiple`, to be
exact; mirror the image at its right and bottom and cut the result), and gives the restored image of the same shape.
OpenVINO (2026.4) gets images wrong if the first one that it computes is as small as one multiple: let it begin with a
larger one.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ceair.engines.graphs import graph_multiple
from ceair.errors import CeairError
from ceair.files import write_atomically
from ceair.models import UNet
from ceair.models.fold import fold

FORMATS = {".onnx": "onnx", ".xml": "openvino"}
"""What is written, by the ending of the file."""

TOLERANCE = 1e-4
"""Most that a value of the file's answer may differ from eager torch's, of values in [0, 1]."""

_CHECKED = ((4, 3), (1, 1), (10, 6))  # heights and widths that the file is checked at, in multiples of the network's

Images = Float[np.ndarray, "1 3 h w"]
Run = Callable[[Images], Images]


class Restored(nn.Module):
    """One image of padded size to the restored image in [0, 1]."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 3 h w"]:
        return self.network.restore_padded(image).clamp(0, 1)


def export(network: UNet, path: Path, about: dict[str, str]) -> float:
    """Write a network as `path`, `.onnx` or `.xml` (OpenVINO, with a `.bin` beside it), after checking its answers.

    Args:
        about: words to keep in the file, such as which weights they are.

    Returns the largest difference from eager torch that was seen.

    Raises:
        CeairError: the ending is unknown, a package is missing, the answers differ, or the file cannot be written.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise CeairError(f"{path} must end in one of {', '.join(FORMATS)}: ONNX or OpenVINO")
    about = about | {"size_multiple": str(graph_multiple(network)), "range": "RGB in [0, 1]"}
    try:
        write = _export_onnx if kind == "onnx" else _export_openvino
        with tempfile.TemporaryDirectory() as folder:
            kept, run = write(fold(network), Path(folder) / f"network{path.suffix.lower()}", about)
            difference = check(network, run)
            for file in kept:  # the graph last: whoever sees it finds its weights
                place = path if file.suffix == path.suffix.lower() else path.with_suffix(file.suffix)
                write_atomically(place, file.read_bytes())
    except ImportError as error:
        extra = "cpu" if kind == "openvino" else "onnx"
        raise CeairError(f"writing {path.suffix} needs more packages: `pip install 'ceair[{extra}]'`") from error
    except OSError as error:
        raise CeairError(f"cannot write {path}: {error.strerror or error}") from error
    return difference


@torch.no_grad()
def check(network: UNet, run: Run) -> float:
    """The largest difference between what `run` and eager torch make of random images of several sizes.

    Raises:
        CeairError: it is above `TOLERANCE`.
    """
    generator = torch.Generator().manual_seed(0)
    network, multiple = network.float().cpu().eval(), graph_multiple(network)
    differences = []
    for rows, columns in _CHECKED:
        size = rows * multiple, columns * multiple
        image = torch.rand(1, 3, *size, generator=generator)
        expected = network.restore_padded(image).clamp(0, 1)
        differences.append(float((torch.from_numpy(run(image.numpy())) - expected).abs().max()))
    if not max(differences) <= TOLERANCE:
        raise CeairError(
            f"the exported network differs from torch by {max(differences):.1e}, more than {TOLERANCE:.0e}; "
            "nothing was written; another version of the exporter may help"
        )
    return max(differences)


def _export_onnx(network: UNet, path: Path, about: dict[str, str]) -> tuple[list[Path], Run]:
    import onnxruntime
    from torch.export import Dim

    from ceair.engines.onnx import to_onnx

    side = graph_multiple(network)
    sides = {2: side * Dim("rows"), 3: side * Dim("columns")}
    image = torch.zeros(1, 3, 4 * side, 5 * side)
    with torch.no_grad():
        model = to_onnx(Restored(network), (image,), (sides,), ["image"], ["restored"])
    for key, value in about.items():
        model.metadata_props.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [path], lambda images: session.run(None, {"image": images})[0]


def _export_openvino(network: UNet, path: Path, about: dict[str, str]) -> tuple[list[Path], Run]:
    import openvino

    from ceair.engines.openvino import trace

    side = 4 * graph_multiple(network)
    with torch.no_grad():
        model: Any = trace(Restored(network), (torch.zeros(1, 3, side, side),), [(1, 3, -1, -1)])
    model.input(0).get_tensor().set_names({"image"})
    model.output(0).get_tensor().set_names({"restored"})
    for key, value in about.items():
        model.set_rt_info(value, ["ceair", key])
    openvino.save_model(model, path, compress_to_fp16=False)
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [path.with_suffix(".bin"), path], lambda images: compiled(images)[0]
