"""The network in OpenVINO: the fastest engine on CPUs.

The three graphs are converted when they are first needed, which takes seconds, and kept in the user's cache folder.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ceair.cache import cache_folder, keep_folder
from ceair.engines.graphs import Informed, Look, Whole, conversion_key, flatten, graph_multiple, restored
from ceair.models import UNet
from ceair.models.fold import fold, ready_for_bf16, split_for_bf16

_SIDE = 4  # of the images that a graph is traced with, in multiples of the network's


class OpenVINOEngine:
    """An `Engine` on the CPU, with as many threads as torch is set to.

    Args:
        precision: `fp32`, or `bf16` where the processor computes it.
    """

    def __init__(self, network: UNet, precision: str = "fp32") -> None:
        self.device = torch.device("cpu")
        self.name = f"openvino {precision}"
        self.size_multiple = graph_multiple(network)
        self.bytes_per_pixel, self.look_bytes_per_pixel = (410, 400) if precision == "fp32" else (320, 305)
        self._split = precision == "bf16"
        self._network = fold(network)
        self.key = f"{conversion_key(self._network, 'openvino')}-{precision}"
        self._core = openvino.Core()
        self._settings = {
            "INFERENCE_PRECISION_HINT": "f32" if precision == "fp32" else "bf16",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "ENABLE_CPU_PINNING": False,  # pinned threads of two processes would share a core beside an idle one
        }
        self._compiled: dict[str, Any] = {}

    def restore(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """As `Engine.restore`."""
        images = images.float().cpu()
        changes = [self._run("whole", [self._prepared(image[None])])[0] for image in images]
        return restored(images, torch.from_numpy(np.concatenate(changes)))

    def look(self, crops: Float[Tensor, "b 3 h w"]) -> Sequence[np.ndarray]:
        """As `Engine.look`; the memory that it took is free for the tiles that follow."""
        context = self._run("look", [self._prepared(crops.float().cpu())])
        self._compiled["look"].get_compiled_model().release_memory()
        return context

    def restore_crop(self, crop: Float[Tensor, "1 3 h w"], context: Sequence[np.ndarray]) -> Float[Tensor, "1 3 h w"]:
        """As `Engine.restore_crop`."""
        crop = crop.float().cpu()
        return restored(crop, torch.from_numpy(self._run("informed", [self._prepared(crop), *context])[0]))

    def _prepared(self, images: Float[Tensor, "b 3 h w"]) -> np.ndarray:
        return (split_for_bf16(images) if self._split else images).numpy()

    def _run(self, graph: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        if graph not in self._compiled:
            self._compiled[graph] = self._compile(graph, inputs)
        contiguous = [np.ascontiguousarray(array) for array in inputs]
        return list(self._compiled[graph].infer(contiguous, share_inputs=True).values())

    def _compile(self, graph: str, inputs: Sequence[np.ndarray]) -> Any:
        kept = cache_folder() / "openvino" / f"{self.key}-{graph}"
        try:
            # From a file, and with a folder for what is made of it: then the second start takes a third of the time.
            model = self._core.compile_model(
                kept / "graph.xml", "CPU", self._settings | {"CACHE_DIR": str(kept.parent / "compiled")}
            )
        except RuntimeError:
            model = self._core.compile_model(self._converted(graph, kept), "CPU", self._settings)
        request = model.create_infer_request()
        # If the first image has a single token at the bottleneck, OpenVINO (2026.4) gets larger ones wrong after it.
        side = _SIDE * self.size_multiple
        request.infer([np.zeros((1, inputs[0].shape[1], side, side), np.float32), *inputs[1:]])
        return request

    def _converted(self, graph: str, kept: Path) -> Any:
        """The graph, which is also kept for the next time."""
        model = convert(ready_for_bf16(self._network) if self._split else self._network, graph)
        keep_folder(kept, lambda folder: openvino.save_model(model, folder / "graph.xml", compress_to_fp16=False))
        return model


@torch.no_grad()
def convert(network: UNet, graph: str) -> Any:
    """An OpenVINO model of a folded network: `whole`, `look` or `informed`, of dynamic height and width."""
    side, channels = _SIDE * graph_multiple(network), network.stem.in_channels // network.stem_stride**2
    image, crops = torch.zeros(1, channels, side, side), torch.zeros(2, channels, side, side)
    if graph == "whole":
        return trace(Whole(network), (image,), [(1, channels, -1, -1)])
    if graph == "look":
        return trace(Look(network), (crops,), [(-1, channels, -1, -1)])
    context = flatten(network.context(crops))
    shapes = [(1, channels, -1, -1), *(tuple(one.shape) for one in context)]
    return trace(Informed(network), (image, *context), shapes)


def trace(module: nn.Module, example: tuple[Tensor, ...], shapes: list[tuple[int, ...]]) -> Any:
    """An OpenVINO model of a module, whose inputs have these shapes; -1 stands for any size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about sizes that are no part of the graph
        return openvino.convert_model(module, example_input=example, input=shapes)
