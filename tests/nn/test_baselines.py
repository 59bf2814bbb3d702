"""The parts of the baselines and ablations: against second implementations, and what sets each apart."""

import pytest
import torch
from reference.baselines import experts as reference_experts
from reference.baselines import softmax_cea
from torch import Tensor, nn

from ceair.models.conditioning import CEAConfig, SoftmaxAffinities
from ceair.nn.ablations import NeighbourRouting, PooledAdapter, RoutedCEA, SoftmaxRouting, StaticAdapter, UnitRouting
from ceair.nn.context import SeesWholeImage
from ceair.nn.descriptor import DescriptorModulation
from ceair.nn.experts import BALANCE, LowRankExperts
from ceair.nn.penalty import Penalised
from ceair.nn.prompt import PromptInjection

CHANNELS = 6


def shaken(part: nn.Module) -> nn.Module:
    """In double precision, every weight random, so that no start value hides an error."""
    part = part.double().eval()
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
    return part


def features(height: int = 4, width: int = 6, batch: int = 1) -> Tensor:
    return torch.randn(batch, CHANNELS, height, width, generator=torch.Generator().manual_seed(1)).double()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("top", [1, 2, 3])
@torch.no_grad()
def test_experts_equal_the_loop_over_pixels(top: int) -> None:
    part, image = shaken(LowRankExperts(CHANNELS, experts=3, rank=2, top=top)), features()
    output, load, mass = reference_experts(part.state_dict(), image[0], 3, top)
    torch.testing.assert_close(part(image)[0].permute(1, 2, 0), torch.tensor(output).double())
    pixels = sum(load) // top
    expected = BALANCE * 3 * sum(n / (pixels * top) * m / pixels for n, m in zip(load, mass, strict=True))
    same, penalty = part.with_penalty(image)
    assert torch.equal(same, part(image))
    assert float(penalty) == pytest.approx(expected, rel=1e-5)


@torch.no_grad()
def test_the_balance_loss_is_least_where_the_pixels_are_spread_evenly() -> None:
    part, image = shaken(LowRankExperts(CHANNELS, experts=4, rank=2, top=1)), features(16, 16)
    uneven = float(part.with_penalty(image)[1])
    part.to_logits.weight.mul_(1e-6)  # equal probabilities, whatever the load
    assert float(part.with_penalty(image)[1]) == pytest.approx(BALANCE, rel=1e-4)
    assert uneven > 1.02 * BALANCE
    part.to_logits.weight.zero_()
    part.norm.bias.zero_()
    part.norm.bias[0] = 50.0
    part.to_logits.weight[2, 0] = 1.0  # all pixels to one expert
    assert float(part.with_penalty(image)[1]) == pytest.approx(4 * BALANCE, rel=1e-3)


def test_the_router_learns_from_the_image_alone_and_from_the_balance() -> None:
    for top in (1, 2):
        part, image = LowRankExperts(CHANNELS, experts=4, rank=2, top=top), features(8, 8).float()
        part(image).square().mean().backward()
        assert part.to_logits.weight.grad.abs().max() > 0
        part.zero_grad()
        part.with_penalty(image)[1].backward()
        assert part.to_logits.weight.grad.abs().max() > 0
        assert part.up.weight.grad is None


@pytest.mark.parametrize("pooling", [1, 2])
@torch.no_grad()
def test_softmax_cea_equals_the_loop_over_pixels(pooling: int) -> None:
    part, image = shaken(RoutedCEA(CHANNELS, 3, 5, 8, 2, pooling, SoftmaxRouting(CHANNELS, 5), gamma=0.7)), features()
    expected = torch.tensor(softmax_cea(part.state_dict(), image[0], heads=2, pooling=pooling)).double()
    torch.testing.assert_close(part(image)[0].permute(1, 2, 0), expected)


@torch.no_grad()
def test_unit_affinities_are_cosines_times_a_scale() -> None:
    routing, image = shaken(UnitRouting(CHANNELS, 5, 3)), features()
    bases = torch.rand(1, 3, 5).double() - 0.5
    affinities = routing(image, bases)
    assert affinities.abs().max() <= routing.scale.abs().max()
    torch.testing.assert_close(routing(image * 7, bases * 3), affinities)
    scores = image.permute(0, 2, 3, 1).flatten(1, 2) @ routing.to_query.weight.T @ bases.transpose(1, 2)
    assert (scores.sign() == (affinities / routing.scale).sign()).all()


