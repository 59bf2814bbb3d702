"""`ceair evaluate`, `ceair cost` and `ceair models` as a user calls them, on folders made up here."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ceair import checkpoint
from ceair.checkpoint import save_tensors
from ceair.files import sha256
from ceair.models import build, preset

DATA = os.environ.get("CEAIR_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="CEAIR_DATA names no folder of benchmark images")
IDENTITY = ("evaluate", "folder", "--method", "identity")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    generator = np.random.default_rng(5)
    for index in range(4):
        clean = np.linspace(0, 255, 34 * 40 * 3).reshape(34, 40, 3)
        degraded = (clean + generator.normal(0, 20, clean.shape)).clip(0, 255)
        for name, image in (("input", degraded), ("target", clean)):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(image.astype(np.uint8)).save(tmp_path / name / f"{index}.png")
    return tmp_path


def test_noise_gives_a_row_for_each_strength(ceair, folders: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = ceair(*IDENTITY, "--target", folders / "target", "--noise", "15,25,50")
    header, *rows = out.splitlines()
    assert (code, err) == (0, "")
    assert header.startswith("condition ")
    assert [row.split()[:3] for row in rows] == [["noise", s, "4"] for s in ("15", "25", "50")]


def test_pairs_give_one_document(ceair, folders: Path) -> None:  # type: ignore[no-untyped-def]
    words = ("--input", folders / "input", "--target", folders / "target", "--json", "--limit", "2")
    code, out, err = ceair(*IDENTITY, *words)
    document = json.loads(out)
    (condition,) = document["conditions"]
    assert (code, err) == (0, "")
    assert document["settings"]["method"] == "identity"
    assert document["versions"].keys() == {"ceair", "torch", "numpy", "scikit-image"}
    assert (condition["count"], condition["available"]) == (2, 4)
    assert [image["name"] for image in condition["images"]] == ["0", "2"]
    assert condition["means"]["psnr"] == pytest.approx(np.mean([image["psnr"] for image in condition["images"]]))


def test_limit_says_so(ceair, folders: Path) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = ceair(*IDENTITY, "--target", folders / "target", "--noise", "5", "--limit", "3")
    assert "3 of 4" in out


def test_small_and_equal_images_are_dashes_and_infinities(ceair, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    Image.fromarray(np.full((5, 6, 3), 90, np.uint8)).save(tmp_path / "a.png")
    code, out, _ = ceair(*IDENTITY, "--target", tmp_path, "--noise", "0")
    assert code == 0
    assert out.splitlines()[1].split() == ["noise", "0", "1", "inf", "inf", "inf", "-", "-"]
    assert "smaller than its window" in out


def test_weights_restore_what_is_scored(ceair, folders: Path) -> None:  # type: ignore[no-untyped-def]
    network = build(preset("ceair-t").network)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    weights = folders / "mine.safetensors"
    save_tensors(weights, network.state_dict(), {"preset": "ceair-t"})
    words = ("--target", folders / "target", "--noise", "25", "--weights", weights, "--device", "cpu", "--limit", "1")
    code, out, _ = ceair("evaluate", "folder", *words, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["settings"]["weights"] == str(weights)
    assert document["settings"]["weights_sha256"] == sha256(weights)
    (image,) = document["conditions"][0]["images"]
    assert image["psnr"] == pytest.approx(image["input_psnr"])  # as these weights change nothing
    words = (*words[:4], "--device", "cpu", "--limit", "1", "--json")
    (image,) = json.loads(ceair("evaluate", "folder", *words)[1])["conditions"][0]["images"]
    assert image["psnr"] > image["input_psnr"] + 3
    (image,) = json.loads(ceair("evaluate", "folder", *words, "--strength", "0")[1])["conditions"][0]["images"]
    assert image["psnr"] == pytest.approx(image["input_psnr"])


def test_scores_are_shown_even_if_a_file_of_them_cannot_be_written(ceair, folders: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(folders)
    code, out, err = ceair(*IDENTITY, "--target", "target", "--noise", "25", "--csv", "n" * 300)
    assert code == 1
    assert out.splitlines()[1].split()[:3] == ["noise", "25", "4"]
    assert err.splitlines()[-1].endswith("File name too long")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("nothing", "--target", "target", "--noise", "5"), 2, "choose from: folder"),
        (("folder", "--noise", "5"), 2, "--target"),
        (("folder", "--target", "target"), 2, "--noise"),
        (("folder", "--target", "target", "--input", "input", "--noise", "5"), 2, "either --input"),
        (("folder", "--target", "target", "--noise", "5,x"), 2, "5,x"),
        (("folder", "--target", "target", "--noise", "-3"), 2, "-3"),
        (("folder", "--target", "target", "--noise", "nan"), 2, "nan"),
        (("folder", "--target", "target", "--noise", "5", "--crop", "0"), 2, "crop"),
        (("folder", "--target", "target", "--noise", "5", "--limit", "0"), 2, "limit"),
        (("folder", "--target", "target", "--noise", "5", "--weights", "w"), 2, "leave out --weights"),
        (("folder", "--target", "absent", "--noise", "5"), 1, "absent is no folder"),
        (("folder", "--target", "empty", "--noise", "5"), 1, "empty holds no image"),
        (("folder", "--target", "target", "--input", "few"), 1, "has no partner"),
        (("folder", "--target", "target", "--input", "other"), 1, "differ in size"),
        (("folder", "--target", "target", "--noise", "5", "--csv", "target/0.png/x.csv"), 1, "cannot write"),
        (("folder", "--target", "n" * 300, "--noise", "5"), 1, "is no folder"),
        (("folder", "--target", "target", "--noise", "5", "--save", "n" * 300), 1, "File name too long"),
    ],
)
def test_mistakes_end_in_one_sentence(  # type: ignore[no-untyped-def]
    ceair, folders: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, message: str
) -> None:
    monkeypatch.chdir(folders)
    for name, count in (("empty", 0), ("few", 2), ("other", 4)):
        Path(name).mkdir()
        for index in range(count):
            Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(f"{name}/{index}.png")
    found, out, err = ceair("evaluate", *words, "--method", "identity")
    assert (found, out) == (code, "")
    assert message in err
    assert "Traceback" not in err


def test_cost_lists_the_presets(ceair) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = ceair("cost", "--size", "64x64")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["ceair-t", "ceair-s", "ceair-b"]
    code, out, _ = ceair("cost", "--preset", "ceair-t", "--json")
    (document,) = json.loads(out)
    assert document["multiply_adds"] > document["cea_multiply_adds"] > 0


@pytest.mark.parametrize("size", ["64", "0x64", "64x", "axb", "64x64x3"])
def test_cost_refuses_what_is_no_size(ceair, size: str) -> None:  # type: ignore[no-untyped-def]
    code, _, err = ceair("cost", "--size", size)
    assert code == 2
    assert size in err


def test_models_reads_the_card_beside_the_weights(  # type: ignore[no-untyped-def]
    ceair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "BUNDLED", tmp_path)
    _, out, _ = ceair("models", "--json")
    assert [(model["bundled"], model["scores"]) for model in json.loads(out)] == [(False, {})] * 3
    (tmp_path / "ceair-t.json").write_text(
        json.dumps({"scores": {"CBSD68": {"noise 25": {"images": 68, "psnr": 31.0}}}})
    )
    (tmp_path / "ceair-t.safetensors").touch()
    _, out, _ = ceair("models")
    assert "CBSD68 noise 25: images 68, psnr 31.0000\n" in out
    (tmp_path / "ceair-t.json").write_text("[")
    code, _, err = ceair("models")
    assert code == 1
    assert "is damaged" in err


def test_training_without_its_packages_says_what_to_install(  # type: ignore[no-untyped-def]
    ceair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightning.fabric", None)
    monkeypatch.delitem(sys.modules, "ceair.train.loop", raising=False)
    code, _, err = ceair("train", "absent.yaml")
    assert code == 1
    assert "pip install 'ceair[train]'" in err


@needs_data
@pytest.mark.parametrize(
    ("folder", "noise", "expected", "tolerance"),
    [
        ("CBSD68", "15,25,50", [24.83, 20.54, 15.01], 0.1),
        ("Rain100L", None, [25.52], 0.05),
        ("LOL-v1", None, [7.77], 0.05),
    ],
)
def test_unprocessed_benchmarks_score_what_is_known(  # type: ignore[no-untyped-def]
    ceair, folder: str, noise: str | None, expected: list[float], tolerance: float
) -> None:
    root = Path(str(DATA)) / "test" / folder
    words = ("--noise", noise) if noise else ("--input", root / "input")
    code, out, _ = ceair(*IDENTITY, "--target", root / "target", *words, "--json")
    means = [condition["means"]["psnr"] for condition in json.loads(out)["conditions"]]
    assert code == 0
    assert means == pytest.approx(expected, abs=tolerance)
