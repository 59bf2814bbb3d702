"""`ceair degrade` as a user calls it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from ceair.cli.degrade import With
from ceair.data.cdd_open import SUBSETS
from ceair.degradations import DEGRADATIONS
from ceair.image import Picture, write_picture


@pytest.fixture
def ceair(ceair, monkeypatch, tmp_path):
    """Runs `ceair degrade` in a folder of its own with two photos in `in`: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    photo("in/a.png")
    photo("in/b.bmp", seed=1)
    return lambda *words: ceair("degrade", *words)


def photo(path, size=(40, 48), seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC).save(path)


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_the_help_names_every_degradation_in_their_order():
    _, option = get_args(With)
    assert f"Any of {', '.join(DEGRADATIONS)};" in option.help


def test_a_mixture_with_maps_and_a_manifest(ceair):
    code, out, err = ceair(
        "in", "-o", "out", "--with", "haze,rain", "--severity", "rain=0.3,haze=0.6", "--uneven", "haze=left", "--maps"
    )
    assert (code, out) == (0, "")
    assert err == "2 made, 0 failed, 0 skipped\n"
    made = {f"{name}.png" for name in "ab"}
    maps = {f"maps/{name}_{part}.png" for name in "ab" for part in ("rain", "haze")}
    assert set(contents("out")) == made | maps | {"manifest.json"}
    haze, rain = pixels("out/maps/a_haze.png"), pixels("out/maps/a_rain.png")
    assert haze.dtype == np.uint8
    assert haze.shape == (40, 48)
    assert (haze[:, 0] == 153).all()
    assert (haze[:, -1] == 0).all()
    assert (rain == 76).all()
    entry, other = json.loads(Path("out/manifest.json").read_text())["images"]
    assert (entry["input"], other["input"]) == ("a.png", "b.bmp")
    assert entry["input_sha256"] == hashlib.sha256(Path("in/a.png").read_bytes()).hexdigest()
    assert entry["sha256"] == hashlib.sha256(pixels("in/a.png").tobytes()).hexdigest()
    assert entry["outputs"] == [{"file": "a.png", "sha256": hashlib.sha256(pixels("out/a.png").tobytes()).hexdigest()}]
    settings = json.loads(Path("out/manifest.json").read_text())["settings"]
    assert settings["degradations"]["haze"] == {"severity": 0.6, "spread": "left"}


def test_order_and_company_do_not_matter(ceair):
    ceair("in", "-o", "both", "--with", "noise,low_light,snow", "--uneven", "smooth")
    ceair("in/b.bmp", "-o", "alone", "--with", "snow, low_light,noise", "--uneven", "smooth")
    assert np.array_equal(pixels("both/b.png"), pixels("alone/b.png"))
    ceair("in/b.bmp", "-o", "other", "--with", "snow,low_light,noise", "--uneven", "smooth", "--seed", "1")
    assert not np.array_equal(pixels("both/b.png"), pixels("other/b.png"))


def test_cdd_open_has_the_folders_of_cdd_11(ceair):
    code, out, _ = ceair("in", "-o", "out", "--preset", "cdd-open", "--json", "--maps")
    assert code == 0
    images = {f"{subset}/{name}.png" for subset in ("clear", *SUBSETS) for name in "ab"}
    files = set(contents("out"))
    assert {file for file in files if not file.startswith("maps/")} == images | {"manifest.json"}
    assert "maps/rain_left_snow_right/a_snow.png" in files
    document = json.loads(out)
    assert document == json.loads(Path("out/manifest.json").read_text())
    assert document["settings"] == {"preset": "cdd-open", "version": 1, "seed": 0, "maps": True}
    for made in document["images"][0]["outputs"]:
        assert made["sha256"] == hashlib.sha256(pixels(f"out/{made['file']}").tobytes()).hexdigest()
    assert np.array_equal(pixels("out/clear/b.png"), pixels("in/b.bmp"))


def test_a_second_run_skips_and_a_broken_off_one_goes_on(ceair):
    words = ("in", "-o", "out", "--preset", "cdd-open")
    ceair(*words)
    before = contents("out")
    assert "0 made, 0 failed, 2 skipped" in ceair(*words)[2]
    Path("out/snow/a.png").unlink()
    assert "1 made, 0 failed, 1 skipped" in ceair(*words)[2]
    Path("out/manifest.json").unlink()
    assert "2 made, 0 failed, 0 skipped" in ceair(*words)[2]
    assert contents("out") == before


