"""Self-ensemble: an image is restored together with its mirror images, and the answers are averaged."""

from collections.abc import Iterable, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from ceair.engines.engine import Engine

_AXES: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
_SUM_BYTES = 24  # per pixel: the sum, and the answer that is added to it


class SelfEnsemble:
    """An `Engine` that averages what another one makes of an image and of its three mirror images.

    It takes four times as long. What errs differently on each of them, as on noise, averages out; what does not, such
    as taking a dim photo for a dark one, stays.

    Source: the geometric self-ensemble of EDSR (arXiv 1707.02921, section 3.3).
    Differs: no quarter turns. Rain falls from above: turned by 90 degrees it is taken for texture, and stays.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine, self.device, self.size_multiple = engine, engine.device, engine.size_multiple
        self.name = f"{engine.name}, self-ensemble"
        self.key = f"{engine.key}-ensemble"
        self.bytes_per_pixel = engine.bytes_per_pixel + _SUM_BYTES
        self.look_bytes_per_pixel = engine.look_bytes_per_pixel + _SUM_BYTES

    def restore(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """As `Engine.restore`."""
        return _mean(self.engine.restore(images.flip(axes)) for axes in _AXES)

    def look(self, crops: Float[Tensor, "b 3 h w"]) -> Sequence[Any]:
        """As `Engine.look`: what the network knows of the image and of each of its mirror images."""
        return [self.engine.look(crops.flip(axes)) for axes in _AXES]

    def restore_crop(self, crop: Float[Tensor, "1 3 h w"], context: Sequence[Any]) -> Float[Tensor, "1 3 h w"]:
        """As `Engine.restore_crop`."""
        contexts = zip(_AXES, context, strict=True)
        return _mean(self.engine.restore_crop(crop.flip(axes), known) for axes, known in contexts)


def _mean(answers: Iterable[Float[Tensor, "b 3 h w"]]) -> Float[Tensor, "b 3 h w"]:
    """The mean of the answers to an image's flips, each flipped back; no more than one is held beside their sum."""
    flipped_back = (answer.flip(axes) for axes, answer in zip(_AXES, answers, strict=True))
    total = next(flipped_back)  # a copy, as all that was flipped
    for answer in flipped_back:
        total += answer
    return total / len(_AXES)
