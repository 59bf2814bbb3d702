"""Explanations against what the layers themselves say, and the laws of what is made of it."""

import numpy as np
import pytest
import torch
from PIL import Image

from ceair.errors import CeairError, ConfigError, ImageError
from ceair.explain import diverging, enlarge, explain, layer_maps, overlay, principal_colours, reading, sequential
from ceair.explain.charts import bar_chart
from ceair.explain.regions import Region, difference, parse_regions, read_region
from ceair.explain.sheet import sheet
from ceair.image import Picture
from ceair.limits import Limits
from ceair.models import CEAConfig, NetworkConfig, build
from ceair.models.rank_scale import cea_layers, with_rank_scale
from ceair.restore import Restorer

SMALL = NetworkConfig(
    widths=(8, 12, 16),
    encoder_depths=(1, 1, 1),
    decoder_depths=(1, 1),
    stem_stride=2,
    family="gated_conv",
    cea=CEAConfig(rank=5, key_width=8, probe_width=8, heads=2, pooling=4),
)


def network(seed=0, config=SMALL):
    torch.manual_seed(seed)
    return build(config).eval()


def photo(size=(45, 70), seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.float64)
    slope = np.linspace(0, 255, size[1])[None, :, None]
    return (0.3 * noise + 0.7 * slope).astype(np.uint8)


def watched(net, pixels):
    """The features of each CEA layer when the network sees the image at once, by level."""
    seen = {}
    image = torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None]
    for level, layer in cea_layers(net).items():
        layer.register_forward_pre_hook(lambda _, inputs, level=level: seen.update({level: inputs[0]}))
    with torch.no_grad():
        net(image)
    return seen


