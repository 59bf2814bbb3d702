"""What a part of a network knows of the whole image, so that tiles of a large one can share it."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

Context = list[Any]
"""One summary, a tensor or a tuple of tensors, for each part of a network that looks at the whole image, in order."""


@runtime_checkable
class SeesWholeImage(Protocol):
    """A part whose output at a pixel depends on far pixels, and on them through its summary alone.

    The summary of crops that partition an image is that of the image but for what the convolutions before it see of
    the crops' borders; the summary of crops that are spread evenly over an image estimates it.
    """

    def summary(self, crops: Float[Tensor, "b c h w"]) -> Any:
        """What to know of one image of which these are crops; its batch dimension is 1."""
        ...

    def __call__(self, features: Float[Tensor, "b c h w"], summary: Any = None) -> Float[Tensor, "b c h w"]:
        """Features of the same shape, by their own summary or by that of a larger image."""
        ...