@torch.no_grad()
def test_a_query_looks_two_pixels_around() -> None:
    routing, image, bases = shaken(NeighbourRouting(CHANNELS, 5)), features(9, 9), torch.rand(1, 3, 5).double()
    other = image.clone()
    other[..., 4, 4] += 1
    changed = (routing(image, bases) != routing(other, bases)).any(-1).view(9, 9).nonzero()
    assert changed.min(dim=0).values.tolist() == [2, 2]
    assert changed.max(dim=0).values.tolist() == [6, 6]
    flat = torch.ones_like(image)
    alone = flat.permute(0, 2, 3, 1).flatten(1, 2) @ (routing.to_query.weight + routing.to_query_around.weight).T
    torch.testing.assert_close(routing(flat, bases), alone @ bases.transpose(1, 2) / 5**0.5)


@torch.no_grad()
def test_prompt_weights_are_shares_of_one_image_and_the_prompt_lies_between_its_components() -> None:
    part, images = shaken(PromptInjection(CHANNELS, 3, 4, hidden=5)), features(batch=2)
    prompts = part.summary(images[:1]), part.summary(images[1:])
    assert not torch.allclose(*prompts)
    for prompt in prompts:
        assert (prompt <= part.components.max(dim=0).values).all()
        assert (prompt >= part.components.min(dim=0).values).all()


@torch.no_grad()
def test_a_modulation_acts_everywhere_alike() -> None:
    part, image = shaken(DescriptorModulation(CHANNELS, 5, pooling=2)), features()
    scale, shift = part.summary(image)[0].chunk(2)
    expected = image + part.norm(image) * scale[:, None, None] + shift[:, None, None]
    torch.testing.assert_close(part(image), expected)


def parts_that_see() -> dict[str, nn.Module]:
    return {
        "prompt": PromptInjection(CHANNELS, 3, 4, hidden=5),
        "descriptor": DescriptorModulation(CHANNELS, 5, pooling=2),
        "softmax": RoutedCEA(CHANNELS, 3, 5, 8, 2, 2, SoftmaxRouting(CHANNELS, 5)),
        "unit": RoutedCEA(CHANNELS, 3, 5, 8, 2, 2, UnitRouting(CHANNELS, 5, 3)),
    }


@pytest.mark.parametrize("name", ["prompt", "descriptor", "softmax", "unit"])
@torch.no_grad()
def test_the_summary_of_crops_is_that_of_the_image(name: str) -> None:
    part, image = shaken(parts_that_see()[name]), features(8, 8)
    assert isinstance(part, SeesWholeImage)
    assert not isinstance(part, Penalised)
    crops = torch.cat([image[..., i : i + 4, j : j + 4] for i in (0, 4) for j in (0, 4)])
    whole, joint = part.summary(image), part.summary(crops)
    torch.testing.assert_close(tuple(joint), tuple(whole))
    torch.testing.assert_close(part(image, whole), part(image))
    assert not torch.allclose(part(crops, joint), part(crops)), "the summary changes nothing"


@torch.no_grad()
def test_experts_see_one_pixel() -> None:
    part, image = shaken(LowRankExperts(CHANNELS, experts=3, rank=2, top=1)), features()
    assert not isinstance(part, SeesWholeImage)
    assert isinstance(part, Penalised)
    torch.testing.assert_close(part(image[..., 1:2, 2:3]), part(image)[..., 1:2, 2:3])


@torch.no_grad()
def test_static_components_hang_on_no_image_and_pooled_ones_on_the_average_only() -> None:
    static, pooled = StaticAdapter(CHANNELS, 3, 5), PooledAdapter(CHANNELS, 3, 5, 8)
    tokens = torch.randn(2, 7, CHANNELS)
    bases = static(tokens).bases
    assert torch.equal(bases[0], bases[1])
    spread = tokens + torch.tensor([1.0, -1.0, 0, 0, 0, 0, 0])[:, None]  # the same averages
    for one, other in zip(pooled(tokens), pooled(spread), strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.allclose(pooled(tokens).bases[0], pooled(tokens).bases[1])


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="rank of 2 or more, not 1"):
        SoftmaxAffinities(CEAConfig(rank=1))
    with pytest.raises(ValueError, match="top must be 1 to 3"):
        LowRankExperts(CHANNELS, experts=3, rank=2, top=4)
