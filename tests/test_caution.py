"""Caution: evidence from crops, a gate that is exact at its ends, one decision for all tiles and engines."""

import json

import pytest
import torch
from reference import caution as reference

from ceair.caution import SCALES, Caution, Damping, evidence, load_caution, moments
from ceair.checkpoint import BUNDLED, find_weights
from ceair.errors import WeightsError
from ceair.files import sha256
from ceair.models import NetworkConfig, build
from ceair.restore import Limits, Restorer

TINY = NetworkConfig(widths=(8, 8), encoder_depths=(1, 1), decoder_depths=(1,), stem_stride=2, family="gated_conv")
LENGTH = len(evidence(moments(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64))[0]))


def judge(bias=0.0, weights=None):
    """One whose odds are those of the bias, and of the evidence by weights."""
    weights = weights or (0.0,) * LENGTH
    return Caution((0.0,) * LENGTH, (1.0,) * LENGTH, weights, bias, -1.0, 1.0)


def brightness(slope, middle):
    """One that opens as the mean luma, the first number of the evidence, exceeds `middle`."""
    return judge(-slope * middle, (slope, *(0.0,) * (LENGTH - 1)))


def network():
    torch.manual_seed(0)
    return build(TINY)


def test_the_evidence_is_what_fitted_judges_rely_on():
    generator = torch.Generator().manual_seed(5)
    degraded = torch.rand(1, 3, 64, 96, generator=generator) ** 2
    restored = (degraded + 0.1 * torch.randn(1, 3, 64, 96, generator=generator)).clamp(0, 1)
    found = evidence(moments(degraded, restored)[0])
    expected = reference.evidence(degraded[0].double().numpy(), restored[0].double().numpy(), SCALES)
    assert found.numpy() == pytest.approx(expected, abs=2e-3)
    assert len(load_caution("ceair-t").weights) == len(expected)


def test_moments_of_crops_that_partition_an_image_average_to_its_own():
    degraded, restored = torch.rand(2, 1, 3, 64, 128)
    whole = moments(degraded, restored)[0]
    crops = [moments(degraded[..., at : at + 32], restored[..., at : at + 32])[0] for at in range(0, 128, 32)]
    mean = torch.stack(crops).mean(0)
    inner = [index for index in range(len(whole)) if index not in (7, 9)]  # differences across leave out the seams
    assert torch.allclose(mean[inner], whole[inner], atol=1e-5)
    assert torch.allclose(mean, whole, atol=1e-2)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (33, 7), (64, 64)])
def test_evidence_is_finite_for_any_image_and_for_no_change(size):
    image = torch.rand(1, 3, *size)
    for restored in (image, 1 - image, torch.zeros_like(image)):
        assert torch.isfinite(evidence(moments(image, restored)[0])).all()


def test_a_batch_is_judged_image_by_image():
    degraded, restored = torch.rand(2, 2, 3, 40, 40)
    together = moments(degraded, restored)
    assert torch.allclose(together[1], moments(degraded[1:], restored[1:])[0], atol=1e-6)
    dark, bright = torch.full((1, 3, 40, 40), 0.2), torch.full((1, 3, 40, 40), 0.8)
    damping = Damping(1.0, brightness(50.0, 0.5))
    applied = damping.apply(torch.cat((dark, bright)), torch.cat((dark, bright)) + 0.1)
    assert torch.equal(applied[:1], dark)
    assert torch.equal(applied[1:], bright + 0.1)


@pytest.mark.parametrize(("odds", "share"), [(-5.0, 0.0), (-1.0, 0.0), (0.0, 0.5), (0.5, 0.75), (1.0, 1.0), (9.0, 1.0)])
def test_the_gate_is_closed_open_or_in_between(odds, share):
    assert judge(odds).share(torch.zeros(LENGTH)) == pytest.approx(share)
    assert Damping(0.5, judge(odds)).share(torch.rand(7 + 4 + 36)) == pytest.approx(0.5 * share)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
@pytest.mark.parametrize("limits", [None, Limits(whole=1, tile=144, look=30_000)])
def test_every_engine_and_tiles_obey_the_gate(engine, limits):
    image = torch.rand(1, 3, 160, 200)
    plain = Restorer(network(), "cpu", limits, engine=engine)(image)
    assert not torch.allclose(plain, image, atol=1e-3)
    for odds, expected in ((-2.0, image), (0.0, (image + plain) / 2), (2.0, plain)):
        restorer = Restorer(network(), "cpu", limits, engine=engine, cautious=judge(odds))
        assert torch.allclose(restorer(image), expected, atol=1e-5)


def test_the_decision_is_one_for_the_whole_image_and_not_for_a_tile():
    image = torch.cat((torch.full((1, 3, 160, 160), 0.1), torch.full((1, 3, 160, 160), 0.7)), -1)
    limits = Limits(whole=1, tile=144, look=60_000)
    restorer = Restorer(network(), "cpu", limits, cautious=brightness(100.0, 0.5))  # the mean is 0.4
    assert torch.allclose(restorer(image), image, atol=1e-6)


def test_integers_stay_exactly_as_they_are_where_nothing_is_found():
    pixels = (torch.rand(70, 90, 3) * 255).byte().numpy()
    for limits in (None, Limits(whole=1, tile=144)):
        assert (Restorer(network(), "cpu", limits, cautious=judge(-3.0))(pixels) == pixels).all()


def test_a_varied_restorer_does_as_one_made_so(generator):
    image, damaged = torch.rand(1, 3, 32, 40, generator=generator), judge(0.5)
    first = Restorer(network(), "cpu", strength=0.8)
    for caution, ensemble in ((damaged, False), (None, True), (damaged, True), (None, False)):
        expected = Restorer(network(), "cpu", strength=0.8, cautious=caution or False, ensemble=ensemble)
        other = first.varied(caution, ensemble)
        assert torch.equal(other.restore_tensor(image), expected.restore_tensor(image))
        assert other.network is first.network
        assert torch.equal(other.varied().restore_tensor(image), first.restore_tensor(image))


def test_the_bundled_judge_was_fitted_for_the_bundled_weights():
    caution = load_caution("ceair-t")
    assert caution.weights_sha256 == sha256(find_weights("ceair-t"))
    assert len(caution.mean) == len(caution.deviation) == len(caution.weights) == LENGTH
    assert (BUNDLED / "ceair-t.caution.json").is_file()


def test_weights_without_a_judge_or_with_a_damaged_one_are_named(tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(find_weights("ceair-t").read_bytes())
    with pytest.raises(WeightsError, match="fit_caution"):
        load_caution(path)
    (tmp_path / "mine.caution.json").write_text('{"mean": 1}')
    with pytest.raises(WeightsError, match="damaged"):
        load_caution(path)
    (tmp_path / "mine.caution.json").write_text(json.dumps(judge().as_json()))
    with pytest.raises(WeightsError, match="other weights"):
        load_caution(path)
