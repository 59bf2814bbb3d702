"""Reading degradations off the affinities while training: a linear reader whose mistakes are part of the loss.

CEA's affinities say how a pixel mixes its update, not why. A reader that has to name the degradations of each square of
the image from them, and that is thrown away after training, makes what they say about it easy to read
(`benchmarks/routing_probe.py` measures that), and gives the parts in front of them a second task. It is linear in
normalised means, mean sizes and logarithms of sizes.

Source: ours; nothing of the kind is in arXiv 2605.06127 as far as it was read.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int8
from torch import Tensor, nn

from ceair.errors import ConfigError
from ceair.models.rank_scale import cea_layers
from ceair.models.unet import UNet
from ceair.nn import CEA

_SMALLEST = 1e-3


class RoutingReader(nn.Module):
    """Names the degradations of each square from the affinities of all CEA layers of a network.

    It sees, of each rank of each layer, the mean affinity over the square, the mean of its size, and the logarithm of
    that: haze shifts affinities, noise spreads them. One logit each, since a square may have several degradations.

    Args:
        network: is read.
        kinds: number of degradations.

    Raises:
        ConfigError: the network has no CEA layer.
    """

    def __init__(self, network: UNet, kinds: int) -> None:
        super().__init__()
        layers = cea_layers(network)
        if not layers:
            raise ConfigError("loss.routing reads CEA's affinities, and this network has no CEA layer; set it to 0")
        self.norms = nn.ModuleList(nn.LayerNorm(3 * len(layer.adapter.probes)) for layer in layers.values())
        self.heads = nn.ModuleList(nn.Linear(3 * len(layer.adapter.probes), kinds) for layer in layers.values())

    def forward(self, affinities: list[Tensor], size: tuple[int, int]) -> Float[Tensor, "b k h w"]:
        """Logits of each degradation in each of `size` squares, from the affinities in the order of `cea_layers`."""
        logits = []
        for norm, head, scores in zip(self.norms, self.heads, affinities, strict=True):
            mean = F.interpolate(scores, size, mode="area")
            spread = F.interpolate(scores.abs(), size, mode="area")
            seen = torch.cat((mean, spread, (spread + _SMALLEST).log()), dim=1)
            logits.append(head(norm(seen.permute(0, 2, 3, 1))))
        return torch.stack(logits).sum(0).permute(0, 3, 1, 2)


class Gatherer:
    """Keeps the affinities of the CEA layers that a forward pass goes through; a `Watch`."""

    def __init__(self) -> None:
        self.affinities: list[Tensor] = []

    def __call__(self, part: nn.Module, features: Tensor) -> None:
        if isinstance(part, CEA):
            self.affinities.append(part.affinities(features))


def misreading(logits: Float[Tensor, "b k h w"], kinds: Int8[Tensor, "b k h w"]) -> Float[Tensor, ""]:
    """Binary cross-entropy (nats) of the degradations of all squares whose degradations are known; 0 if none are.

    Args:
        kinds: as `Batch.kinds`.
    """
    known = (kinds >= 0).to(logits.dtype)
    entropy = F.binary_cross_entropy_with_logits(logits, kinds.clamp(min=0).to(logits.dtype), reduction="none")
    return (entropy * known).sum() / known.sum().clamp(min=1)
