"""The parts of the page without a page: results, manners, making worse, figures, texts."""

import io
import shutil
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from ceair.caution import load_caution
from ceair.checkpoint import find_weights
from ceair.cli.serve import _manners
from ceair.errors import CeairError, WeightsError
from ceair.image import Picture, read_picture, write_picture
from ceair.web import html
from ceair.web.actions import NothingThereError
from ceair.web.allowance import Allowance, readable_bytes, readable_pixels
from ceair.web.examples import EXAMPLES, PHOTOS
from ceair.web.figures import compare
from ceair.web.manners import CAUTIOUS, ENSEMBLE, Manners
from ceair.web.sessions import Session
from ceair.web.worse import command


@pytest.mark.parametrize("name", ["a.jpg", "b.png", "c.tif", "d.webp", "e.bmp"])
def test_a_result_is_the_file_that_the_command_would_write(actions, tmp_path, name, photo, restore, stand_in):
    exif = Image.Exif()
    exif[0x013B] = "somebody"
    session, source = Session(), photo(tmp_path / name, **({} if name.endswith("bmp") else {"exif": exif}))
    assert actions.take(session, [source]) == []
    (done,) = restore(session)
    expected = tmp_path / "out" / name
    write_picture(expected, stand_in().restore_picture(read_picture(source), lambda *_: None))
    assert done.result.read_bytes() == expected.read_bytes()


def test_sixteen_bits_and_transparency_stay_and_can_be_shown(actions, tmp_path, pixels, restore):
    samples = np.random.default_rng(0).integers(0, 2**16, (30, 20, 3)).astype(np.uint16)
    write_picture(tmp_path / "deep.png", Picture(samples, alpha=samples[..., 0]))
    session = Session()
    actions.take(session, [tmp_path / "deep.png"])
    (done,) = restore(session)
    result = read_picture(done.result)
    assert (result.depth, result.alpha is not None) == (16, True)
    assert pixels(done.before).shape == pixels(done.after).shape == (30, 20, 4)


def test_several_photos_are_bundled_and_bad_ones_named(actions, tmp_path, photo, pixels, restore):
    (tmp_path / "notes.txt").write_text("no image")
    paths = [photo(tmp_path / "x" / "a.png"), photo(tmp_path / "y" / "a.png", seed=1), tmp_path / "notes.txt"]
    session = Session()
    refused = actions.take(session, [*paths, photo(tmp_path / "b.png")])
    assert ["notes.txt: it is no JPEG" in refused[0], "1 photos were left out" in refused[1]] == [True, True]
    restore(session)
    actions.bundle(session)
    with zipfile.ZipFile(session.roll.bundle) as archive:
        assert archive.namelist() == ["a-restored.png", "a-restored (2).png"]
        first = pixels(io.BytesIO(archive.read("a-restored.png")))
    assert np.array_equal(first, pixels(session.roll.photos[0].result))


def test_photos_are_restored_again_in_another_manner(tmp_path, actions, photo, pixels, restore):
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png"), photo(tmp_path / "b.png", seed=1)])
    session.roll.photos[0].truth = truth = pixels(tmp_path / "a.png")
    before = restore(session)
    for manner, levels in (((ENSEMBLE,), 50), ((CAUTIOUS,), 20), ((CAUTIOUS, ENSEMBLE), 30), ((), 40)):
        actions.take_again(session)
        list(actions.restore(session, 1.0, lambda *_: None, manner))
        assert [one.name for one in session.roll.photos] == ["a.png", "b.png"]
        for one in session.roll.photos:
            expected = np.minimum(pixels(tmp_path / one.name).astype(int) + levels, 255)
            assert np.array_equal(pixels(one.result), expected)
        assert session.roll.photos[0].truth is truth
    until = time.monotonic() + 20
    while any(one.folder.shown.exists() for one in before) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(one.folder.shown.exists() or one.folder.kept.exists() for one in before)


def test_photos_that_are_gone_are_not_restored_again(tmp_path, actions, photo):
    session = Session()
    with pytest.raises(NothingThereError):
        actions.take_again(session)
    actions.take(session, [photo(tmp_path / "a.png")])
    roll = session.roll
    roll.photos[0].folder.remove()
    folders = set(tmp_path.rglob("*"))
    with pytest.raises(NothingThereError):
        actions.take_again(session)
    assert session.roll is roll
    assert set(tmp_path.rglob("*")) == folders, "lambda *_: None is left of the attempt"


def test_without_a_judge_nobody_is_cautious(stand_in):
    assert [name for _, name in Manners(load_caution("ceair-t")).choices] == [CAUTIOUS, ENSEMBLE]
    assert [name for _, name in Manners().choices] == [ENSEMBLE]
    assert Manners().apply(stand_in(), [CAUTIOUS]).levels == 40


def test_why_the_page_does_not_offer_caution_is_said(tmp_path, capsys):
    weights = tmp_path / "own.safetensors"
    shutil.copyfile(find_weights("ceair-t"), weights)
    weights.with_suffix(".caution.json").write_text("{")
    assert _manners(str(weights), False, True) == Manners(None, [ENSEMBLE])
    assert "does not offer caution" in (said := capsys.readouterr().err)
    assert "damaged" in said
    with pytest.raises(WeightsError, match="damaged"):
        _manners(str(weights), True, False)


