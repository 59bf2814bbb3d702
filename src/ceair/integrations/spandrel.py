"""An entry for spandrel, the loader that chaiNNer, ComfyUI and others use, so that they read weights of ceair.

    from ceair.integrations.spandrel import install

    install()                                             # once, before weights are loaded
    model = spandrel.ModelLoader().load_from_file("model.safetensors")
    restored = model(image)                               # 1 3 h w in [0, 1], any size; large ones in tiles

spandrel is no dependency of ceair: it brings torchvision, which ceair does not need.
"""

from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

try:
    from spandrel import (
        MAIN_REGISTRY,
        Architecture,
        ArchRegistry,
        ArchSupport,
        ImageModelDescriptor,
        ModelTiling,
        SizeRequirements,
    )
    from spandrel.util import KeyCondition
except ImportError as error:
    from ceair.errors import CeairError

    raise CeairError(f"spandrel is not installed ({error}); run `pip install spandrel`") from error

from ceair.models import UNet, build
from ceair.models.recognise import recognise
from ceair.restore import Restorer

_PARTS = ("stem.weight", "head.weight", "fuse.0.weight", "bottleneck.0.gamma", "bottleneck.0.adapter.probes")


class CeairArch(Architecture[UNet]):  # type: ignore[misc]  # of a package that need not be there
    """What spandrel needs to know of the networks of ceair: how to tell one by its weights, and how to make it."""

    def __init__(self) -> None:
        super().__init__(id="ceair", detect=KeyCondition.has_all(*_PARTS))

    def load(self, state_dict: dict[str, Any]) -> ImageModelDescriptor[UNet]:
        """The network of a preset with these weights, in float32.

        The descriptor asks for no tiles: where an image is large the network is run in tiles that share what it knows
        of the whole image (`ceair.Restorer`), which tiles cut by others cannot. Sides that are multiples of
        `size_requirements.multiple_of` need no padding. It is computed in float32 only, as those tiles are.

        Raises:
            WeightsError: they are of no preset of this version.
        """
        preset = recognise(state_dict)
        network = build(preset.network).eval()

        @cache
        def restorer(device: torch.device) -> Restorer:
            return Restorer(network, str(device))

        def restore(network: UNet, image: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 3 h w"]:
            return restorer(next(network.parameters()).device).restore_tensor(image)

        return ImageModelDescriptor(
            network,
            state_dict,
            architecture=self,
            purpose="Restoration",
            tags=[preset.name, f"rank {preset.network.cea.rank}"],
            supports_half=False,
            supports_bfloat16=False,
            scale=1,
            input_channels=3,
            output_channels=3,
            size_requirements=SizeRequirements(minimum=network.size_multiple, multiple_of=network.size_multiple),
            tiling=ModelTiling.INTERNAL,
            call_fn=restore,
        )


def install(registry: ArchRegistry = MAIN_REGISTRY) -> None:
    """Let a registry of spandrel know the networks of ceair; a second call changes nothing."""
    if "ceair" not in registry:
        registry.add(ArchSupport.from_architecture(CeairArch()))
