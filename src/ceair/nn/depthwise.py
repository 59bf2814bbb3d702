"""Depthwise convolution whose weights' gradient is fast for windows larger than 3x3, too."""

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

_FAST = 3
"""The side of windows that the library under torch computes the gradient of depthwise weights quickly for on CPUs."""


class DepthwiseConv(nn.Conv2d):
    """A convolution of each channel by itself, `b c h w` to the same shape, amid zeros, over windows of an odd side.

    What it computes is what `torch.nn.Conv2d` does. On CPUs the gradient of weights of 5x5 and more takes
    torch long in bfloat16 (docs/log.md); here it is put together from gradients of 3x3.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__(channels, channels, kernel, padding=kernel // 2, groups=channels)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Each channel mixed with its neighbours."""
        trained = torch.is_grad_enabled() and self.weight.requires_grad
        if not trained or self.kernel_size[0] <= _FAST or features.device.type != "cpu":
            return super().forward(features)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else features.dtype
        assert self.bias is not None
        operands = [operand.to(dtype) for operand in (features, self.weight, self.bias)]
        mixed: Tensor = _Pieced.apply(*operands)  # type: ignore[no-untyped-call]
        return mixed


class _Pieced(torch.autograd.Function):
    """The convolution, with the gradient of its weights in pieces of 3x3."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """What the convolution gives; its operands are kept for `backward`."""
        ctx.save_for_backward(features, weight)
        return F.conv2d(features, weight, bias, padding=weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        """The gradients of features, weight and bias; none of features that need none."""
        features, weight = ctx.saved_tensors
        channels_last = features.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        gradient = gradients[0].contiguous(memory_format=layout)
        of_features = None
        if ctx.needs_input_grad[0]:
            of_features = _backward(0, gradient, features, weight, weight.shape[-1] // 2)
        return of_features, _of_weight(gradient, features, weight), gradient.sum((0, 2, 3))


def _of_weight(gradient: Tensor, features: Tensor, weight: Tensor) -> Tensor:
    """What `weight` of shape `c 1 k k` is to change by, from pieces of 3x3 that cover it."""
    side, (height, width) = weight.shape[-1], features.shape[-2:]
    framed = F.pad(features, (side // 2,) * 4)
    starts = [*range(0, side - _FAST, _FAST), side - _FAST]
    whole = torch.empty_like(weight)
    for top, left in product(starts, starts):
        seen = framed[..., top : top + height + _FAST - 1, left : left + width + _FAST - 1]
        taps = (..., slice(top, top + _FAST), slice(left, left + _FAST))
        whole[taps] = _backward(1, gradient, seen, weight[taps], 0)
    return whole


def _backward(what: int, gradient: Tensor, features: Tensor, weight: Tensor, padding: int) -> Tensor:
    """The gradient of the features (`what` 0) or of the weights (1) of a depthwise convolution."""
    channels, wanted = len(weight), [what == 0, what == 1, False]
    gradients = torch.ops.aten.convolution_backward(
        gradient, features, weight, [channels], [1, 1], [padding] * 2, [1, 1], False, [0, 0], channels, wanted
    )
    one: Tensor = gradients[what]
    return one
