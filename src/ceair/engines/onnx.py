"""The network in ONNX Runtime, in float32 on the CPU."""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
import torch
from jaxtyping import Float
from torch import Tensor
from torch.export import Dim

from ceair.cache import cache_folder, keep_folder
from ceair.engines.graphs import Informed, Look, Whole, conversion_key, flatten, graph_multiple, restored
from ceair.models import UNet
from ceair.models.fold import fold

_PROVIDERS = ["CPUExecutionProvider"]
_SIDE = 4  # of the images that a graph is traced with, in multiples of the network's


class ONNXEngine:
    """An `Engine` on the CPU, with as many threads as torch is set to."""

    def __init__(self, network: UNet) -> None:
        self.device = torch.device("cpu")
        self.name = "onnx fp32"
        self.size_multiple = graph_multiple(network)
        self.bytes_per_pixel, self.look_bytes_per_pixel = 460, 430
        self._network = fold(network)
        self.key = conversion_key(self._network, "onnxscript")
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}

    def restore(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """As `Engine.restore`."""
        images = images.float().cpu()
        changes = [self._run("whole", [image[None].numpy()])[0] for image in images]
        return restored(images, torch.from_numpy(np.concatenate(changes)))

    def look(self, crops: Float[Tensor, "b 3 h w"]) -> Sequence[np.ndarray]:
        """As `Engine.look`; the memory that it took is free for the tiles that follow."""
        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return self._run("look", [crops.float().cpu().numpy()], options)

    def restore_crop(self, crop: Float[Tensor, "1 3 h w"], context: Sequence[np.ndarray]) -> Float[Tensor, "1 3 h w"]:
        """As `Engine.restore_crop`."""
        crop = crop.float().cpu()
        return restored(crop, torch.from_numpy(self._run("informed", [crop.numpy(), *context])[0]))

    def _run(
        self, graph: str, inputs: Sequence[np.ndarray], options: onnxruntime.RunOptions | None = None
    ) -> list[np.ndarray]:
        session = self._sessions.get(graph)
        if session is None:
            session = self._open(graph)
            self._sessions[graph] = session
        names = [one.name for one in session.get_inputs()]
        return list(session.run(None, dict(zip(names, inputs, strict=True)), options))

    def _open(self, graph: str) -> onnxruntime.InferenceSession:
        """A session of the converted graph, from the cache folder if it is there and whole."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        kept = cache_folder() / "onnx" / f"{self.key}-{graph}"
        try:
            content = (kept / "graph.onnx").read_bytes()
            return onnxruntime.InferenceSession(content, options, providers=_PROVIDERS)
        except Exception:  # a damaged model may raise anything
            content = convert(self._network, graph).SerializeToString()
        keep_folder(kept, lambda folder: (folder / "graph.onnx").write_bytes(content))
        return onnxruntime.InferenceSession(content, options, providers=_PROVIDERS)


class _InformedByList(Informed):
    """The same with the context in a list, as torch's exporter wants what there is any number of."""

    def forward(self, crop: Float[Tensor, "1 c h w"], context: list[Tensor]) -> Float[Tensor, "1 3 h w"]:  # type: ignore[override]
        return super().forward(crop, *context)


@torch.no_grad()
def convert(network: UNet, graph: str) -> Any:
    """An ONNX model of a folded network: `whole`, `look` or `informed`, of dynamic height and width."""
    multiple = graph_multiple(network)
    side = _SIDE * multiple
    image, crops = torch.zeros(1, 3, side, side + multiple), torch.zeros(2, 3, side, side)
    sides = {2: multiple * Dim("rows"), 3: multiple * Dim("columns")}
    if graph == "whole":
        return to_onnx(Whole(network), (image,), (sides,), ["image"], ["change"])
    if graph == "look":
        return to_onnx(Look(network), (crops,), (sides | {0: Dim("crops")},), ["crops"], None)
    context = flatten(network.context(crops))
    shapes = (sides, [None for _ in context])
    names = ["crop", *(f"context_{index}" for index in range(len(context)))]
    return to_onnx(_InformedByList(network), (image, list(context)), shapes, names, ["change"])


def to_onnx(
    module: torch.nn.Module,
    inputs: tuple[Tensor | list[Tensor], ...],
    shapes: tuple[Any, ...],
    names: list[str],
    outputs: list[str] | None,
) -> Any:
    """An ONNX model (`onnx.ModelProto`) of a module, by torch's exporter."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)  # it would tell that torchvision is not installed
    try:
        return _exported(module, inputs, shapes, names, outputs)
    finally:
        log.setLevel(level)


def _exported(
    module: torch.nn.Module,
    inputs: tuple[Tensor | list[Tensor], ...],
    shapes: tuple[Any, ...],
    names: list[str],
    outputs: list[str] | None,
) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about its own internals
        program = torch.onnx.export(
            module, inputs, dynamo=True, dynamic_shapes=shapes, input_names=names, output_names=outputs, verbose=False
        )
    assert program is not None
    return program.model_proto
