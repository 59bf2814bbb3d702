"""`ceair restore` as a user calls it, with a network that changes nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ceair.checkpoint import save_tensors
from ceair.errors import CeairError
from ceair.image import Picture, read_picture, write_picture
from ceair.models import build, preset


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    network = build(preset("ceair-t").network)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    path = tmp_path_factory.mktemp("weights") / "identity.safetensors"
    save_tensors(path, network.state_dict(), {"preset": "ceair-t"})
    return path


@pytest.fixture
def ceair(ceair, monkeypatch, weights, tmp_path):
    """Runs `ceair restore` in a folder of its own: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: ceair("restore", *words, "--weights", weights)


def photo(path, size=(20, 24), channels=3, seed=0, **saving):
    samples = np.random.default_rng(seed).integers(0, 256, (*size, channels), np.uint8)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(samples[..., 0] if channels == 1 else samples).save(path, **saving)
    return samples


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def files(folder="."):
    return sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (21, 33)])
def test_one_file_into_a_file(ceair, size):
    samples = photo("a.png", size, 4)
    code, out, _ = ceair("a.png", "-o", "b.png")
    assert (code, out, files()) == (0, "", ["a.png", "b.png"])
    assert np.array_equal(pixels("b.png"), samples)


def test_an_existing_output_is_kept_unless_told_otherwise(ceair):
    photo("a.png", seed=0)
    old = photo("b.png", seed=1)
    code, _, err = ceair("a.png", "-o", "b.png")
    assert (code, err.count("\n")) == (1, 1)
    assert "--overwrite" in err
    assert np.array_equal(pixels("b.png"), old)
    assert ceair("a.png", "-o", "b.png", "--overwrite")[0] == 0
    assert np.array_equal(pixels("b.png"), pixels("a.png"))


def test_an_input_is_never_replaced_unless_told_otherwise(ceair):
    photo("in/a.png")
    before = Path("in/a.png").read_bytes()
    assert ceair("in", "-o", "in")[0] == 2
    assert ceair("in/a.png", "-o", "in/a.png")[0] == 1
    assert Path("in/a.png").read_bytes() == before
    assert ceair("in", "-o", "in", "--suffix", "_new")[0] == 0
    assert ceair("in/a.png", "-o", "in", "--overwrite")[0] == 0
    code, _, err = ceair("in", "-o", "in", "--suffix", "_new", "--overwrite")
    assert code == 2, "the result of a.png would replace a_new.png before it is read"
    assert "a_new.png" in err


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.tiff", "a.bmp", "a.JPEG"])
def test_a_folder_keeps_names_and_formats(ceair, name):
    photo(f"in/{name}")
    assert ceair("in", "-o", "out")[0] == 0
    assert files("out") == [f"out/{name}"]
    with Image.open(f"in/{name}") as source, Image.open(f"out/{name}") as result:
        assert (source.format, source.size, source.mode) == (result.format, result.size, result.mode)


def test_a_second_run_skips_what_is_finished(ceair):
    photo("in/a.png")
    photo("in/b.png")
    assert ceair("in", "-o", "out")[0] == 0
    times = [Path(path).stat().st_mtime_ns for path in files("out")]
    photo("in/c.png")
    code, out, err = ceair("in", "-o", "out", "--json")
    document = json.loads(out)
    assert code == 0
    assert [image["status"] for image in document["images"]] == ["skipped", "skipped", "restored"]
    assert {key: document["totals"][key] for key in ("restored", "skipped", "failed")} == {
        "restored": 1,
        "skipped": 2,
        "failed": 0,
    }
    assert "2 skipped" in err
    assert times == [Path(path).stat().st_mtime_ns for path in files("out")[:2]]


@pytest.mark.parametrize(
    "words", [("photos", "-o", "photos", "--suffix", "-r"), ("photos/*.png", "-o", "photos/", "--suffix", "-r")]
)
def test_a_second_run_knows_results_beside_their_photos(ceair, words):
    photo("photos/a.png")
    photo("photos/b.png")
    assert ceair(*words)[0] == 0
    Path("photos/b-r.png").unlink()
    code, out, _ = ceair(*words, "--json")
    assert code == 0
    assert [one["status"] for one in json.loads(out)["images"]] == ["skipped", "restored"]
    assert files() == ["photos/a-r.png", "photos/a.png", "photos/b-r.png", "photos/b.png"]