def broken_off(where, number):
    """`ceair degrade`, which a signal reaches while `out/b.png` is written: exit code and stderr."""
    script = f"""
import os, sys
import ceair.cli.degrade as command
import ceair.cli.manifest as manifest
from ceair.cli import main
from ceair.files import open_atomically
write, manifest.SAVED_EVERY = command._write, {0 if number == signal.SIGKILL else 1000}
def broken_off(path, image):
    if path.name == "b.png":
        with open_atomically(path):
            os.kill(os.getpid(), {int(number)})
    write(path, image)
command._write = broken_off
sys.argv = ["ceair", "degrade", "in", "-o", "out", "--with", "rain"]
main()
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=where, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("number", "code", "known", "then"),
    [
        (signal.SIGTERM, 143, ["a.png", "b.bmp"], "1 made, 0 failed, 2 skipped"),
        (signal.SIGINT, 130, ["a.png", "b.bmp"], "1 made, 0 failed, 2 skipped"),
        (signal.SIGKILL, -9, ["a.png"], "2 made, 0 failed, 1 skipped"),
    ],
)
def test_a_job_that_a_signal_ends_goes_on_where_it_was(ceair, tmp_path, number, code, known, then):
    photo("in/c.png", seed=2)
    ended, told = broken_off(tmp_path, number)
    assert ended == code, told
    assert number == signal.SIGKILL or told == "2 made, 0 failed, 0 skipped\n"
    assert [image["input"] for image in json.loads(Path("out/manifest.json").read_text())["images"]] == known
    assert any(name.endswith(".part") for name in contents("out")) == (number == signal.SIGKILL)
    assert then in ceair("in", "-o", "out", "--with", "rain")[2]
    ceair("in", "-o", "whole", "--with", "rain")
    assert contents("out") == contents("whole")


def test_a_manifest_of_other_settings_is_gone_once_a_file_is_replaced(ceair, monkeypatch):
    rain, snow = ("in", "-o", "out", "--with", "rain"), ("in", "-o", "out", "--with", "snow", "--maps", "--overwrite")
    ceair(*rain)

    def broken_off(path, image):
        if path.parent.name == "maps":
            raise KeyboardInterrupt
        write_picture(path, Picture(image))

    with monkeypatch.context() as patch:
        patch.setattr("ceair.cli.degrade._write", broken_off)
        assert ceair(*snow)[0] == 130
    code, _, err = ceair(*rain)
    assert (code, "holds images of other settings" in err) == (1, True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems allow no such names")
@pytest.mark.parametrize("what", [("--with", "rain"), ("--preset", "cdd-open")])
def test_names_that_are_no_utf_8_are_names(ceair, what):
    Path("in/a.png").rename(os.fsdecode(b"in/x\xff.png"))
    Path(os.fsdecode(b"in/y\xff.png")).write_bytes(b"no image")
    code, out, err = ceair("in", "-o", "out", *what, "--json")
    assert (code, len(err.splitlines())) == (1, 2)
    assert "2 made, 1 failed" in err
    assert [image["input"] for image in json.loads(out)["images"]] == ["b.bmp", os.fsdecode(b"x\xff.png")]
    assert "0 made, 1 failed, 2 skipped" in ceair("in", "-o", "out", *what)[2]


def test_nothing_is_replaced_unasked(ceair):
    photo("out/a.png", seed=5)
    before = contents("out")["a.png"]
    code, _, err = ceair("in", "-o", "out", "--with", "rain")
    assert code == 1
    assert "out/a.png exists" in err
    assert contents("out")["a.png"] == before
    code, _, err = ceair("in", "-o", "out", "--with", "snow")
    assert code == 1
    assert "other settings" in err
    assert ceair("in", "-o", "out", "--with", "snow", "--overwrite")[0] == 0
    assert contents("out")["a.png"] != before


def test_a_damaged_image_fails_alone(ceair):
    Path("in/c.png").write_bytes(b"no image")
    code, _, err = ceair("in", "missing.png", "-o", "out", "--with", "jpeg", "--severity", "1")
    assert code == 1
    assert "2 made, 2 failed, 0 skipped" in err
    assert "in/c.png" in err
    assert "missing.png" in err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "--with"),
        (["--with", "rain", "--preset", "cdd-open"], "--with"),
        (["--with", "hail"], "low_light"),
        (["--with", "rain", "--severity", "2"], "--severity"),
        (["--with", "rain", "--severity", "haze=0.2"], "--severity"),
        (["--with", "rain", "--uneven", "top"], "--uneven"),
        (["--preset", "cdd-open", "--uneven", "left"], "--uneven"),
    ],
)
def test_usage(ceair, words, hint):
    code, _, err = ceair("in", "-o", "out", *words)
    assert code == 2
    assert hint in err
    assert not Path("out").exists()


def test_inputs_are_safe(ceair):
    before = contents("in")
    assert ceair("in", "-o", "in", "--with", "rain", "--overwrite")[0] == 2
    assert contents("in") == before
    photo("in/a.bmp")
    code, _, err = ceair("in", "-o", "out", "--with", "rain")
    assert code == 2
    assert "both be written" in err


def test_help_needs_no_torch():
    check = "import sys, ceair.cli; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
