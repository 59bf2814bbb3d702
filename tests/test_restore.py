"""One path for every kind of image: the same kind comes back, of the same size, with its alpha and depth."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import ceair
from ceair.checkpoint import save_tensors
from ceair.errors import CeairError, ImageError, WeightsError
from ceair.image import Picture, write_picture
from ceair.models import NetworkConfig, build, preset
from ceair.restore import Limits, Restorer, find_device
from ceair.system import resident_memory
from ceair.tiles import windows

TINY = NetworkConfig(widths=(8, 8), encoder_depths=(1, 1), decoder_depths=(1,), stem_stride=2, family="gated_conv")


def identity():
    network = build(TINY)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    return network


def brightening(by=0.1):
    network = identity()
    torch.nn.init.constant_(network.head.bias, by)
    return network


@pytest.fixture
def unchanged():
    return Restorer(identity(), "cpu")


@pytest.fixture
def tiled():
    return Restorer(identity(), "cpu", Limits(whole=100, tile=32), overlap=8)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (33, 31), (64, 100), (97, 5)])
def test_tiles_of_the_identity_give_the_image_back(tiled, size):
    degraded = torch.rand(2, 3, *size)
    assert torch.allclose(tiled.restore_tensor(degraded), degraded, atol=1e-6)


def test_tiles_agree_with_the_full_frame_where_the_network_sees_no_further_than_its_overlap():
    network = build(NetworkConfig((8, 8), (0, 0), (0,), stem_stride=2, family="gated_conv"))
    for module in network.modules():
        if isinstance(module, ceair.CEA):
            torch.nn.init.zeros_(module.gamma)  # the only part that sees the whole image
    degraded = torch.rand(1, 3, 217, 150)
    whole = Restorer(network, "cpu").restore_tensor(degraded)
    pieces = Restorer(network, "cpu", Limits(whole=1, tile=128), overlap=48).restore_tensor(degraded)
    assert not torch.allclose(whole, degraded, atol=1e-3)
    assert torch.allclose(whole, pieces, atol=1e-5)


@pytest.mark.parametrize("length", [1, 7, 32, 33, 63, 64, 200])
@pytest.mark.parametrize(("tile", "overlap", "multiple"), [(32, 8, 4), (32, 0, 16), (48, 20, 16)])
def test_windows_cover_each_pixel_with_a_total_weight_of_one(length, tile, overlap, multiple):
    total = torch.zeros(length)
    for start, stop, weights in windows(length, tile, overlap, multiple):
        assert start % multiple == 0
        assert 0 < stop - start <= tile
        assert (weights >= 0).all()
        total[start:stop] += weights
    assert torch.allclose(total, torch.ones(length), atol=1e-6)


def test_a_batch_is_worked_on_in_parts_that_memory_allows(monkeypatch):
    restorer, sizes = Restorer(brightening(), "cpu", Limits(whole=3000, tile=1024)), []
    whole = restorer.inference._whole
    monkeypatch.setattr(restorer.inference, "_whole", lambda some: sizes.append(len(some)) or whole(some))
    degraded, shares = torch.rand(5, 3, 32, 40), []
    restored = restorer.restore_tensor(degraded, shares.append)
    assert sizes == [2, 2, 1]
    assert shares == [0.4, 0.8, 1.0]
    assert torch.allclose(restored, (degraded + 0.1).clamp(0, 1), atol=1e-6)


@pytest.mark.parametrize("tile", [144, 160, 1024])
def test_too_little_memory_is_said_whatever_the_tile(tile):
    restorer = Restorer(identity(), "cpu", Limits(whole=1, tile=tile), memory=resident_memory() + 4_000_000)
    with pytest.raises(CeairError, match=r"too little memory: allow at least \d+ MB"):
        restorer.restore_tensor(torch.rand(1, 3, 200, 200))


def test_progress_rises_to_one(tiled, unchanged):
    for restorer in (tiled, unchanged):
        told = []
        restorer.restore_tensor(torch.rand(1, 3, 50, 70), told.append)
        assert told == sorted(told)
        assert told[-1] == 1


def test_results_are_clamped_and_carry_no_gradient():
    restored = Restorer(brightening(0.7), "cpu").restore_tensor(torch.rand(1, 3, 9, 9).requires_grad_())
    assert restored.max() == 1
    assert not restored.requires_grad


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3), (7, 9, 4), (1, 1), (1, 30, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_arrays_come_back_as_they_were(unchanged, shape, dtype):
    whole = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    array = (np.random.default_rng(0).random(shape) * whole).astype(dtype)
    before = array.copy()
    restored = unchanged(array)
    assert (restored.shape, restored.dtype) == (array.shape, array.dtype)
    assert np.allclose(restored, array, atol=1e-6 if whole == 1 else 0)
    assert np.array_equal(array, before)
    assert array.ndim == 2 or array.shape[-1] == 3 or np.array_equal(restored[..., 3], array[..., 3])


@pytest.mark.parametrize("shape", [(3, 7, 9), (2, 3, 7, 9), (3, 1, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_tensors_come_back_as_they_were(unchanged, shape, dtype):
    tensor = torch.rand(shape).to(dtype)
    restored = unchanged(tensor)
    assert restored.dtype == dtype
    assert torch.allclose(restored, tensor, atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_pillow_images_come_back_in_their_mode(unchanged, mode):
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    samples = np.random.default_rng(0).integers(0, 256, (5, 4, channels), np.uint8)
    image = Image.fromarray(samples[..., 0] if channels == 1 else samples)
    restored = unchanged(image)
    assert restored.mode == mode
    assert np.array_equal(np.asarray(restored), np.asarray(image))


def test_paths_give_pillow_images_and_pictures_of_sixteen_bits(unchanged, tmp_path):
    pixels = np.random.default_rng(0).random((6, 5, 3), np.float32)
    for depth, kind in ((8, Image.Image), (16, Picture)):
        write_picture(tmp_path / "a.png", Picture.from_pixels(pixels, depth))
        for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
            assert isinstance(unchanged(path), kind)
    assert np.abs(unchanged(tmp_path / "a.png").pixels - pixels).max() < 1 / 65535


def test_alpha_stays_untouched_and_grey_stays_grey():
    restorer = Restorer(brightening(), "cpu")
    alpha = np.random.default_rng(1).integers(0, 65536, (6, 5), np.uint16)
    grey = np.random.default_rng(0).integers(0, 32768, (6, 5, 1), np.uint16)
    restored = restorer.restore_picture(Picture(grey, alpha, icc=b"profile"))
    assert np.array_equal(restored.alpha, alpha)
    assert restored.icc == b"profile"
    assert np.allclose(restored.pixels, grey / 65535 + 0.1, atol=2e-5)
    assert np.ptp(restored.pixels, axis=-1).max() == 0


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 3), np.int64),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
        torch.zeros(4, 4),
        torch.zeros(1, 4, 4),
        torch.zeros(3, 4, 4, dtype=torch.uint8),
    ],
)
def test_anything_else_is_refused_in_one_sentence(unchanged, image):
    with pytest.raises(ImageError):
        unchanged(image)


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta", "", "cpu:x"])
def test_unknown_and_absent_devices_are_named(name):
    with pytest.raises(CeairError, match="device"):
        find_device(name)


def test_tiles_must_be_larger_than_their_overlap():
    with pytest.raises(CeairError, match="overlap"):
        Restorer(identity(), "cpu", Limits(tile=64), overlap=32)


def test_from_pretrained_loads_a_file(tmp_path):
    network = build(preset("ceair-t").network)
    save_tensors(tmp_path / "a.safetensors", network.state_dict(), {"preset": "ceair-t"})
    degraded = torch.rand(1, 3, 17, 16)
    with torch.no_grad():
        expected = network.eval()(degraded).clamp(0, 1)
    restored = Restorer.from_pretrained(tmp_path / "a.safetensors", "cpu", precision="fp32")(degraded)
    assert torch.allclose(restored, expected, atol=1e-5)
    with pytest.raises(WeightsError, match="nowhere"):
        Restorer.from_pretrained(tmp_path / "nowhere.safetensors")


def test_public_names_are_loaded_only_when_used():
    code = (
        "import sys, ceair; ceair.__version__; print('torch' in sys.modules); ceair.CEA; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]
    assert all(hasattr(ceair, name) and name in dir(ceair) for name in ceair.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = ceair.nothing
