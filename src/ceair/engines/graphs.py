"""The network as static graphs that other engines compute: whole images, looking at crops, and informed crops."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ceair.models import UNet
from ceair.models.fold import fingerprint
from ceair.nn import CEA
from ceair.nn.cea import Components
from ceair.nn.context import Context, SeesWholeImage
from ceair.nn.folded import FoldedCEA
from ceair.system import version_of

_FORM = "2"  # of these graphs and of the folded modules; another one makes converted graphs of earlier ones unknown


class Whole(nn.Module):
    """One whole image of padded size to the change that restores it: `restored = clamp(image + change)`.

    The sum is left to the caller, who adds in float32 what an engine may have computed in bfloat16: the image itself
    would lose its lower bits there.
    """

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 3 h w"]:
        return self.network.change(image)


class Look(nn.Module):
    """Crops of one image to its context, as a flat tuple of tensors."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Float[Tensor, "b c h w"]) -> tuple[Tensor, ...]:
        return flatten(self.network.context(crops))


class Informed(nn.Module):
    """A crop of padded size and the flat context of its image to the change that restores the crop."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network
        self.pairs = tuple(isinstance(part, CEA | FoldedCEA) for part in seeing(network))

    def forward(self, crop: Float[Tensor, "1 c h w"], *context: Tensor) -> Float[Tensor, "1 3 h w"]:
        rest = list(context)
        summaries: Context = [Components(rest.pop(0), rest.pop(0)) if pair else rest.pop(0) for pair in self.pairs]
        return self.network.change(crop, summaries)


def conversion_key(network: UNet, converter: str) -> str:
    """What a converted graph is kept under: it hangs on the weights and on the versions of what converts them."""
    return "-".join((_FORM, fingerprint(network), *(str(version_of(name)) for name in ("ceair", "torch", converter))))


def graph_multiple(network: UNet) -> int:
    """The multiple of both sides that a graph needs: no image may be smaller than the squares that CEA looks at.

    In torch an average over a square that is only partly there is fine; other engines refuse it.
    """
    squares = [part.pooling for part in seeing(network) if isinstance(part, CEA | FoldedCEA)]
    return math.lcm(network.size_multiple, max(squares, default=1) * network.stem_stride)


def seeing(network: UNet) -> list[SeesWholeImage]:
    """The parts of a network that look at the whole image, in the order in which they do."""
    stages = [*network.encoder, network.bottleneck, *reversed(network.decoder)]
    parts = (part for stage in stages for part in stage.children())
    return [part for part in parts if isinstance(part, SeesWholeImage)]


def flatten(context: Context) -> tuple[Tensor, ...]:
    """The tensors of a context in one row: bases and directions of each CEA layer, affinities of each attention."""
    return tuple(tensor for summary in context for tensor in ((summary,) if isinstance(summary, Tensor) else summary))


def restored(images: Float[Tensor, "b 3 h w"], change: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Images with their changes, clamped to [0, 1]."""
    return torch.add(images, change).clamp_(0, 1)
