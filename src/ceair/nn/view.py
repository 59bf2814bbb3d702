"""What a part that looks at the whole image sees of it."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def square_averages(features: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b t c"]:
    """One token for each square of `side` pixels: its average. Squares at the right and at the bottom may be cut."""
    if side > 1:
        features = F.avg_pool2d(features, side, ceil_mode=True, count_include_pad=False)
    return features.flatten(2).transpose(1, 2)
