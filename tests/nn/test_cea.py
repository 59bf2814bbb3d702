"""The laws of the layer, design section 1."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference.cea import cea as reference
from torch import Tensor

from ceair.nn import CEA, assemble

CHANNELS = 6


def make(rank: int = 3, pooling: int = 1, gamma: float = 0.7, seed: int = 0) -> CEA:
    """A small layer whose every weight is random, so that no start value hides an error."""
    torch.manual_seed(seed)
    layer = CEA(CHANNELS, rank, key_width=5, probe_width=8, heads=2, pooling=pooling, gamma=gamma).double().eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return layer


def features(height: int, width: int, batch: int = 1, seed: int = 1) -> Tensor:
    return torch.randn(batch, CHANNELS, height, width, generator=torch.Generator().manual_seed(seed)).double()


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.sampled_from([1, 2, 3]))
def test_equals_the_token_by_token_triple_loop(rank: int, height: int, width: int, pooling: int) -> None:
    layer, image = make(rank, pooling), features(height, width)
    expected = torch.tensor(reference(layer.state_dict(), image[0], heads=2, pooling=pooling), dtype=torch.float64)
    torch.testing.assert_close(layer(image)[0], expected, rtol=1e-9, atol=1e-9)


def test_the_update_is_no_small_part_of_the_output_in_these_tests() -> None:
    image = features(5, 4)
    assert (make()(image) - image).abs().mean() > 0.05


def test_permuting_the_pixels_permutes_the_output() -> None:
    layer, image = make(), features(5, 7)
    order = torch.randperm(35, generator=torch.Generator().manual_seed(3))

    def shuffle(planes: Tensor) -> Tensor:
        return planes.flatten(2)[..., order].unflatten(2, (5, 7))

    torch.testing.assert_close(layer(shuffle(image)), shuffle(layer(image)))


def test_zero_directions_give_the_identity() -> None:
    layer, image = make(), features(3, 4)
    torch.nn.init.zeros_(layer.adapter.to_directions.weight)
    assert torch.equal(layer(image), image)


def test_zero_gamma_gives_the_identity() -> None:
    layer, image = make(), features(3, 4)
    torch.nn.init.zeros_(layer.gamma)
    assert torch.equal(layer(image), image)


@given(st.integers(1, 9), st.integers(1, 6), st.integers(1, 5), st.integers(1, 7))
def test_both_association_orders_agree(tokens: int, rank: int, key_width: int, channels: int) -> None:
    shapes = (tokens, key_width), (rank, key_width), (rank, channels)
    parts = [torch.randn(2, *shape, dtype=torch.float64) for shape in shapes]
    torch.testing.assert_close(assemble(*parts, order="affinities"), assemble(*parts, order="linear"))


@pytest.mark.parametrize("order", ["affinities", "linear"])
def test_the_folded_forward_agrees_with_assemble(order: str) -> None:
    layer, image = make(pooling=2), features(4, 5, batch=2)
    queries = layer.to_query(layer.norm(image.permute(0, 2, 3, 1))).flatten(1, 2)
    update = assemble(queries, *layer.components(image), order=order)
    expected = image + (layer.gamma * update).unflatten(1, (4, 5)).permute(0, 3, 1, 2)
    torch.testing.assert_close(layer(image), expected)


def test_the_folded_forward_agrees_with_affinities_times_directions() -> None:
    layer, image = make(pooling=2), features(4, 5, batch=2)
    update = torch.einsum("brhw,brc->bchw", layer.affinities(image), layer.components(image).directions)
    torch.testing.assert_close(layer(image), image + layer.gamma[:, None, None] * update)


@pytest.mark.parametrize("pooling", [1, 2])
def test_an_image_alone_equals_the_same_image_in_a_batch(pooling: int) -> None:
    layer, batch = make(pooling=pooling), features(5, 6, batch=3)
    together = layer(batch)
    for index in range(3):
        torch.testing.assert_close(layer(batch[index : index + 1])[0], together[index])


def test_components_differ_between_images() -> None:
    bases, directions = make().components(features(5, 6, batch=2))
    assert not torch.allclose(bases[0], bases[1], rtol=1e-2)
    assert not torch.allclose(directions[0], directions[1], rtol=1e-2)


@pytest.mark.parametrize("rank", [1, 4])
def test_every_parameter_gets_a_gradient(rank: int) -> None:
    layer = CEA(CHANNELS, rank, key_width=5, probe_width=8, heads=2)
    layer(features(4, 5).float()).square().mean().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_deterministic_in_eval() -> None:
    layer, image = make(), features(5, 4)
    first = layer(image)
    layer(features(6, 6, seed=9))
    assert torch.equal(layer(image), first)


@given(st.integers(1, 13), st.integers(1, 13), st.sampled_from([1, 2, 8]), st.integers(1, 5))
def test_any_size_is_kept(height: int, width: int, pooling: int, rank: int) -> None:
    restored = make(rank, pooling)(features(height, width))
    assert restored.shape == (1, CHANNELS, height, width)
    assert torch.isfinite(restored).all()


def test_given_components_are_used_in_place_of_the_own() -> None:
    layer, here, there = make(), features(4, 4), features(6, 5, seed=7)
    given_own = layer(here, layer.components(here))
    torch.testing.assert_close(given_own, layer(here))
    assert not torch.allclose(layer(here, layer.components(there)), layer(here), rtol=1e-2)


def test_with_given_components_a_pixel_depends_on_nothing_but_itself() -> None:
    layer, image = make(), features(4, 4)
    components = layer.components(image)
    changed = image.clone()
    changed[..., 1, 2] += 1
    moved = (layer(changed, components) - layer(image, components)).abs().amax((0, 1)) > 1e-12
    assert moved.nonzero().tolist() == [[1, 2]]


def test_affinities_take_both_signs_and_do_not_sum_to_one() -> None:
    affinities = make().affinities(features(6, 6))
    assert affinities.min() < -0.05
    assert affinities.max() > 0.05
    assert (affinities.sum(1) - 1).abs().max() > 0.1


def test_heads_must_divide_the_probes_width() -> None:
    with pytest.raises(ValueError, match="probe_width"):
        CEA(CHANNELS, probe_width=10, heads=4)
