"""Making some of an image's residual directions longer, shorter or absent: control over what CEA adds where."""

from jaxtyping import Float
from torch import Tensor, nn

from ceair.nn.cea import Components, HyperAdapter


class ScaledAdapter(nn.Module):
    """A hyper-adapter whose directions are multiplied, each by a factor of its own; the bases stay.

    The factors are a buffer, so that they are part of the weights: a converted graph of other factors is another one.

    Args:
        adapter: writes the components.
        factors: one for each rank; 1 changes nothing, 0 leaves the direction out.
    """

    factors: Tensor

    def __init__(self, adapter: HyperAdapter, factors: Float[Tensor, "r"]) -> None:
        super().__init__()
        self.adapter = adapter
        self.register_buffer("factors", factors.clone())

    def forward(self, tokens: Float[Tensor, "b t c"]) -> Components:
        """As `HyperAdapter.forward`."""
        bases, directions = self.adapter(tokens)
        return Components(bases, directions * self.factors[:, None])
