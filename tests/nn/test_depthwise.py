"""The depthwise convolution, whose gradient of larger windows is put together from pieces."""

import pytest
import torch
from torch import nn

from ceair.nn import depthwise
from ceair.nn.depthwise import DepthwiseConv


def gradients(conv: nn.Conv2d, image: torch.Tensor, bf16: bool = False) -> list[torch.Tensor]:
    """The answer, and the gradients of the image, the weights and the bias."""
    image = image.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        mixed = conv(image)
    mixed.float().sin().sum().backward()
    assert image.grad is not None
    return [mixed, image.grad, *(parameter.grad for parameter in conv.parameters() if parameter.grad is not None)]


def twins(kernel: int) -> tuple[DepthwiseConv, nn.Conv2d]:
    torch.manual_seed(kernel)
    ours = DepthwiseConv(6, kernel)
    plain = nn.Conv2d(6, 6, kernel, padding=kernel // 2, groups=6)
    plain.load_state_dict(ours.state_dict())
    return ours, plain


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7, 9])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (11, 8)])
def test_answers_and_gradients_are_those_of_a_plain_convolution(kernel, size, layout):
    ours, plain = twins(kernel)
    image = torch.randn(3, 6, *size).contiguous(memory_format=layout)
    mine, its = gradients(ours, image), gradients(plain, image)
    assert len(mine) == len(its) == 4
    for one, other in zip(mine, its, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_in_mixed_precision_weights_get_float32_gradients_near_those_of_float32(kernel):
    ours, plain = twins(kernel)
    image = torch.randn(2, 6, 16, 16)
    mine, exact = gradients(ours, image, bf16=True), gradients(plain, image)
    assert mine[0].dtype == torch.bfloat16
    for one, other in zip(mine[1:], exact[1:], strict=True):
        assert one.dtype == torch.float32
        assert (one - other).norm() < 0.02 * other.norm()


def test_only_trained_windows_larger_than_3x3_take_the_way_of_their_own(monkeypatch):
    called = []
    monkeypatch.setattr(depthwise, "_of_weight", lambda *tensors: called.append(1) or tensors[2])
    for kernel, frozen, expected in [(3, False, 0), (5, True, 0), (5, False, 1)]:
        conv = twins(kernel)[0].requires_grad_(not frozen)
        called.clear()
        conv(torch.randn(1, 6, 8, 8, requires_grad=True)).sum().backward()
        assert len(called) == expected
    with torch.no_grad():
        assert conv(torch.randn(1, 6, 8, 8)).grad_fn is None


def test_an_image_that_needs_no_gradient_gets_none():
    ours, plain = twins(5)
    image = torch.randn(1, 6, 8, 8)
    for conv in (ours, plain):
        conv(image).sum().backward()
    torch.testing.assert_close(ours.weight.grad, plain.weight.grad)
