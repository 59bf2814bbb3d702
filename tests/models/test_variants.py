"""What the networks of the study must hold to: the laws of every network, and the terms of a fair comparison."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ceair.checkpoint import load_into, load_tensors, save_tensors
from ceair.cost import count
from ceair.models import UNet, build
from ceair.models.variants import ABLATIONS, MAIN, VARIANTS

every_variant = pytest.mark.parametrize("name", VARIANTS)
EXPERTS = ("experts-1", "experts-2")


def network(name: str, seed: int = 0) -> UNet:
    torch.manual_seed(seed)
    return build(VARIANTS[name]).eval()


def images(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(5))


@every_variant
@pytest.mark.parametrize("size", [(1, 1), (1, 37), (33, 17)])
@torch.no_grad()
def test_any_size_is_kept(name: str, size: tuple[int, int]) -> None:
    restored = network(name)(images(*size))
    assert restored.shape == (1, 3, *size)
    assert torch.isfinite(restored).all()


@every_variant
@torch.no_grad()
def test_an_image_alone_equals_the_same_image_in_a_batch(name: str) -> None:
    restore, batch = network(name), images(33, 20, batch=3)
    together = restore(batch)
    for index in range(3):
        torch.testing.assert_close(restore(batch[index : index + 1])[0], together[index], atol=2e-6, rtol=1e-5)


@every_variant
@torch.no_grad()
def test_deterministic_and_without_memory(name: str) -> None:
    restore, image = network(name), images(24, 20)
    before = image.clone()
    first = restore(image)
    restore(images(17, 40, batch=2))
    restore.restore_with_penalty(images(17, 40, batch=2))
    assert torch.equal(restore(image), first)
    assert torch.equal(restore.train()(image), first), "training mode computes something else"
    assert torch.equal(image, before)


@every_variant
def test_every_parameter_gets_a_gradient(name: str) -> None:
    """From enough pixels that each expert is sent some at every level."""
    trained = network(name).train()
    restored, penalty = trained.restore_with_penalty(images(96, 96, batch=4))
    (restored.square().mean() + penalty).backward()
    for parameter_name, parameter in trained.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


@every_variant
@torch.no_grad()
def test_training_sees_the_same_images_and_only_experts_ask_for_more(name: str) -> None:
    restore, image = network(name), images(40, 33, batch=2)
    restored, penalty = restore.restore_with_penalty(image)
    assert torch.equal(restored, restore(image))
    layers = len(VARIANTS[name].widths)
    assert (float(penalty) >= 0.00999 * layers) if name in EXPERTS else float(penalty) == 0


@every_variant
@torch.no_grad()
def test_saved_weights_come_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    one, other = network(name), network(name, seed=1)
    save_tensors(tmp_path / "w.safetensors", one.state_dict(), {})
    load_into(other, load_tensors(tmp_path / "w.safetensors")[0], "w")
    assert torch.equal(other(images(20, 20)), one(images(20, 20)))


@every_variant
@torch.no_grad()
def test_bf16_autocast_is_near_fp32(name: str) -> None:
    restore, image = network(name), images(40, 40)
    exact = restore(image)
    with torch.autocast("cpu", torch.bfloat16):
        rough = restore(image)
    update = (exact - image).square().mean().sqrt()
    assert (rough.float() - exact).square().mean().sqrt() < 0.05 * update + 2**-9
    assert not torch.equal(rough.float(), exact)


@every_variant
@torch.no_grad()
def test_tiles_can_share_what_is_known_of_the_whole_image(name: str) -> None:
    """The context of an image gives what the image gives, and it is all that far pixels change."""
    restore, image = network(name), images(64, 64)
    context = restore.context(image)
    torch.testing.assert_close(restore(image, context), restore(image))
    for summary in context:
        tensors = (summary,) if isinstance(summary, Tensor) else summary
        assert all(len(tensor) == 1 for tensor in tensors)
    sees = name not in ("none", *EXPERTS)
    assert bool(context) == sees
    if sees and name != "static":
        other = restore.context(1 - image)
        assert not torch.allclose(restore(image, other), restore(image), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in MAIN if name != "none"])
@torch.no_grad()
def test_the_conditioning_reaches_the_output(name: str) -> None:
    whole, image = network(name), images(32, 32)
    before = whole(image)
    for stage in (whole.bottleneck, *whole.decoder):
        part = stage[0]
        stage[0] = torch.nn.Identity()
        assert not torch.equal(whole(image), before)
        stage[0] = part
    assert torch.equal(whole(image), before)


def test_the_main_variants_have_equal_numbers_of_parameters() -> None:
    numbers = {name: count(config, 64, 64).parameters for name, config in MAIN.items()}
    reference = numbers["cea"]
    assert 0.25e6 <= reference <= 0.4e6
    assert {name: n for name, n in numbers.items() if abs(n - reference) > 0.03 * reference} == {}


def test_nothing_but_the_conditioning_differs() -> None:
    """But for `none`, which spends on its levels what the others spend on their parts."""
    backbone = replace(VARIANTS["cea"], conditioning=None)
    for name, config in VARIANTS.items():
        same = replace(config, conditioning=None, cea=backbone.cea, widths=backbone.widths)
        assert same == backbone, name
        assert (config.widths == backbone.widths) == (name != "none")
    ranks = {config.cea.rank for name, config in ABLATIONS.items() if name.startswith("rank-")}
    assert ranks | {backbone.cea.rank} == {1, 4, 8, 16, 32}


@pytest.mark.parametrize(("name", "levels"), [("bottleneck", 1), ("decoder", 3), ("cea", 4)])
def test_cea_sits_where_it_should(name: str, levels: int) -> None:
    restore = network(name)
    assert len(restore.context(images(32, 32))) == levels


GRAPHS = """
import torch
from dataclasses import replace
from ceair.models import build
from ceair.models.variants import VARIANTS
torch.set_num_threads(1)
image = torch.rand(1, 3, 23, 18)
for name in {names}:
    torch.manual_seed(0)
    config = replace(VARIANTS[name], widths=(8, 12), encoder_depths=(0, 0), decoder_depths=(1,))
    network = build(config).eval()
    with torch.no_grad():
        expected = network(image)
        assert (expected - image).abs().mean() > 1e-2, name
        for other in (
            torch.compile(network, fullgraph=True, backend="aot_eager"),
            torch.export.export(network, (image,)).module(),
        ):
            torch.testing.assert_close(other(image), expected, atol=1e-5, rtol=1e-4)
    torch._dynamo.reset()
"""


@pytest.mark.parametrize(
    "names", [("none", "prompt", "descriptor"), ("experts-2", "softmax", "static", "pooled", "unit", "neighbours")]
)
def test_whole_graphs_are_captured_and_agree_with_eager(names: tuple[str, ...]) -> None:
    result = subprocess.run(
        [sys.executable, "-c", GRAPHS.format(names=names)],
        env={**os.environ, "JAXTYPING_DISABLE": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
