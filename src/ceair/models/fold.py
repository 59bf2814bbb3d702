"""Networks made ready for graph engines."""

import copy
import hashlib

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ceair.models.unet import UNet
from ceair.nn import CEA, GatedConvBlock
from ceair.nn.folded import FoldedCEA, FoldedGatedConvBlock


def fold(network: UNet) -> UNet:
    """A copy on the CPU, in float32, that computes the same for one image in cheaper steps.

    Its CEA layers take batches of one image, or crops of one whose context is given. Blocks of the transposed-attention
    family stay as they are.
    """
    folded = copy.deepcopy(network).float().cpu().eval().requires_grad_(False)
    for module in list(folded.modules()):
        for name, part in list(module.named_children()):
            if isinstance(part, GatedConvBlock):
                setattr(module, name, FoldedGatedConvBlock(part))
            elif isinstance(part, CEA):
                setattr(module, name, FoldedCEA(part))
    return folded.requires_grad_(False)


def ready_for_bf16(network: UNet) -> UNet:
    """A copy whose tones stay right in bfloat16; it takes images as `split_for_bf16` makes them.

    In bfloat16 the upper half of [0, 1] has 128 levels, half as many as an 8-bit image, and weights are as coarse. What
    that does to a tone is the same wherever the tone is, so that whole areas get darker or brighter. So the stem works
    on image and weights in two halves each, and all other weights are rounded in a way that keeps their sums.
    """
    ready = copy.deepcopy(network)
    for module in ready.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.data = _rounded_with_sums(module.weight.data)
    stem = network.stem
    weight = stem.weight.detach()
    rounded = weight.bfloat16().float()
    ready.stem = nn.Conv2d(3 * stem.in_channels, stem.out_channels, stem.kernel_size[0], padding=stem.padding[0])
    ready.stem.weight = nn.Parameter(torch.cat((rounded, rounded, weight - rounded), dim=1))
    ready.stem.bias = copy.deepcopy(stem.bias)
    return ready


def _rounded_with_sums(weight: Float[Tensor, "rows ..."]) -> Float[Tensor, "rows ..."]:
    """Weights rounded to bfloat16, each row from its largest on, what one loses being given to the next."""
    rows = weight.flatten(1).double()
    order = rows.abs().argsort(dim=1, descending=True)
    ordered = rows.gather(1, order)
    lost = torch.zeros(len(rows), dtype=rows.dtype, device=rows.device)
    for column in range(ordered.shape[1]):
        wanted = ordered[:, column] + lost
        ordered[:, column] = wanted.bfloat16().double()
        lost = wanted - ordered[:, column]
    return torch.zeros_like(rows).scatter(1, order, ordered).to(weight.dtype).reshape(weight.shape)


def fingerprint(network: UNet) -> str:
    """32 hexadecimal digits that differ where weights do."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def split_for_bf16(images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 9 h w"]:
    """Images rounded to bfloat16, what the rounding took away, and the rounded ones again, all as float32."""
    rounded = images.bfloat16().float()
    return torch.cat((rounded, images - rounded, rounded), dim=1)
