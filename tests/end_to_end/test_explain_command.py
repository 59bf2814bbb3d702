"""`ceair explain`, and what `ceair restore` shares with it, as a user calls them."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from ceair.checkpoint import save_tensors
from ceair.models import build, preset


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_tensors(path, build(preset("ceair-t").network).state_dict(), {"preset": "ceair-t"})
    return path


@pytest.fixture
def run(ceair, monkeypatch, weights, tmp_path):
    """Runs a command in a folder of its own, with random weights on torch: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    photo("a.png")
    return lambda *words: ceair(*words, "--weights", weights, "--engine", "torch", "--precision", "fp32")


def photo(path, size=(40, 56), seed=0):
    samples = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(samples).save(path)
    return samples


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def test_maps_charts_numbers_and_a_page_appear(run):
    code, out, err = run(
        "explain", "a.png", "-o", "out", "--regions", "0,0,20,20;30,10,56,40", "--pixel", "8,9", "--arrays", "--json"
    )
    assert code == 0, err
    document = json.loads(out)
    assert document == json.loads(Path("out/explanation.json").read_text())
    assert (document["height"], document["width"], document["pixel"]) == (40, 56, [8, 9])
    written = names("out")
    maps = [f"rank-{rank}.png" for rank in range(16)]
    maps += [f"{kind}.png" for kind in ("energy", "additive", "subtractive", "principal", "shared-routing", "sources")]
    maps += ["ranks.svg", "regions.svg"]
    expected = [f"level-{level}/{name}" for level in range(4) for name in maps]
    top = ["degraded.png", "restored.png", "change.png", "explanation.json", "index.html", "maps.npz"]
    assert written == sorted(expected + top)
    for name in written:
        if name.endswith(".png"):
            with Image.open(Path("out", name)) as image:
                assert image.size == (56, 40)
        if name.endswith(".svg"):
            ElementTree.parse(Path("out", name))
    with np.load("out/maps.npz") as arrays:
        assert arrays["level_0_affinities"].shape == (16, 20, 28)
    for layer in document["layers"]:
        assert sum(layer["shares"]) == pytest.approx(1)
        assert sum(layer["contributions"]) == pytest.approx(1)
        assert [row["region"] for row in layer["compared"]["regions"]] == ["0,0,20,20", "30,10,56,40"]
        assert layer["compared"]["differences"][0][0] == 0


def test_the_page_asks_nothing_of_anybody(run):
    assert run("explain", "a.png", "-o", "out")[0] == 0
    page = Path("out/index.html").read_text()
    assert page.count("<img src='data:image/") > 80
    for found in re.findall(r"(?:src|href)='([^']*)'", page):
        assert found.startswith("data:")
    assert not re.search(r"<script|@import|url\(", page)
    assert "default-src 'none'" in page


def test_numbers_of_the_change_are_those_of_the_restored_image(run):
    assert run("explain", "a.png", "-o", "out")[0] == 0
    assert run("restore", "a.png", "-o", "b.png")[0] == 0
    before, after = (np.asarray(Image.open(name)).astype(float) / 255 for name in ("a.png", "b.png"))
    change = json.loads(Path("out/explanation.json").read_text())["change"]
    assert change["mean_absolute"] == pytest.approx(np.abs(after - before).mean())
    assert change["added"] - change["removed"] == pytest.approx((after - before).mean())
    assert change["largest"] == pytest.approx(np.abs(after - before).max())


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (("--regions", "1,2,3"), 1, "four whole numbers"),
        (("--regions", "0,0,99,20"), 1, "leaves the image"),
        (("--pixel", "56,0"), 1, "outside"),
        (("--pixel", "x"), 2, "two whole numbers"),
    ],
)
def test_what_does_not_fit_the_image_is_refused_before_any_work(run, words, code, hint):
    answer, out, err = run("explain", "a.png", "-o", "out", *words)
    assert (answer, out) == (code, "")
    assert hint in " ".join(err.split())
    assert not Path("out").exists()


def test_nothing_is_replaced_and_nothing_partial_is_left(run, monkeypatch):
    Path("out").mkdir()
    Path("out/mine.txt").write_text("mine")
    code, _, err = run("explain", "a.png", "-o", "out")
    assert (code, names("out")) == (1, ["mine.txt"])
    assert "--overwrite" in err
    assert run("explain", "a.txt", "-o", "new")[0] == 1
    assert run("explain", "a.png", "-o", "a.png")[0] == 2

    def fail(path, content):
        if path.suffix == ".html":
            raise OSError(28, "No space left on device")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    monkeypatch.setattr("ceair.files.write_atomically", fail)
    code, _, err = run("explain", "a.png", "-o", "out", "--overwrite")
    assert (code, names("out")) == (1, ["mine.txt"])
    assert "No space left" in err


def test_maps_lie_beside_the_restored_image(run):
    photo("in/a.png")
    photo("in/b.jpg", seed=1)
    assert run("restore", "in", "-o", "out", "--maps")[0] == 0
    assert names("out") == ["a.png", "a.png.maps.png", "b.jpg", "b.jpg.maps.png"]
    before = Path("out/a.png.maps.png").read_bytes()
    with Image.open("out/a.png.maps.png") as image:
        assert image.width > 600
    Path("out/a.png").unlink()
    Path("out/a.png.maps.png").write_bytes(b"older")
    assert run("restore", "in", "-o", "out", "--maps")[0] == 0
    assert Path("out/a.png.maps.png").read_bytes() == b"older"
    assert run("restore", "in", "-o", "out", "--maps", "--overwrite")[0] == 0
    assert Path("out/a.png.maps.png").read_bytes() == before


def test_strength_goes_from_the_image_to_the_restored_one(run):
    pixels = {}
    for strength in ("0", "0.5", "1"):
        assert run("restore", "a.png", "-o", f"{strength}.png", "--strength", strength)[0] == 0
        pixels[strength] = np.asarray(Image.open(f"{strength}.png")).astype(float)
    assert np.array_equal(pixels["0"], np.asarray(Image.open("a.png")))
    assert np.abs(pixels["0.5"] - (pixels["0"] + pixels["1"]) / 2).max() <= 1
    assert not np.array_equal(pixels["0"], pixels["1"])
    assert run("restore", "a.png", "-o", "2.png", "--strength", "2")[0] == 2


def test_caution_needs_a_judge_beside_the_weights(run, ceair):
    code, _, err = run("restore", "a.png", "-o", "b.png", "--cautious")
    assert code == 1
    assert "fit_caution" in err
    assert not Path("b.png").exists()
    assert ceair("restore", "a.png", "-o", "b.png", "--cautious", "--engine", "torch", "--precision", "fp32")[0] == 0
