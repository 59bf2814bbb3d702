"""What a part of a network asks to be paid for in training, beside the loss of the restored image."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Penalised(Protocol):
    """A part that adds a term to the training loss, such as an imbalance between its experts."""

    def with_penalty(self, features: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, ""]]:
        """What the part makes of the features, exactly as without the penalty, and the term, weighted already."""
        ...