@pytest.mark.parametrize("size", [(45, 70), (64, 64), (1, 1), (3, 40)])
def test_affinities_and_energies_are_those_of_the_layers(size):
    net, pixels = network(), photo(size)
    explanation = explain(net, pixels)
    seen = watched(net, pixels)
    assert [layer.level for layer in explanation.layers] == [2, 1, 0]
    assert not explanation.tiled
    for level, layer in cea_layers(net).items():
        read = explanation.layer(level)
        features = seen[level]
        rows, columns = (-(-side // read.stride) for side in size)
        with torch.no_grad():
            scores = layer.affinities(features)[0, :, :rows, :columns]
            update = (layer(features) - features)[0, :, :rows, :columns]
        assert np.allclose(read.affinities, scores, atol=1e-4)
        assert np.allclose(read.energy, update.square().mean(0), atol=1e-5)
        assert np.isclose(read.total_energy, update.square().mean(), rtol=1e-3, atol=1e-7)
        assert np.isclose(read.features_energy, features[0, :, :rows, :columns].square().mean(), rtol=1e-3)
        positive = np.einsum("rhw,rc->chw", read.affinities.clip(min=0), read.directions)
        assert np.allclose(read.additive, np.square(positive).mean(0), atol=1e-5)
        negative = np.einsum("rhw,rc->chw", read.affinities.clip(max=0), read.directions)
        assert np.allclose(read.subtractive, np.square(negative).mean(0), atol=1e-5)


def test_tiles_read_what_the_whole_image_has_where_the_network_sees_no_further(monkeypatch):
    config = NetworkConfig((8, 8), (0, 0), (0,), stem_stride=2, family="gated_conv")
    net, pixels = network(config=config), photo((130, 215))
    whole = explain(net, pixels)
    monkeypatch.setattr(reading, "_LIMITS", Limits(whole=1, tile=160, look=10**6))
    tiled = explain(net, pixels)
    assert tiled.tiled
    for one, other in zip(whole.layers, tiled.layers, strict=True):
        assert np.allclose(one.affinities, other.affinities, atol=1e-4)
        assert np.allclose(one.moments, other.moments, rtol=1e-3, atol=1e-6)
        assert np.allclose(one.mean, other.mean, atol=1e-5)
        assert other.attention is None
        assert other.sources(3, 3) is None


def test_large_maps_are_averaged_and_numbers_are_not():
    net, pixels = network(), photo((45, 70))
    fine, coarse = explain(net, pixels), explain(net, pixels, side=9)
    for one, other in zip(fine.layers, coarse.layers, strict=True):
        assert max(other.energy.shape) <= 9
        assert np.isclose(one.total_energy, other.total_energy)
        pool = other.cell // one.cell
        corner = one.affinities[:, :pool, :pool].mean((1, 2))
        assert np.allclose(other.affinities[:, 0, 0], corner, atol=1e-5)


def test_shares_and_contributions_sum_to_one_and_agree_with_single_ranks():
    for layer in explain(network(), photo()).layers:
        assert np.isclose(layer.shares.sum(), 1)
        assert np.isclose(layer.contributions.sum(), 1)
        assert (layer.shares >= 0).all()
        update = np.einsum("rhw,rc->hwc", layer.affinities, layer.directions)
        single = layer.affinities[1][..., None] * layer.directions[1]
        expected = (single * update).sum() / np.square(update).sum()
        assert np.isclose(layer.contributions[1], expected, rtol=1e-3)


def test_the_effective_rank_counts_equal_singular_values():
    layer = explain(network(), photo()).layers[0]
    equal = np.eye(5, 8, dtype=np.float32)
    directions = np.eye(5, 16, dtype=np.float32)
    for count in (1, 3, 5):
        kept = directions.copy()
        kept[count:] = 0
        changed = type(layer)(**{**layer.__dict__, "bases": equal, "directions": kept})
        assert np.isclose(changed.effective_rank, count)


def test_principal_components_are_uncorrelated_and_of_unit_variance():
    for layer in explain(network(), photo((64, 96))).layers:
        maps = layer.principal(3).reshape(3, -1)
        assert np.allclose(maps.mean(1), 0, atol=1e-3)
        assert np.allclose(np.cov(maps, bias=True), np.eye(3), atol=2e-2)
    assert principal_colours(layer).shape == (*layer.energy.shape, 3)


def test_shared_routing_is_the_kernel_of_the_updates():
    layer = explain(network(), photo()).layer(0)
    update = np.einsum("rhw,rc->hwc", layer.affinities, layer.directions).astype(np.float64)
    row, column = layer.at(21, 10)
    own = update[row, column]
    expected = update @ own / (own @ own)
    assert np.isclose(layer.shared_routing(21, 10)[row, column], 1)
    assert np.allclose(layer.shared_routing(21, 10), expected, atol=1e-4)


def test_sources_are_what_the_probes_look_at():
    net, pixels = network(), photo()
    layer = explain(net, pixels).layer(0)
    assert np.isclose(layer.sources(5, 5).sum(), 1)
    adapter = cea_layers(net)[0].adapter
    seen = watched(net, pixels)[0]
    with torch.no_grad():
        normed = cea_layers(net)[0].norm(seen.permute(0, 2, 3, 1))
        tokens = cea_layers(net)[0]._look(normed)[0]
        weights = 0
        width = adapter.probes.shape[1] // adapter.heads
        for head in range(adapter.heads):
            part = slice(head * width, (head + 1) * width)
            queries = adapter.to_query(adapter.probes)[:, part]
            keys = adapter.to_key_value(tokens)[:, : adapter.probes.shape[1]][:, part]
            weights = weights + (queries @ keys.T / width**0.5).softmax(-1) / adapter.heads
    rows, columns = layer.attention.shape[1:]
    assert (rows, columns) == (-(-45 // layer.looked), -(-70 // layer.looked))
    padded = -(-48 // layer.looked), -(-72 // layer.looked)
    expected = weights.reshape(-1, *padded)[:, :rows, :columns]
    assert np.allclose(layer.attention, expected, atol=1e-5)


def test_scaled_ranks_do_more_less_or_nothing():
    net, pixels = network(), photo()
    plain = explain(net, pixels).layer(2)
    scaled = explain(with_rank_scale(net, {2: {1: 3.0, 4: 0.0}}), pixels).layer(2)
    assert np.allclose(scaled.affinities, plain.affinities, atol=1e-5)
    assert np.allclose(scaled.directions[1], 3 * plain.directions[1], atol=1e-6)
    assert np.abs(scaled.directions[4]).max() == 0
    assert scaled.shares[4] == 0
    assert np.allclose(scaled.attention, plain.attention, atol=1e-6)
    assert all(layer.total_energy == 0 for layer in explain(with_rank_scale(net, [0.0] * 5), pixels).layers)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
@pytest.mark.parametrize("limits", [None, Limits(whole=1, tile=144)])
def test_without_any_rank_the_image_is_restored_as_without_gamma(engine, limits):
    without = network()
    for layer in cea_layers(without).values():
        torch.nn.init.zeros_(layer.gamma)
    image = torch.rand(1, 3, 150, 90)
    expected = Restorer(without, "cpu", limits)(image)
    restored = Restorer(network(), "cpu", limits, engine=engine, rank_scale={0: 0.0, 1: 0.0, 2: [0.0] * 5})(image)
    assert torch.allclose(restored, expected, atol=1e-4)
    assert not torch.allclose(restored, Restorer(network(), "cpu", limits)(image), atol=1e-4)


@pytest.mark.parametrize("scale", [{7: 1.0}, {0: {9: 1.0}}, {0: [1.0]}, [1.0], {0: float("nan")}])
def test_scales_that_fit_no_layer_are_refused(scale):
    with pytest.raises(ConfigError):
        with_rank_scale(network(), scale)


@pytest.mark.parametrize("limits", [None, Limits(whole=1, tile=144)])
def test_strength_blends_from_the_image_to_the_restored_one(limits):
    image = torch.rand(1, 3, 150, 90)
    images = {strength: Restorer(network(), "cpu", limits, strength=strength)(image) for strength in (0, 0.25, 1)}
    assert torch.allclose(images[0], image, atol=1e-6)  # tiles are added up, which rounds
    assert torch.allclose(images[0.25], torch.lerp(image, images[1], 0.25), atol=1e-6)
    assert torch.equal(images[1], Restorer(network(), "cpu", limits)(image))
    pixels = photo((150, 90))
    assert np.array_equal(Restorer(network(), "cpu", limits, strength=0)(pixels), pixels)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_other_strengths_are_refused(strength):
    with pytest.raises(CeairError, match="strength"):
        Restorer(network(), "cpu", strength=strength)


def test_all_kinds_of_images_are_read_alike(tmp_path):
    net, pixels = network(), photo((20, 30))
    Image.fromarray(pixels).save(tmp_path / "a.png")
    expected = explain(net, pixels).layers[0].affinities
    for kind in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(pixels), Picture(pixels)):
        assert np.array_equal(explain(net, kind).layers[0].affinities, expected)
    assert np.allclose(explain(net, pixels.astype(np.uint16) * 257).layers[0].affinities, expected, atol=1e-5)
    grey = explain(net, pixels[..., 0]).layers[0].affinities
    assert np.array_equal(explain(net, np.repeat(pixels[..., :1], 3, -1)).layers[0].affinities, grey)
    with pytest.raises(ImageError, match="uint8"):
        explain(net, pixels.astype(np.float32))


def test_zero_is_white_and_signs_have_colours_of_their_own():
    assert (diverging(np.zeros((2, 2))) == 255).all()
    picture = diverging(np.array([[-1.0, 0.0, 1.0]]), 1.0).astype(int)
    assert (picture[0, 1] == 255).all()
    assert picture[0, 0, 2] > picture[0, 0, 0]
    assert picture[0, 2, 0] > picture[0, 2, 2]
    assert np.array_equal(diverging(np.array([[5.0]]), 1.0), diverging(np.array([[1.0]]), 1.0))
    dark = sequential(np.linspace(0, 1, 50)[None], 1.0).astype(int).sum(-1)[0]
    assert dark[0] == 3 * 255
    assert (np.diff(dark) <= 0).all()


def test_pictures_cover_the_image_square_by_square():
    layer = explain(network(), photo((45, 70))).layer(2)
    picture = enlarge(diverging(layer.affinities[0]), layer, (45, 70))
    small = diverging(layer.affinities[0])
    for y, x in ((0, 0), (44, 69), (17, 33)):
        row, column = layer.at(x, y)
        assert np.array_equal(picture[y, x], small[row, column])
    assert {one.shape for one in layer_maps(layer, (30, 40)).values()} == {(30, 40, 3)}
    image = photo((45, 70))
    assert np.array_equal(overlay(image, picture, 1.0), picture)
    assert np.ptp(overlay(image, picture, 0.0).astype(int), axis=-1).max() == 0


def test_the_sheet_shows_every_layer():
    explanation = explain(network(), photo((45, 70)))
    picture = sheet(explanation)
    assert picture.dtype == np.uint8
    assert picture.shape[0] % len(explanation.layers) == 0


def test_regions_are_means_over_their_pixels():
    layer = explain(network(), photo((45, 70))).layer(1)
    region = Region(3, 5, 22, 31)
    every = np.kron(layer.affinities, np.ones((1, layer.cell, layer.cell)))[:, 5:31, 3:22]
    read = read_region(layer, region)
    assert np.allclose(read.affinities, every.mean((1, 2)), atol=1e-5)
    assert np.isclose(
        read.energy, np.kron(layer.energy, np.ones((layer.cell, layer.cell)))[5:31, 3:22].mean(), rtol=1e-4
    )
    assert difference(layer, read, read) == 0
    other = read_region(layer, Region(0, 0, 4, 4))
    apart = np.linalg.norm((read.affinities - other.affinities) @ layer.directions) / np.sqrt(layer.directions.shape[1])
    assert np.isclose(difference(layer, read, other), apart / np.sqrt(layer.total_energy), rtol=1e-4)
    with pytest.raises(CeairError, match="leaves"):
        read_region(layer, Region(0, 0, 71, 4))


def test_regions_are_parsed_or_refused():
    assert parse_regions("0,0,4,5; 1,2,3,4;") == [Region(0, 0, 4, 5), Region(1, 2, 3, 4)]
    for text in ("1,2,3", "a,b,c,d", "4,0,4,5", "-1,0,3,3", "0,0,1.5,2"):
        with pytest.raises(CeairError, match="region"):
            parse_regions(text)


@pytest.mark.parametrize("values", [[0.0, 0.0], [1.0, -2.0], [1e-7, 3e-7], [120.0, 5000.0]])
def test_charts_are_well_formed_and_hold_every_bar_inside(values):
    from xml.etree import ElementTree

    root = ElementTree.fromstring(bar_chart("a < b", ["0", "1"], {"one & two": values, "three": values}, "%"))
    bars = [node for node in root if node.tag.endswith("rect") and node.get("height") != "9"]
    assert len(bars) == 4
    for bar in bars:
        assert 0 <= float(bar.get("y")) <= float(bar.get("y")) + float(bar.get("height")) <= 230
