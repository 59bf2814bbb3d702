"""The network in torch itself: on any device, in float32 or bfloat16, as it stands or compiled."""

import torch
from jaxtyping import Float
from torch import Tensor

from ceair.engines.graphs import conversion_key, restored
from ceair.errors import CeairError
from ceair.models import UNet
from ceair.models.fold import ready_for_bf16, split_for_bf16
from ceair.nn.context import Context


def find_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` is the first of CUDA, MPS and the CPU that is there.

    Raises:
        CeairError: torch knows no such device, or this machine has none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise CeairError(f"there is no device `{name}`; use auto, cpu, cuda, cuda:1 or mps") from error
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise CeairError(f"this machine or this build of torch has no device `{name}`; use auto or cpu") from error
    return device


class TorchEngine:
    """An `Engine` that runs the network's own modules.

    Args:
        network: is moved to the device and set to evaluation.
        precision: `bf16` computes matrix products and convolutions in bfloat16 under autocast.
        compiled: let `torch.compile` fuse the steps; the first image of each kind of size then takes minutes.
    """

    def __init__(self, network: UNet, device: torch.device, precision: str = "fp32", compiled: bool = False) -> None:
        self.device = device
        network = ready_for_bf16(network) if precision == "bf16" else network
        self.network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.precision = precision
        self.name = f"torch {precision}" + (" compiled" if compiled else "")
        self.key = f"{self.name}-{device}-{conversion_key(network, 'torch')}"
        self.size_multiple = network.size_multiple
        self.bytes_per_pixel, self.look_bytes_per_pixel = (560, 370) if precision == "fp32" else (300, 280)
        change, look = self.network.change, self.network.context
        self._change = torch.compile(change, dynamic=True) if compiled else change
        self._look = torch.compile(look, dynamic=True) if compiled else look

    @torch.no_grad()
    def restore(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """As `Engine.restore`."""
        with self._autocast():
            change = self._change(self._placed(images))
        return restored(images.float().cpu(), change.float().cpu())

    @torch.no_grad()
    def look(self, crops: Float[Tensor, "b 3 h w"]) -> Context:
        """As `Engine.look`."""
        with self._autocast():
            return self._look(self._placed(crops))

    @torch.no_grad()
    def restore_crop(self, crop: Float[Tensor, "1 3 h w"], context: Context) -> Float[Tensor, "1 3 h w"]:
        """As `Engine.restore_crop`."""
        with self._autocast():
            change = self._change(self._placed(crop), context)
        return restored(crop.float().cpu(), change.float().cpu())

    def _placed(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        placed = images.to(self.device, torch.float32)
        placed = split_for_bf16(placed) if self.precision == "bf16" else placed
        return placed.contiguous(memory_format=torch.channels_last)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")
