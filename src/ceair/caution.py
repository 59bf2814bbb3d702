"""Doing no harm: from what the network would change it is judged whether there was any damage, and how much is changed.

A network that has learnt to remove damage finds some in nearly every image: it takes a pale scene for a hazy one. How
its change looks gives that away, in its sizes at several scales, beside those of the image, and in how far it follows
the image. All of that are means over pixels, so that a large image is judged by crops of it, and any engine will do.

The judge is logistic regression, whose numbers `scripts/fit_caution.py` finds anew for each file of weights; they lie
beside it, in NAME.caution.json.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ceair.checkpoint import find_weights
from ceair.errors import CeairError, WeightsError
from ceair.files import sha256
from ceair.picture import LUMA

SCALES = 5
"""Octaves at which images and changes are looked at."""

_TINY = 1e-8


@dataclass(frozen=True)
class Caution:
    """Judges how much of a change to apply.

    Attributes:
        mean, deviation: by which each number of the evidence is standardised.
        weights, bias: of the logistic regression, which gives the odds that an image was damaged.
        low, high: at odds, as their logarithm, of `low` or less nothing is changed, of `high` or more all is.
        weights_sha256: of the network that it was fitted for.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    low: float
    high: float
    weights_sha256: str = ""

    def share(self, evidence: Float[Tensor, "f"]) -> float:
        """How much of the change to apply: 0 if the image seems undamaged, 1 if it was damaged."""
        standard = (evidence.double() - torch.tensor(self.mean)) / torch.tensor(self.deviation)
        odds = float(standard.clamp(-6, 6) @ torch.tensor(self.weights, dtype=torch.float64)) + self.bias
        return min(1.0, max(0.0, (odds - self.low) / (self.high - self.low)))

    def as_json(self) -> dict[str, Any]:
        """Plain data, as `load_caution` reads it."""
        return asdict(self)


class Damping:
    """How much of a change is applied: as much as is wanted, and less where a judge finds no damage.

    Args:
        strength: 0 for nothing, 1 for all.
        caution: the judge; None for as much as is wanted everywhere.

    Raises:
        CeairError: the strength is not in [0, 1].
    """

    def __init__(self, strength: float = 1.0, caution: Caution | None = None) -> None:
        if not 0 <= strength <= 1:
            raise CeairError(f"the strength must be between 0, nothing is changed, and 1, all is; not {strength:g}")
        self.strength, self.caution = strength, caution

    def share(self, means: Float[Tensor, "m"]) -> float:
        """The share of the change that an image gets which has these `moments`."""
        return self.strength * (1.0 if self.caution is None else self.caution.share(evidence(means)))

    def apply(self, degraded: Float[Tensor, "b 3 h w"], restored: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Whole images with the share of their change that each gets, on the CPU."""
        if self.caution is None:
            return blended(degraded, restored, self.strength)
        result = torch.empty_like(restored)
        for index, (one, other) in enumerate(zip(degraded.cpu(), restored, strict=True)):
            share = self.share(moments(one[None], other[None])[0])
            result[index] = blended(one[None], other[None], share)[0]
        return result


def blended(
    degraded: Float[Tensor, "b 3 h w"], restored: Float[Tensor, "b 3 h w"], share: float
) -> Float[Tensor, "b 3 h w"]:
    """Images with a share of their change, on the CPU; at 0 and 1 exactly the one or the other."""
    return restored if share == 1 else torch.lerp(degraded.cpu().clamp(0, 1), restored, share)


def load_caution(source: str | Path) -> Caution:
    """The judge that was fitted for a weights file or a preset's bundled weights.

    Raises:
        WeightsError: there are no such weights, or no judge beside them that was fitted for them.
    """
    path = find_weights(source).with_suffix(".caution.json")
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        plain: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in raw.items()}
        caution = Caution(**plain)
    except FileNotFoundError as error:
        raise WeightsError(
            f"nothing beside {find_weights(source)} says when to be cautious; scripts/fit_caution.py makes {path.name}"
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"{path} is damaged; make it anew by scripts/fit_caution.py") from error
    if caution.weights_sha256 != sha256(find_weights(source)):
        raise WeightsError(f"{path} was made for other weights; make it anew by scripts/fit_caution.py")
    return caution


def moments(degraded: Float[Tensor, "b 3 h w"], restored: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b m"]:
    """Means over the pixels of each image or crop that the evidence is made of; those of crops may be averaged."""
    luma = torch.tensor(LUMA, device=degraded.device).view(1, 3, 1, 1)
    change = restored - degraded
    greys = [(one * luma).sum(1, keepdim=True) for one in (degraded, restored, change)]
    colour = torch.cat((change[:, :1] - change[:, 1:2], change[:, 2:] - change[:, 1:2]), 1)
    found = [grey.mean((1, 2, 3)) for grey in greys]
    found += [(one.amax(1) - one.amin(1)).mean((1, 2)) for one in (degraded, restored)]
    found += [one.amin(1).mean((1, 2)) for one in (degraded, restored)]
    for plane in (greys[0], greys[2]):
        found += [_mean_square(plane[..., 1:] - plane[..., :-1]), _mean_square(plane[..., 1:, :] - plane[..., :-1, :])]
    bands = [_bands(plane) for plane in (*greys, colour)]
    for old, new, grey, tint in zip(*bands, strict=True):
        found += [_mean_square(old), _mean_square(new), _mean_square(grey), _mean_square(tint)]
        found += [grey.abs().mean((1, 2, 3)), (old * grey).mean((1, 2, 3))]
    return torch.stack(found, 1)


def evidence(means: Float[Tensor, "m"]) -> Float[Tensor, "f"]:
    """What an image is judged by, from its `moments` or from the mean of those of its crops."""
    values = means.double()
    head, edges, rest = values[:7], values[7:11], values[11:].reshape(SCALES + 1, 6)
    old, new, grey, tint, size, product = rest.unbind(1)
    # What is left after the last octave has a mean; without it, its mean square is a variance.
    for one, first, second in ((old, 0, 0), (new, 1, 1), (grey, 2, 2), (product, 0, 2)):
        one[-1] -= head[first] * head[second]
    return torch.cat(
        (
            head,
            _decades(edges),
            _decades(old),
            _decades(new),
            _decades(grey),
            _decades(tint),
            _decades(size.square()) - _decades(grey),
            product / (old.clamp(min=0) * grey.clamp(min=0) + _TINY**2).sqrt(),
        )
    ).float()


def _bands(image: Float[Tensor, "b c h w"]) -> list[Tensor]:
    """What differs from one octave to the next, from fine to coarse, and what is left after the last."""
    bands = []
    for _ in range(SCALES):
        low = F.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)
        again = low.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., : image.shape[-2], : image.shape[-1]]
        bands.append(image - again)
        image = low
    return [*bands, image]


def _mean_square(values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b"]:
    return values.square().sum((1, 2, 3)) / max(1, values[0].numel())


def _decades(values: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return torch.log10(values.clamp(min=0) + _TINY)