def test_a_second_run_of_a_glob_leaves_out_results_below_it(ceair):
    photo("photos/a.png")
    photo("photos/more/b.png")
    for _ in range(2):
        assert ceair("photos/**/*.png", "-o", "photos/out/")[0] == 0
        assert files("photos/out") == ["photos/out/a.png", "photos/out/b.png"]


def test_what_a_format_loses_is_told(ceair):
    photo("a.png", dpi=(300, 300))
    write_picture(Path("deep.png"), Picture(np.full((5, 6, 3), 65535, np.uint16)))
    code, out, err = ceair("deep.png", "-o", "deep.jpg", "--json")
    assert code == 0
    assert json.loads(out)["images"][0]["notes"] == ["reduced to 8 bits per channel, as JPEG holds no more"]
    assert "reduced to 8 bits" in err
    assert json.loads(ceair("deep.png", "-o", "copy.png", "--json")[1])["images"][0]["notes"] == []


def test_the_json_document_says_what_became_of_each_file(ceair):
    photo("in/a.png", (20, 24))
    Path("in/b.jpg").write_bytes(b"")
    code, out, err = ceair("in", "-o", "out", "--json")
    good, bad = json.loads(out)["images"]
    assert code == 1
    assert (good["input"], good["output"], good["width"], good["height"]) == ("in/a.png", "out/a.png", 24, 20)
    assert good["seconds"] > 0
    assert bad["status"] == "failed"
    assert bad["error"] in err


def test_unreadable_files_get_a_line_each_and_the_others_are_done(ceair):
    photo("in/good.png")
    Path("in/empty.png").write_bytes(b"")
    Path("in/text.jpg").write_text("no image\n" * 5)
    photo("in/truncated.jpg", (64, 64))
    Path("in/truncated.jpg").write_bytes(Path("in/truncated.jpg").read_bytes()[:900])
    photo("in/truncated.tif", (64, 64))
    Path("in/truncated.tif").write_bytes(Path("in/truncated.tif").read_bytes()[:900])
    code, _, err = ceair("in", "gone.png", "-o", "out")
    assert code == 1
    assert files("out") == ["out/good.png"]
    for name in ("empty.png", "text.jpg", "truncated.jpg", "truncated.tif", "gone.png"):
        assert sum(name in line for line in err.splitlines()) == 1
    assert len(err.splitlines()) == 7, "five failures, one success, one summary"
    assert "Traceback" not in err


def test_globs_are_expanded_and_links_and_doubles_counted_once(ceair):
    for name in ("a1.png", "a2.jpg", "b1.png", "deep/er/a3.png"):
        photo(f"in/{name}")
    Path("in/a.txt").write_text("no image")
    assert ceair("in/a*", "in/a1.png", "-o", "out")[0] == 0
    assert files("out") == ["out/a1.png", "out/a2.jpg"]
    assert ceair("in/**/a3.png", "-o", "single.png")[0] == 0
    assert Path("single.png").is_file()
    photo("odd[1].png")
    assert ceair("odd[1].png", "-o", "odd/")[0] == 0
    assert files("odd") == ["odd/odd[1].png"]


def test_folders_of_folders_only_on_request(ceair):
    for name in ("a.png", "deep/a.png", ".hidden.png", ".cache/a.png"):
        photo(f"in/{name}")
    assert ceair("in", "-o", "out")[0] == 0
    assert files("out") == ["out/a.png"]
    for _ in range(2):  # results inside the input folder are no inputs of the next run
        assert ceair("in", "-o", "in/out", "--recursive")[0] == 0
        assert files("in/out") == ["in/out/a.png", "in/out/deep/a.png"]


def test_usage_errors_end_before_any_work(ceair):
    photo("one/a.png")
    photo("two/a.png")
    Path("empty").mkdir()
    Path("file").write_text("")
    for words, hint in (
        (("one/a.png", "two/a.png", "-o", "out"), "both"),
        (("empty", "-o", "out"), "no image matches"),
        (("*.tif", "-o", "out"), "no image matches"),
        (("gone.png", "-o", "b.png"), "no image matches"),
        (("one", "-o", "file"), "is a file"),
        (("one/a.png", "-o", "result"), "result/"),
        (("one/a.png", "-o", "b.gif"), "ends in none"),
        (("one", "-o", "out", "--suffix", "/x"), "--suffix is put into names"),
    ):
        code, out, err = ceair(*words)
        assert (code, out) == (2, ""), words
        assert hint in " ".join(err.split())
    assert files() == ["file", "one/a.png", "two/a.png"]


