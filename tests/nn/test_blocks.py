"""The laws of the blocks, the norm and the resampling."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ceair.nn import ChannelNorm, GatedConvBlock, TransposedAttentionBlock
from ceair.nn.resample import Downsample, Upsample, pad_to_multiple

BLOCKS = [GatedConvBlock, TransposedAttentionBlock]


def features(height: int = 6, width: int = 7, batch: int = 1, channels: int = 8) -> Tensor:
    return torch.randn(batch, channels, height, width, generator=torch.Generator().manual_seed(0))


def changed_pixels(block: torch.nn.Module, row: int, column: int) -> list[list[int]]:
    """Pixels of the output that change when one pixel of the input does."""
    image = features()
    changed = image.clone()
    changed[..., row, column] += torch.linspace(-1, 1, 8)
    with torch.no_grad():
        return ((block(changed) - block(image)).abs().amax((0, 1)) > 1e-5).nonzero().tolist()


def test_channel_norm_gives_each_pixel_mean_0_and_variance_1() -> None:
    normed = ChannelNorm(8)(features())
    torch.testing.assert_close(normed.mean(1), torch.zeros(1, 6, 7), atol=1e-5, rtol=0)
    torch.testing.assert_close(normed.var(1, unbiased=False), torch.ones(1, 6, 7), atol=1e-3, rtol=0)


def test_channel_norm_scales_and_shifts_by_channel() -> None:
    norm = ChannelNorm(8)
    plain = norm(features())
    torch.nn.init.constant_(norm.weight, 3.0)
    torch.nn.init.constant_(norm.bias, 0.5)
    torch.testing.assert_close(norm(features()), 3 * plain + 0.5)


def test_channel_norm_takes_no_statistic_across_pixels() -> None:
    assert changed_pixels(ChannelNorm(8), 2, 3) == [[2, 3]]


def test_channel_norm_survives_equal_channels() -> None:
    assert torch.equal(ChannelNorm(8)(torch.full((1, 8, 2, 2), 0.4)), torch.zeros(1, 8, 2, 2))


@pytest.mark.parametrize(("row", "column"), [(2, 3), (0, 0), (5, 6)])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_the_gated_block_sees_its_windows_and_nothing_else(row: int, column: int, kernel: int) -> None:
    torch.manual_seed(1)
    far = kernel // 2
    near = [[i, j] for i in range(row - far, row + far + 1) for j in range(column - far, column + far + 1)]
    changed = changed_pixels(GatedConvBlock(8, kernel), row, column)
    assert changed == [[i, j] for i, j in near if 0 <= i < 6 and 0 <= j < 7]


@pytest.mark.parametrize("kernel", [-1, 0, 4])
def test_windows_without_a_middle_are_refused(kernel: int) -> None:
    with pytest.raises(ValueError, match="odd side"):
        GatedConvBlock(8, kernel)


def test_the_transposed_attention_block_looks_at_the_whole_frame() -> None:
    torch.manual_seed(1)
    block = TransposedAttentionBlock(8)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.mul_(3)
    assert len(changed_pixels(block, 2, 3)) > 30


@pytest.mark.parametrize("make", BLOCKS)
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 3)])
def test_blocks_keep_any_size(make: type[torch.nn.Module], size: tuple[int, int]) -> None:
    restored = make(8)(features(*size))
    assert restored.shape == (1, 8, *size)
    assert torch.isfinite(restored).all()


@pytest.mark.parametrize("make", BLOCKS)
def test_blocks_treat_each_image_of_a_batch_alone(make: type[torch.nn.Module]) -> None:
    block, batch = make(8), features(batch=3)
    torch.testing.assert_close(block(batch[1:2])[0], block(batch)[1])


@pytest.mark.parametrize("make", BLOCKS)
def test_every_parameter_of_a_block_gets_a_gradient(make: type[torch.nn.Module]) -> None:
    block = make(8)
    block(features()).square().mean().backward()
    for name, parameter in block.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_transposed_attention_refuses_heads_that_do_not_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="multiple of heads"):
        TransposedAttentionBlock(6, heads=4)


def test_downsample_halves_and_upsample_doubles() -> None:
    below = Downsample(8, 12)(features(6, 8))
    assert below.shape == (1, 12, 3, 4)
    assert Upsample(12, 8)(below).shape == (1, 8, 6, 8)


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 2, 8, 16]))
def test_padding_reaches_the_next_multiple_and_cropping_undoes_it(height: int, width: int, multiple: int) -> None:
    image = torch.rand(2, 3, height, width)
    padded = pad_to_multiple(image, multiple)
    assert torch.equal(padded[..., :height, :width], image)
    for before, after in zip(image.shape[-2:], padded.shape[-2:], strict=True):
        assert after % multiple == 0
        assert before <= after < before + multiple


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (2, 3), (16, 16)])
def test_padding_invents_no_values(size: tuple[int, int]) -> None:
    image = torch.rand(1, 1, *size)
    assert set(pad_to_multiple(image, 16).flatten().tolist()) == set(image.flatten().tolist())


def test_padding_mirrors_about_the_border() -> None:
    image = torch.arange(5.0).view(1, 1, 1, 5)
    assert pad_to_multiple(image, 8)[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]
    assert pad_to_multiple(image[..., :2], 8)[0, 0, 0].tolist() == [0, 1, 0, 1, 0, 1, 0, 1]
