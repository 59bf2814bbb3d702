"""Self-ensemble: the mean over an image and its mirror images, whole or in tiles, by any engine and command."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from ceair.cli.app import app
from ceair.engines import ENGINES, Engine, SelfEnsemble, make_engine
from ceair.models import NetworkConfig, build
from ceair.restore import Limits, Restorer

TINY = NetworkConfig(widths=(8, 8), encoder_depths=(1, 1), decoder_depths=(1,), stem_stride=2, family="gated_conv")
MIRRORS = [(), (-1,), (-2,), (-2, -1)]


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build(TINY).eval()


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "auto"])
def test_it_is_the_mean_of_the_answers_for_the_mirror_images(network, engine, generator):
    pytest.importorskip({"onnx": "onnxruntime"}.get(engine, engine))
    images = torch.rand(2, 3, 24, 32, generator=generator)
    single = make_engine(network, "cpu", engine, "fp32")
    together = SelfEnsemble(single)
    assert isinstance(together, Engine)
    with torch.no_grad():
        expected = sum((images.flip(m) + network.change(images.flip(m))).clamp(0, 1).flip(m) for m in MIRRORS) / 4
    torch.testing.assert_close(together.restore(images), expected, atol=1e-5, rtol=0)
    assert (together.restore(images) - single.restore(images)).abs().max() > 1e-4
    crop = images[:1]
    torch.testing.assert_close(together.restore_crop(crop, together.look(crop)), expected[:1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (33, 47), (150, 217)])
@pytest.mark.parametrize("limits", [Limits(), Limits(whole=1, tile=128)])
def test_a_mirrored_image_gives_the_mirrored_answer(network, size, limits, generator):
    """Of sides that fill the network's squares; tiles lie elsewhere then, and agree as tiles do."""
    restorer = Restorer(network, "cpu", limits, ensemble=True)
    even = tuple(-(-side // 4) * 4 for side in size)
    image = torch.rand(1, 3, *even, generator=generator)
    restored = restorer.restore_tensor(image)
    assert restored.shape == image.shape
    torch.testing.assert_close(restorer.restore_tensor(image.flip(-1)).flip(-1), restored, atol=2e-3, rtol=0)
    single = Restorer(network, "cpu", limits).restore_tensor
    assert (single(image.flip(-1)).flip(-1) - single(image)).abs().max() > 2e-3


def test_strength_and_modes_work_as_without_it(network):
    pixels = np.random.default_rng(0).integers(0, 256, (21, 34, 3), np.uint8)
    assert (Restorer(network, "cpu", ensemble=True, strength=0)(pixels) == pixels).all()
    grey = Restorer(network, "cpu", ensemble=True)(pixels[..., 0])
    assert grey.shape == (21, 34)
    assert grey.dtype == np.uint8


def test_the_commands_take_it(tmp_path):
    noisy = np.random.default_rng(0).normal(120, 30, (40, 48, 3)).clip(0, 255).astype(np.uint8)
    (tmp_path / "in").mkdir()
    (tmp_path / "clean").mkdir()
    Image.fromarray(noisy).save(tmp_path / "in" / "a.png")
    Image.fromarray(np.full_like(noisy, 120)).save(tmp_path / "clean" / "a.png")

    def run(*words):
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        return result

    exact = ("--engine", "torch", "--precision", "fp32")
    run("restore", tmp_path / "in", "-o", tmp_path / "out", "--ensemble", *exact)
    expected = Restorer.from_pretrained("ceair-t", "cpu", "torch", "fp32", ensemble=True)(noisy)
    written = np.array(Image.open(tmp_path / "out" / "a.png"))
    assert (written == expected).all()
    assert (written != Restorer.from_pretrained("ceair-t", "cpu", "torch", "fp32")(noisy)).any()
    scores = ("evaluate", "folder", "--input", tmp_path / "in", "--target", tmp_path / "clean", "--json")
    better, plain = (json.loads(run(*scores, *words).stdout) for words in (["--ensemble"], []))
    assert better["settings"]["ensemble"] is True
    assert plain["settings"]["ensemble"] is False
    means = [one["conditions"][0]["means"]["psnr"] for one in (better, plain)]
    assert means[0] > means[1], "averaging over four answers for noise leaves less of it"
