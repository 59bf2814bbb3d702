"""LPIPS against a second implementation that walks through VGG-16 layer by layer, with weights drawn at random."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from ceair.checkpoint import save_tensors
from ceair.errors import WeightsError
from ceair.lpips import LPIPS

PLAN = [64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512]
WIDTHS = (64, 128, 256, 512, 512)


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    """Random weights under the published names, with a classifier that is of no use."""
    generator = torch.Generator().manual_seed(0)
    found, channels, layer = {}, 3, 0
    for width in PLAN:
        if width == "pool":
            layer += 1
            continue
        found[f"features.{layer}.weight"] = torch.randn(width, channels, 3, 3, generator=generator) / (
            3 * channels**0.5
        )
        found[f"features.{layer}.bias"] = torch.randn(width, generator=generator) / 10
        channels, layer = width, layer + 2
    linear = {f"lin{i}.model.1.weight": torch.rand(1, w, 1, 1, generator=generator) for i, w in enumerate(WIDTHS)}
    return {**found, **linear, "classifier.0.weight": torch.zeros(2, 2)}


@pytest.fixture(scope="module")
def file(tensors: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lpips") / "lpips.safetensors"
    save_tensors(path, tensors, {})
    return path


def slow(tensors: dict[str, torch.Tensor], left: torch.Tensor, right: torch.Tensor) -> float:
    """The paper's equation, with the features taken where VGG-16's five groups of convolutions end."""
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    pair = [((2 * image - 1).permute(1, 2, 0) - shift).div(scale).permute(2, 0, 1)[None] for image in (left, right)]
    total, group, layer = 0.0, 0, 0
    for place, width in enumerate(PLAN):
        if width == "pool":
            pair, layer = [F.max_pool2d(features, 2) for features in pair], layer + 1
            continue
        weight, bias = tensors[f"features.{layer}.weight"], tensors[f"features.{layer}.bias"]
        pair, layer = [F.conv2d(features, weight, bias, padding=1).relu() for features in pair], layer + 2
        if place + 1 == len(PLAN) or PLAN[place + 1] == "pool":
            unit = [features / features.square().sum(1, keepdim=True).sqrt().clamp(min=1e-10) for features in pair]
            squared = (unit[0] - unit[1]).square() * tensors[f"lin{group}.model.1.weight"]
            total, group = total + float(squared.sum(1).mean()), group + 1
    return total


def test_it_is_the_equation_of_the_paper(file: Path, tensors: dict[str, torch.Tensor]) -> None:
    images = torch.rand(2, 3, 33, 47, generator=torch.Generator().manual_seed(1))
    found = LPIPS.from_file(file)(images[:1], images[1:])
    assert float(found) == pytest.approx(slow(tensors, *images), rel=1e-4)


def test_equal_images_are_at_no_distance_and_order_does_not_matter(file: Path) -> None:
    network, images = LPIPS.from_file(file), torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(2))
    assert float(network(images[:1], images[:1])) == 0
    assert float(network(images[:1], images[1:])) == pytest.approx(float(network(images[1:], images[:1])))
    assert float(network(images[:1], images[1:])) > 0


def test_weights_that_lack_a_layer_are_named(tensors: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "part.safetensors"
    save_tensors(path, {name: tensor for name, tensor in tensors.items() if not name.startswith("lin3")}, {})
    with pytest.raises(WeightsError, match="lacks weights"):
        LPIPS.from_file(path)
