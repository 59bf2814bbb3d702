"""Which preset weights belong to, told from their names and shapes."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ceair.errors import WeightsError
from ceair.models.registry import PRESETS, Preset, build


def recognise(weights: Mapping[str, Tensor]) -> Preset:
    """The preset whose network has weights of exactly these names and shapes.

    Raises:
        WeightsError: there is none.
    """
    shapes = {name: tensor.shape for name, tensor in weights.items()}
    for preset in PRESETS.values():
        with torch.device("meta"):
            own = build(preset.network).state_dict()
        if shapes == {name: tensor.shape for name, tensor in own.items()}:
            return preset
    raise WeightsError(f"these weights are of no preset of this version, {', '.join(PRESETS)}")
