"""What restoring needs of whatever computes the network."""

from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Engine(Protocol):
    """Computes one network on images whose sides are multiples of `size_multiple`.

    Images are RGB in [0, 1], float32, on any device; results are float32 on the CPU, clamped to [0, 1].

    Attributes:
        name: how messages name it, such as `openvino bf16`.
        key: differs between engines that might give different answers: by weights, versions, precision.
        device: where it computes.
        size_multiple: the multiple of both sides that it needs.
        bytes_per_pixel: memory that it takes to restore with `ceair-t`, for each pixel of the batch; measured, and for
            wider networks an underestimate that `Limits` keeps within bounds.
        look_bytes_per_pixel: the same for looking; what one takes it may keep while it does the other.
    """

    name: str
    key: str
    device: torch.device
    size_multiple: int
    bytes_per_pixel: int
    look_bytes_per_pixel: int

    def restore(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Restore whole images, each by itself."""
        ...

    def look(self, crops: Float[Tensor, "b 3 h w"]) -> Any:
        """What the network knows of one image, from crops of it (`UNet.context`)."""
        ...

    def restore_crop(self, crop: Float[Tensor, "1 3 h w"], context: Any) -> Float[Tensor, "1 3 h w"]:
        """Restore a part of the image that `context` is of."""
        ...
