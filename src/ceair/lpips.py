"""LPIPS, a learned distance between images, for users who bring its weights; none come with this package.

Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (arXiv 1801.03924),
section 3, version 0.1 on VGG-16, as the tables of MoCE-IR and DACG-IR have it.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ceair.checkpoint import load_into, load_tensors

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class LPIPS(nn.Module):
    """Features of VGG-16 after each of its five stages, compared as directions, weighted channel by channel."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        widths = [3, *(stage[-1] for stage in _STAGES)]
        self.stages = nn.ModuleList(_stage(widths[i], stage) for i, stage in enumerate(_STAGES))
        self.weights = nn.ParameterList(nn.Parameter(torch.zeros(stage[-1])) for stage in _STAGES)
        self.register_buffer("shift", torch.tensor(_SHIFT).view(3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(3, 1, 1), persistent=False)

    @classmethod
    def from_file(cls, path: Path) -> "LPIPS":
        """Read a safetensors file with the names that the two published files use, saved as one.

        They are `features.N.weight` and `features.N.bias` of torchvision's VGG-16, N from 0 to 28, and
        `lin0.model.1.weight` to `lin4.model.1.weight` of LPIPS 0.1; further tensors, such as VGG's classifier, are
        ignored.

        Raises:
            WeightsError: the file is missing or damaged, or lacks one of these.
        """
        network = cls()
        load_into(network, _renamed(load_tensors(path)[0]), str(path))
        return network.eval()

    @torch.no_grad()
    def forward(self, restored: Float[Tensor, "b 3 h w"], clean: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b"]:
        """The distance of each pair of RGB images in [0, 1], of at least 16x16 pixels: 0 for equal ones."""
        left, right = ((2 * image - 1 - self.shift) / self.scale for image in (restored, clean))
        distance = torch.zeros(len(left), device=left.device)
        for stage, weights in zip(self.stages, self.weights, strict=True):
            left, right = stage(left), stage(right)
            squared = (_direction(left) - _direction(right)).square()
            distance = distance + (squared * weights[:, None, None]).sum(1).mean((-2, -1))
        return distance


def _stage(channels: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Convolutions of VGG; each stage but the first begins with the pooling that ends the one before."""
    parts: list[nn.Module] = [] if channels == 3 else [nn.MaxPool2d(2)]
    for width in widths:
        parts += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        channels = width
    return nn.Sequential(*parts)


def _direction(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    return F.normalize(features, dim=1, eps=1e-10)


def _renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published names, numbered through all layers of VGG, as the names of the parts here."""
    renamed = {
        f"weights.{i}": tensors[name].flatten() for i in range(5) if (name := f"lin{i}.model.1.weight") in tensors
    }
    layer = 0  # in VGG's own count, where the pooling ends a stage
    for index, stage in enumerate(_STAGES):
        first = 0 if index == 0 else 1
        for place in range(len(stage)):
            for kind in ("weight", "bias"):
                name = f"features.{layer}.{kind}"
                if name in tensors:
                    renamed[f"stages.{index}.{first + 2 * place}.{kind}"] = tensors[name]
            layer += 2
        layer += 1
    return renamed
