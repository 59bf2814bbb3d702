"""Conditioning by a bank of static low-rank experts and a router: the baseline of the MoCE-IR line."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

BALANCE = 0.01
"""Weight of the balance loss of each layer, as in MoCE-IR."""


class LowRankExperts(nn.Module):
    """Each pixel is sent to the `top` of a bank of learned low-rank experts, the same ones for all images.

    `b c h w` in, `b c h w` out: `X + sum_e g_e(x) U_e GELU(D_e x)`. The gates g are the softmax of the router's logits,
    zero but for the `top` largest; for `top` above 1 those are divided by their sum, as in Shazeer et al. (arXiv
    1701.06538), for 1 they are not, since the router would get no gradient (Switch Transformers, arXiv 2101.03961).
    Nothing is drawn at random, in training or after it. All experts are computed and gated, as two products: at these
    sizes that is faster than sorting the pixels, and it is what a count of multiply-adds shows.

    Args:
        channels: width c of the features.
        experts: how many there are.
        rank: of each.
        top: how many of them a pixel is sent to.

    Source: Zamfir et al., MoCE-IR (arXiv 2411.18466), section 3, experts and router; the balance loss is that of Switch
    Transformers, section 2.2, with MoCE-IR's weight.
    Differs: the router looks at one pixel, where theirs looks at the averaged image; all experts are alike, where
    theirs grow in rank and window and the loss favours small ones; and there is no noise on the logits, which theirs
    also has at test time, so that results hang on the random state.
    """

    def __init__(self, channels: int, experts: int, rank: int, top: int) -> None:
        super().__init__()
        if not 1 <= top <= experts:
            raise ValueError(f"top must be 1 to {experts}, the number of experts, not {top}")
        self.experts, self.top = experts, top
        self.norm = nn.LayerNorm(channels)
        self.to_logits = nn.Linear(channels, experts, bias=False)
        self.down = nn.Linear(channels, experts * rank, bias=False)
        self.up = nn.Linear(experts * rank, channels, bias=False)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        normed = self.norm(features.permute(0, 2, 3, 1))
        return self._mixed(features, normed, self._gates(self._probabilities(normed)))

    def with_penalty(self, features: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, ""]]:
        """As `forward`, and how unevenly the batch's pixels are spread over the experts: at least `BALANCE`."""
        normed = self.norm(features.permute(0, 2, 3, 1))
        probabilities = self._probabilities(normed)
        gates = self._gates(probabilities)
        load = (gates.detach() > 0).flatten(0, 2).float().mean(dim=0) / self.top
        penalty = BALANCE * self.experts * (load * probabilities.flatten(0, 2).float().mean(dim=0)).sum()
        return self._mixed(features, normed, gates), penalty

    def _probabilities(self, normed: Float[Tensor, "b h w c"]) -> Float[Tensor, "b h w e"]:
        return self.to_logits(normed).softmax(dim=-1)

    def _gates(self, probabilities: Float[Tensor, "b h w e"]) -> Float[Tensor, "b h w e"]:
        """The weight of each expert for each pixel, zero but for `top` of them."""
        largest, chosen = probabilities.topk(self.top, dim=-1)
        if self.top > 1:
            largest = largest / largest.sum(dim=-1, keepdim=True)
        return torch.zeros_like(probabilities).scatter(-1, chosen, largest)

    def _mixed(
        self, features: Float[Tensor, "b c h w"], normed: Float[Tensor, "b h w c"], gates: Float[Tensor, "b h w e"]
    ) -> Float[Tensor, "b c h w"]:
        hidden: Tensor = F.gelu(self.down(normed))
        hidden = hidden.unflatten(-1, (self.experts, -1)) * gates[..., None]  # type: ignore[no-untyped-call]
        return features + self.up(hidden.flatten(-2)).permute(0, 3, 1, 2)
