"""Networks made ready for graph engines."""

import copy


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