def test_depth_alpha_grey_profile_and_orientation_survive(ceair):
    random = np.random.default_rng(0).integers(0, 65536, (9, 7, 3), np.uint16)
    grey, coarse = random[..., :1], (random >> 8).astype(np.uint8)
    pictures = {
        "rgb.png": Picture(random),
        "rgba.tif": Picture(random, alpha=random[..., 0]),
        "grey.tif": Picture(grey),
        "la.png": Picture(grey, alpha=random[..., 1]),
        "la8.png": Picture(coarse[..., :1], alpha=coarse[..., 1]),
    }
    Path("in").mkdir()
    for name, picture in pictures.items():
        write_picture(Path("in", name), picture)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo("in/turned.jpg", (20, 40), exif=exif.tobytes())
    assert ceair("in", "-o", "out")[0] == 0
    for name in pictures:
        source, result = read_picture(Path("in", name)), read_picture(Path("out", name))
        assert (source.depth, source.grey) == (result.depth, result.grey)
        assert np.allclose(source.pixels, result.pixels, atol=1 / (2**source.depth - 1))
        assert source.alpha is None or np.array_equal(source.alpha, result.alpha)
    with Image.open("out/turned.jpg") as image:
        assert image.size == (20, 40)
        assert image.getexif().get(0x0112, 1) == 1


def test_what_is_asked_for_reaches_what_restores(ceair, monkeypatch):
    asked = {}

    def load(_, device, engine, precision, **options):
        asked.update(options, device=device, engine=engine, precision=precision)
        raise CeairError("enough")

    monkeypatch.setattr("ceair.restore.Restorer.from_pretrained", load)
    photo("a.png")
    words = ("--device", "cpu", "--engine", "torch", "--precision", "fp32", "--tile", "256", "--memory", "2GB")
    assert ceair("a.png", "-o", "b.png", *words, "--compile", "--strength", "0.25", "--cautious", "--ensemble")[0] == 1
    assert asked == {
        "device": "cpu", "engine": "torch", "precision": "fp32", "tile": 256, "memory": 2_000_000_000,
        "compiled": True, "strength": 0.25, "cautious": True, "ensemble": True,
    }  # fmt: skip


def test_the_quality_reaches_the_file(ceair):
    photo("a.png", (64, 64))
    for quality in ("20", "95"):
        assert ceair("a.png", "-o", f"{quality}.jpg", "--quality", quality)[0] == 0
    assert 2 * Path("20.jpg").stat().st_size < Path("95.jpg").stat().st_size


def test_nothing_partial_is_left_when_writing_fails(ceair, monkeypatch):
    photo("in/a.png")
    photo("in/b.png")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    code, _, err = ceair("in", "-o", "out")
    assert code == 1
    assert err.count("No space left on device") == 2
    assert not files("out")


def test_running_out_of_memory_fails_one_file_only(ceair, monkeypatch):
    from ceair.restore import Restorer

    photo("in/a.png", (8, 8))
    photo("in/b.png", (16, 16))
    run = Restorer.restore_picture

    def restore_picture(self, picture, progress=None):
        if picture.samples.shape[1] == 8:
            raise RuntimeError("out of memory\nmore about it")
        return run(self, picture, progress)

    monkeypatch.setattr(Restorer, "restore_picture", restore_picture)
    code, _, err = ceair("in", "-o", "out")
    assert code == 1
    assert "cannot restore in/a.png: out of memory more about it" in err
    assert files("out") == ["out/b.png"]


def test_interrupting_ends_in_130_and_leaves_whole_files(ceair, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    photo("in/a.png")
    monkeypatch.setattr("ceair.restore.Restorer.restore_picture", interrupt)
    assert ceair("in", "-o", "out")[0] == 130
    assert not files("out")


def test_weights_and_devices_that_are_not_there_are_named_in_one_line(ceair):
    photo("a.png")
    code, _, err = ceair("a.png", "-o", "b.png", "--device", "gpu")
    assert (code, err.count("\n")) == (1, 1)
    assert "gpu" in err


def test_help_does_not_import_torch():
    code = "import sys; sys.argv = ['ceair', 'restore', '--help']\nfrom ceair.cli import main\n"
    code += "try:\n    main()\nfinally:\n    sys.exit(bool({'torch', 'PIL', 'numpy', 'cv2'} & set(sys.modules)))"
    environment = os.environ | {"PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--overwrite" in done.stdout