def test_nothing_is_left_of_photos_that_could_not_all_be_taken_again(tmp_path, actions, monkeypatch, photo):
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png"), photo(tmp_path / "b.png")])
    files = set(tmp_path.rglob("*"))

    def fail(*_):
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as full:
        full.setattr("os.link", fail)
        full.setattr("shutil.copyfile", fail)
        with pytest.raises(OSError, match="no space left"):
            actions.take_again(session)
    assert set(tmp_path.rglob("*")) == files
    session.roll.photos[1].folder.remove()
    files = set(tmp_path.rglob("*"))
    with pytest.raises(NothingThereError):
        actions.take_again(session)
    assert set(tmp_path.rglob("*")) == files


def test_worse_is_what_the_command_makes(actions, tmp_path, photo, pixels, restore):
    from ceair.data.degraded import Part, degrade

    session, source = Session(), photo(tmp_path / "my photo.png", (64, 80))
    actions.allowance = Allowance()
    actions.take_clean(session, source)
    worse, _ = actions.make_worse(session, {"rain": 0.4, "noise": 0.0, "haze": 0.25}, "left", 7)
    parts = {"rain": Part(0.4, "left"), "haze": Part(0.25, "left")}
    expected = degrade(pixels(source), parts, "my photo", 7)
    assert np.array_equal(pixels(worse.degraded), expected.image)
    line = command(worse.name, {"rain": 0.4, "noise": 0.0, "haze": 0.25}, "left", 7)
    words = "--with rain,haze --severity rain=0.4,haze=0.25 --uneven left --seed 7"
    assert line == f"ceair degrade 'my photo.png' -o degraded/ {words}"
    actions.take_worse(session)
    (done,) = restore(session)
    assert done.figures.truth is not None


def test_the_degraded_version_before_stays_while_it_may_be_downloaded(actions, tmp_path, photo):
    session = Session()
    actions.allowance = Allowance()
    actions.take_clean(session, photo(tmp_path / "photo.png", (32, 32)))
    versions = [actions.make_worse(session, {"rain": 0.5}, "even", seed)[1] for seed in range(3)]
    assert [version.exists() for version in versions] == [False, True, True]


def test_worse_shrinks_large_photos_and_needs_one(actions, tmp_path, photo):
    actions.allowance = Allowance()
    session = Session()
    with pytest.raises(NothingThereError):
        actions.make_worse(session, {"rain": 0.5}, "even", 0)
    worse = actions.take_clean(session, photo(tmp_path / "wide.png", (40, 2000)))
    assert (worse.shrunk, worse.clean.shape) == (True, (32, 1600, 3))


def test_figures_say_what_changed():
    flat = Picture(np.full((300, 40, 3), 100, np.uint8))
    noisy = Picture(np.clip(100 + np.random.default_rng(0).normal(0, 10, (300, 40, 3)), 0, 255).astype(np.uint8))
    found = compare(noisy, flat, truth=flat.samples)
    assert found.after == compare(flat, flat).before
    assert (found.after.brightness, found.after.grain) == (pytest.approx(100), 0)
    assert found.before.grain == pytest.approx(10 * np.sqrt(0.299**2 + 0.587**2 + 0.114**2), rel=0.1)
    assert found.change == pytest.approx(np.abs(noisy.samples.astype(float) - 100).mean())
    assert found.truth[1] == float("inf")
    assert compare(flat, flat).changed == 0
    deep = Picture(noisy.samples.astype(np.uint16) * 257)
    assert compare(deep, Picture(flat.samples.astype(np.uint16) * 257)).change == pytest.approx(found.change)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (257, 2)])
def test_figures_of_tiny_images_are_numbers(size):
    one = Picture(np.zeros((*size, 1), np.uint8))
    assert compare(one, one).before.grain == 0


def test_names_are_escaped():
    evil = "<img src=x onerror=alert(1)>.png"
    for text in (html.note(evil), html.errors([evil]), html.title(evil, "a", "b"), html.code(evil)):
        assert "<img" not in text


def test_examples_are_all_there(actions, restore):
    assert len(list(PHOTOS.glob("*.jpg"))) == 4
    actions.allowance = Allowance()
    for example in EXAMPLES:
        assert example.clean.exists()
        assert example.small.exists()
    session = Session()
    actions.take_example(session, len(EXAMPLES) - 1)
    (done,) = restore(session)
    assert done.figures.truth is not None


def test_amounts_are_readable():
    texts = ["999 bytes", "64 MB", "1.23 MB", "4 GB"]
    assert [readable_bytes(number) for number in (999, 64_000_000, 1_234_567, 4 * 10**9)] == texts
    assert [readable_pixels(n) for n in (40_000_000, 240_000)] == ["40 megapixels", "0.24 megapixels"]


def test_errors_are_sentences():
    assert "Cannot read a.txt: it is no image." in html.errors(["cannot read a.txt: it is no image"])
    assert "photo.jpg has 9 pixels." in html.errors(["photo.jpg has 9 pixels"])
    assert isinstance(NothingThereError(), CeairError)
