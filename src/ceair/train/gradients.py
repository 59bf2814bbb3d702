"""The gradient of a batch, gathered so that no group of its samples outweighs the others."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class ClippedMean:
    """The mean of several gradients, each of which is first scaled down to a norm of at most `most`.

    A haze or a dim light that was misjudged is wrong in all pixels alike, so its gradient adds up over them; noise and
    blur err in every pixel otherwise. In a sum the first are ten times as long and decide where weights go.

    Source: the clipping of each sample's gradient of Abadi et al. (arXiv 1607.00133, algorithm 1).
    Differs: groups of samples in place of single ones, no noise is added, and the purpose is balance and not privacy.

    Args:
        parameters: whose gradients are gathered.
        measured: those of them that the norm is taken of.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], measured: Sequence[nn.Parameter], most: float) -> None:
        self._parameters, self._measured, self._most = parameters, measured, most
        self._sums: list[Tensor | None] = [None] * len(parameters)
        self._count = 0

    @torch.no_grad()
    def take(self) -> None:
        """Add the gradients that the parameters have now, and clear them."""
        length = nn.utils.get_total_norm([each.grad for each in self._measured if each.grad is not None])
        scale = (self._most / length.clamp(min=1e-12)).clamp(max=1)
        for index, each in enumerate(self._parameters):
            if each.grad is not None:
                scaled, before = each.grad.mul_(scale), self._sums[index]
                self._sums[index] = scaled if before is None else before.add_(scaled)
                each.grad = None
        self._count += 1

    def give(self, across: Callable[[Tensor], Tensor]) -> None:
        """Leave the mean with the parameters; `across` makes the mean over processes of one tensor."""
        present = [(each, total) for each, total in zip(self._parameters, self._sums, strict=True) if total is not None]
        flat = across(torch.cat([total.flatten() for _, total in present]) / self._count)
        for (each, _), part in zip(present, torch.split(flat, [total.numel() for _, total in present]), strict=True):
            each.grad = part.view_as(each)
