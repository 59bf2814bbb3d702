"""Targets from a teacher: weights that stay as they are, and whose answers take the place of clean patches.

A blurred patch does not tell all of what it was made of, so most of the gradient towards its clean version is of what
nobody can know. The mean of what a network makes of a patch in four positions is nearer to the clean version than any
of the four, and it can be known from the patch: a network that learns to give it at once gets there in few steps.

Source: Radosavovic et al., Data Distillation (arXiv 1712.04440, section 3).
Differs: the transforms are the four quarter turns, and a share of the target may be the clean patch, which is known.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ceair.checkpoint import find_weights, load_into, load_tensors
from ceair.data.mixture import Batch
from ceair.models import NetworkConfig, build
from ceair.train.settings import TeacherSettings

_TURNS = range(4)


class Teacher:
    """Gives the samples of a batch that are to be taught other targets.

    Args:
        network: is asked, and never changed; images in, images of the same size out.
        share: of its answer in a target, in [0, 1]; the rest is of the clean patch.
    """

    def __init__(self, network: nn.Module, share: float) -> None:
        self._network, self._share = network.eval().requires_grad_(False), share

    def teach(self, batch: Batch) -> Batch:
        """The batch, with the teacher's targets where `batch.taught` says so."""
        if batch.taught is None or not batch.taught.any():
            return batch
        clean = batch.clean.clone()
        clean[batch.taught] = clean[batch.taught].lerp(self.answer(batch.degraded[batch.taught]), self._share)
        return Batch(batch.degraded, clean, batch.kinds, batch.taught)

    @torch.no_grad()
    def answer(self, degraded: Float[Tensor, "b 3 p p"]) -> Float[Tensor, "b 3 p p"]:
        """The mean of what the network makes of the patches in four positions, turned back, in [0, 1]."""
        turned = (degraded.rot90(turns, (2, 3)).contiguous(memory_format=torch.channels_last) for turns in _TURNS)
        answers = [self._network(patches).float() for patches in turned]
        back = (answer.rot90(-turns, (2, 3)) for turns, answer in zip(_TURNS, answers, strict=True))
        return torch.stack([each.clamp(0, 1) for each in back]).mean(0)


def make_teacher(settings: TeacherSettings, config: NetworkConfig, device: torch.device) -> Teacher | None:
    """The teacher of the settings, of the network that is trained; none if they name no weights.

    Raises:
        WeightsError: the weights cannot be read, or are of another network.
    """
    if settings.weights is None:
        return None
    network = build(config)
    weights, _ = load_tensors(find_weights(settings.weights.as_posix()))
    load_into(network, weights, str(settings.weights))
    return Teacher(network.to(device).to(memory_format=torch.channels_last), settings.share)  # type: ignore[call-overload]
