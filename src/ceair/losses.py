"""What training minimises."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Images = Float[Tensor, "b c h w"]
Loss = Callable[[Images, Images], Float[Tensor, ""]]
Pixelwise = Literal["l1", "charbonnier", "mse", "psnr"]


def l1(restored: Images, clean: Images) -> Float[Tensor, ""]:
    """The mean absolute difference."""
    return (restored - clean).abs().mean()


def charbonnier(restored: Images, clean: Images, softness: float = 1e-3) -> Float[Tensor, ""]:
    """A smooth L1: the mean of `sqrt(difference^2 + softness^2)`.

    Source: Charbonnier et al., ICIP 1994; in restoration since LapSRN (arXiv 1704.03915, section 3.2).
    """
    return ((restored - clean).square() + softness**2).sqrt().mean()


def mse(restored: Images, clean: Images) -> Float[Tensor, ""]:
    """The mean squared difference."""
    return (restored - clean).square().mean()


def psnr(restored: Images, clean: Images, floor: float = 1e-4) -> Float[Tensor, ""]:
    """How many dB the images lack, on average, of the PSNR of a mean squared difference of `floor` (40 dB).

    Every image counts by the dB that it can gain, less and less so beyond the floor. In `mse` dim and hazy images drown
    the others; at a floor of 1e-5 clean ones pull many times as hard as hazy ones, which are then left as they are.

    Source: the form of HINet (arXiv 2105.06086, section 3.2) and NAFNet (arXiv 2204.04676, section 5.1).
    Differs: both have a floor of 1e-8, since all of their images need restoring; and the value at equal images is 0.
    """
    squares = (restored - clean).square().mean(dim=(1, 2, 3))
    return 10 / math.log(10) * (squares / floor).log1p().mean()


def frequency(restored: Images, clean: Images) -> Float[Tensor, ""]:
    """The mean absolute difference of the real and imaginary parts of the 2-D spectra.

    Source: Cho et al., MIMO-UNet (arXiv 2108.05054, section 3.3); used by MoCE-IR, BioIR and DACG-IR.
    Differs: the transform is orthonormal, so the value does not grow with the patch; theirs is not, and at patches
    of 128x128 their weight of 0.1 is 12.8 here.
    """
    # Half-precision FFTs do not exist on CPUs and lose the high frequencies elsewhere.
    difference = torch.fft.rfft2(restored.float() - clean.float(), norm="ortho")
    return torch.view_as_real(difference).abs().mean()


_PIXELWISE: dict[Pixelwise, Loss] = {"l1": l1, "charbonnier": charbonnier, "mse": mse, "psnr": psnr}


def make_loss(pixelwise: Pixelwise, frequency_weight: float) -> Loss:
    """The named pixelwise loss plus `frequency_weight` times the frequency loss."""
    compare = _PIXELWISE[pixelwise]

    def loss(restored: Images, clean: Images) -> Float[Tensor, ""]:
        value = compare(restored, clean)
        return value + frequency_weight * frequency(restored, clean) if frequency_weight else value

    return loss
