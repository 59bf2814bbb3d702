"""The parts of the page without a page: photos, figures, sessions, making worse, the texts."""

import io
import shutil
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ceair.caution import load_caution
from ceair.checkpoint import find_weights
from ceair.cli.serve import _manners
from ceair.errors import CeairError, ImageError, WeightsError
from ceair.image import Picture, read_picture, write_picture
from ceair.restore import Restorer
from ceair.web import html
from ceair.web.actions import Actions, NothingThereError
from ceair.web.allowance import Allowance, readable_bytes, readable_pixels
from ceair.web.examples import EXAMPLES, PHOTOS
from ceair.web.figures import compare
from ceair.web.folder import Folder, server_folder
from ceair.web.manners import CAUTIOUS, ENSEMBLE, Manners
from ceair.web.photo import blend, check
from ceair.web.sessions import GRACE, UNTAKEN, JobEndedError, Session, Sessions
from ceair.web.worse import command


class Brightener(Restorer):
    """Stands for a restorer: makes everything 40 levels brighter, in three steps, and counts its runs.

    With self-ensemble it is 10 levels more, with caution 20 less.
    """

    def __init__(self, levels: int = 40) -> None:
        self.runs, self.levels = 0, levels

    def varied(self, caution=None, ensemble=False) -> "Brightener":
        return Brightener(40 + 10 * ensemble - 20 * (caution is not None)) if caution or ensemble else self

    def restore_picture(self, picture: Picture, progress=None) -> Picture:
        self.runs += 1
        for share in (0.3, 0.6, 1.0):
            progress(share)
        unit = 257 if picture.depth == 16 else 1
        top = 65535 if picture.depth == 16 else 255
        brighter = np.minimum(picture.samples.astype(np.int64) + self.levels * unit, top)
        return picture.with_samples(brighter.astype(picture.samples.dtype))


@pytest.fixture
def allowance() -> Allowance:
    return Allowance(upload=200_000, pixels=10_000, files=3, seconds=60)


@pytest.fixture
def actions(tmp_path, allowance):
    folder = Folder(tmp_path / "shown", tmp_path / "kept")
    folder.shown.mkdir()
    folder.kept.mkdir()
    return Actions(Brightener(), Sessions(folder, allowance), allowance, Manners(load_caution("ceair-t")))


def photo(path: Path, size=(40, 60), seed=0, **saving) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(path, **saving)
    return path


def nothing(*_) -> None:
    pass


def pixels(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def restored(actions, session, strength=1.0, tell=nothing):
    list(actions.restore(session, strength, tell))
    return session.roll.photos


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_blend_ends_in_both_images_and_lies_between_them(kind):
    generator = np.random.default_rng(0)
    first, second = (generator.integers(0, np.iinfo(kind).max, (50, 30, 3)).astype(kind) for _ in range(2))
    assert np.array_equal(blend(first, second, 0), first)
    assert np.array_equal(blend(first, second, 1), second)
    half = blend(first, second, 0.5).astype(np.int64)
    assert np.abs(2 * half - first - second.astype(np.int64)).max() <= 1


def test_strength_is_blended_without_running_the_network_again(actions, tmp_path):
    session, source = Session(), photo(tmp_path / "a.png")
    actions.take(session, [source])
    (done,) = restored(actions, session)
    bright, first = pixels(done.result), done.result
    assert np.array_equal(bright, np.minimum(pixels(source).astype(int) + 40, 255))
    before = pixels(source).astype(int)
    for strength in (0.5, 0.0, 1.0):
        actions.change_strength(session, strength)
        assert np.abs(pixels(done.result) - (before + strength * (bright - before))).max() <= 0.5
        assert done.result.name == "a-restored.png"
    assert np.array_equal(pixels(done.result), bright)
    assert actions.restorer.runs == 1
    assert not first.exists(), "old results are deleted"


@pytest.mark.parametrize("name", ["a.jpg", "b.png", "c.tif", "d.webp", "e.bmp"])
def test_a_result_is_the_file_that_the_command_would_write(actions, tmp_path, name):
    exif = Image.Exif()
    exif[0x013B] = "somebody"
    session, source = Session(), photo(tmp_path / name, **({} if name.endswith("bmp") else {"exif": exif}))
    assert actions.take(session, [source]) == []
    (done,) = restored(actions, session)
    expected = tmp_path / "out" / name
    write_picture(expected, Brightener().restore_picture(read_picture(source), nothing))
    assert done.result.read_bytes() == expected.read_bytes()


def test_sixteen_bits_and_transparency_stay_and_can_be_shown(actions, tmp_path):
    samples = np.random.default_rng(0).integers(0, 2**16, (30, 20, 3)).astype(np.uint16)
    write_picture(tmp_path / "deep.png", Picture(samples, alpha=samples[..., 0]))
    session = Session()
    actions.take(session, [tmp_path / "deep.png"])
    (done,) = restored(actions, session)
    result = read_picture(done.result)
    assert (result.depth, result.alpha is not None) == (16, True)
    assert pixels(done.before).shape == pixels(done.after).shape == (30, 20, 4)


def test_several_photos_are_bundled_and_bad_ones_named(actions, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    paths = [photo(tmp_path / "x" / "a.png"), photo(tmp_path / "y" / "a.png", seed=1), tmp_path / "notes.txt"]
    session = Session()
    refused = actions.take(session, [*paths, photo(tmp_path / "b.png")])
    assert ["notes.txt: it is no JPEG" in refused[0], "1 photos were left out" in refused[1]] == [True, True]
    restored(actions, session)
    actions.bundle(session)
    with zipfile.ZipFile(session.roll.bundle) as archive:
        assert archive.namelist() == ["a-restored.png", "a-restored (2).png"]
        first = pixels(io.BytesIO(archive.read("a-restored.png")))
    assert np.array_equal(first, pixels(session.roll.photos[0].result))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text("hello"), "it is no JPEG, PNG, WebP, TIFF or BMP image"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: photo(path, (200, 300)), "has 300x200 pixels, more than the 0.01 megapixels"),
        (lambda path: path.write_bytes(b"x" * 200_001), "has 200 kB; this page takes at most 200 kB per file"),
        (lambda path: path.write_bytes(photo(path, (90, 90)).read_bytes()[:9000]), "truncated"),
        (lambda path: path.write_bytes(_claims(60_000, 60_000)), "pixels"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_one_plain_sentence(tmp_path, allowance, make, words):
    path = tmp_path / "image.png"
    make(path)
    with pytest.raises(ImageError) as caught:
        check(path, path.name, allowance)
    assert words in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_photos_with_something_behind_them_are_taken(tmp_path, actions, name):
    path = photo(tmp_path / name)
    path.write_bytes(path.read_bytes() + bytes(5000))
    session = Session()
    assert actions.take(session, [path]) == []
    assert restored(actions, session)[0].error is None


def test_a_photo_with_a_huge_colour_profile_is_taken(tmp_path, allowance):
    path = photo(tmp_path / "a.png", icc_profile=bytes(2 << 20))
    check(path, path.name, allowance)


@pytest.mark.parametrize(("name", "icc"), [("a.jpg", 0), ("a.png", 0), ("b.png", 2 << 20)])
@pytest.mark.parametrize("change", [lambda content: content + bytes(2000), lambda content: content[:-2000]])
def test_photos_with_too_many_pixels_are_never_decoded(tmp_path, allowance, monkeypatch, name, icc, change):
    path = photo(tmp_path / name, (120, 130), icc_profile=bytes(icc))
    path.write_bytes(change(path.read_bytes()))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(ImageError, match="has 130x120 pixels, more than"):
        check(path, path.name, allowance)


def _claims(width: int, height: int) -> bytes:
    """A PNG that says that it is so large."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_a_job_ends_at_its_time_limit_and_says_so(tmp_path, actions):
    actions.allowance = Allowance(seconds=0.05)
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png"), photo(tmp_path / "b.png")])
    photos = restored(actions, session, tell=lambda *_: time.sleep(0.06))
    assert [one.result for one in photos] == [None, None]
    assert "longer than the 0.05 seconds" in photos[0].error


def test_a_full_server_says_so(tmp_path, actions):
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png")])
    (tmp_path / "more").mkdir()
    actions.sessions = Sessions(Folder(tmp_path / "more", tmp_path / "kept"), Allowance(disk=100))
    assert "no room left" in restored(actions, session)[0].error


def test_stopping_keeps_what_is_done(tmp_path, actions):
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png"), photo(tmp_path / "b.png")])
    for _ in actions.restore(session, 1.0, nothing):
        session.roll.stopped.set()
    assert [one.result is not None for one in session.roll.photos] == [True, False]


def test_photos_are_restored_again_in_another_manner(tmp_path, actions):
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png"), photo(tmp_path / "b.png", seed=1)])
    session.roll.photos[0].truth = truth = pixels(tmp_path / "a.png")
    before = restored(actions, session)
    for manner, levels in (((ENSEMBLE,), 50), ((CAUTIOUS,), 20), ((CAUTIOUS, ENSEMBLE), 30), ((), 40)):
        actions.take_again(session)
        list(actions.restore(session, 1.0, nothing, manner))
        assert [one.name for one in session.roll.photos] == ["a.png", "b.png"]
        for one in session.roll.photos:
            expected = np.minimum(pixels(tmp_path / one.name).astype(int) + levels, 255)
            assert np.array_equal(pixels(one.result), expected)
        assert session.roll.photos[0].truth is truth
    until = time.monotonic() + 20
    while any(one.folder.shown.exists() for one in before) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(one.folder.shown.exists() or one.folder.kept.exists() for one in before)


def test_photos_that_are_gone_are_not_restored_again(tmp_path, actions):
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
    assert set(tmp_path.rglob("*")) == folders, "nothing is left of the attempt"


def test_without_a_judge_nobody_is_cautious():
    assert [name for _, name in Manners(load_caution("ceair-t")).choices] == [CAUTIOUS, ENSEMBLE]
    assert [name for _, name in Manners().choices] == [ENSEMBLE]
    assert Manners().apply(Brightener(), [CAUTIOUS]).levels == 40


def test_why_the_page_does_not_offer_caution_is_said(tmp_path, capsys):
    weights = tmp_path / "own.safetensors"
    shutil.copyfile(find_weights("ceair-t"), weights)
    weights.with_suffix(".caution.json").write_text("{")
    assert _manners(str(weights), False, True) == Manners(None, [ENSEMBLE])
    assert "does not offer caution" in (said := capsys.readouterr().err)
    assert "damaged" in said
    with pytest.raises(WeightsError, match="damaged"):
        _manners(str(weights), True, False)


def test_nothing_is_left_of_photos_that_could_not_all_be_taken_again(tmp_path, actions, monkeypatch):
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


@pytest.fixture
def pair(tmp_path, actions) -> Session:
    """A session with two photos."""
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png"), photo(tmp_path / "b.png", seed=1)])
    return session


def bundled(session) -> list[np.ndarray]:
    with zipfile.ZipFile(session.roll.bundle) as archive:
        return [pixels(io.BytesIO(archive.read(name))) for name in archive.namelist()]


def blended(tmp_path, strength) -> list[np.ndarray]:
    originals = [pixels(tmp_path / name) for name in ("a.png", "b.png")]
    return [blend(one, np.minimum(one.astype(int) + 40, 255).astype(np.uint8), strength) for one in originals]


def test_a_strength_that_is_chosen_during_a_job_holds_for_all_its_photos(tmp_path, actions, pair):
    work = actions.restore(pair, 1.0, nothing)
    next(work)
    actions.change_strength(pair, 0.5)
    list(work)
    actions.bundle(pair)
    assert [one.strength for one in pair.roll.photos] == [0.5, 0.5]
    assert np.array_equal(bundled(pair), blended(tmp_path, 0.5))


def test_a_strength_that_is_chosen_before_the_first_photo_is_done_holds(actions, pair):
    actions.change_strength(pair, 0.5)
    assert [one.strength for one in restored(actions, pair)] == [0.5, 0.5]


def test_a_bundle_has_the_strength_that_was_chosen_while_the_last_photo_was_worked_on(tmp_path, actions, pair):
    moved = []

    def move(share, _):
        if share > 0.5 and not moved:
            moved.append(threading.Thread(target=actions.change_strength, args=(pair, 0.5)))
            moved[0].start()
            until = time.monotonic() + 20
            while pair.roll.strength is None and time.monotonic() < until:
                time.sleep(0.01)

    restored(actions, pair, tell=move)
    actions.bundle(pair)
    assert np.array_equal(bundled(pair), blended(tmp_path, 0.5))
    moved[0].join()
    assert np.array_equal(bundled(pair), blended(tmp_path, 0.5))


def test_a_download_of_a_bundle_is_not_disturbed_by_the_next(actions, pair):
    restored(actions, pair)
    actions.bundle(pair)
    content = pair.roll.bundle.read_bytes()
    with pair.roll.bundle.open("rb") as download:
        actions.change_strength(pair, 0.5)
        assert download.read() == content
    assert pair.roll.bundle.read_bytes() != content


def test_a_bundle_waits_for_the_work_and_is_not_made_of_photos_that_are_gone(tmp_path, actions, pair):
    restored(actions, pair)
    bundling = threading.Thread(target=actions.bundle, args=(pair,))
    with pair.roll.working:
        bundling.start()
        bundling.join(0.1)
        assert bundling.is_alive()
        pair.roll.ended.set()
        for one in pair.roll.photos:
            one.folder.remove()
    bundling.join()
    assert pair.roll.bundle is None
    assert not list(tmp_path.rglob("restored.zip"))


def test_new_photos_end_the_work_on_those_before_and_delete_them(tmp_path, actions):
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png")])
    old = session.roll
    work = actions.restore(session, 1.0, lambda *_: actions.take(session, [photo(tmp_path / "b.png")]))
    with pytest.raises(JobEndedError):
        list(work)
    assert session.roll.photos[0].name == "b.png"
    old.remove()
    assert not old.photos[0].folder.kept.exists()
    assert [one.name for one in restored(actions, session)] == ["b.png"]


def test_sessions_do_not_see_each_other_and_end(tmp_path, actions):
    sessions = actions.sessions
    mine, other = sessions.get("mine"), sessions.get("other")
    actions.take(mine, [photo(tmp_path / "a.png")])
    actions.take(other, [photo(tmp_path / "a.png")])
    restored(actions, mine)
    assert other.roll.photos[0].result is None
    folders = [session.roll.photos[0].folder for session in (mine, other)]
    now = time.monotonic()
    sessions.leave("mine")
    sessions.sweep(now + GRACE / 2)
    assert folders[0].kept.exists(), "a phone may sleep for a while"
    sessions.sweep(now + GRACE + 5)
    assert [folder.kept.exists() for folder in folders] == [False, True]
    assert sessions.get("other") is other
    sessions.sweep(time.monotonic() + actions.allowance.keep + 5)
    assert not folders[1].shown.exists()
    with pytest.raises(NothingThereError):
        actions.change_strength(sessions.get("mine"), 0.5)


def test_uploads_that_nobody_took_are_deleted(actions, monkeypatch):
    upload = photo(actions.sessions.uploads / "hash" / "a.png")
    session = actions.sessions.get("mine")
    actions.take(session, [upload])
    actions.sessions.sweep(time.monotonic())
    assert upload.exists()
    later = time.time() + UNTAKEN + 5
    monkeypatch.setattr("ceair.web.folder.time.time", lambda: later)
    actions.sessions.sweep(time.monotonic())
    assert not upload.exists()
    assert restored(actions, session)[0].result is not None, "whoever took it has it"


def test_leaving_waits_for_the_work_to_end(tmp_path, allowance):
    with server_folder() as folder:
        with Sessions(folder, allowance) as sessions:
            actions, session = Actions(Brightener(), sessions, allowance, Manners()), sessions.get("mine")
            actions.take(session, [photo(tmp_path / "a.png")])
            begun, errors = threading.Event(), []

            def tell(*_):
                begun.set()
                time.sleep(0.2)

            def work():
                try:
                    list(actions.restore(session, 1.0, tell))
                except JobEndedError as error:
                    errors.append(error)

            thread = threading.Thread(target=work)
            thread.start()
            begun.wait()
        assert not list(folder.kept.iterdir())
        thread.join()
        assert errors
    assert not folder.shown.parent.exists()


def test_worse_is_what_the_command_makes(actions, tmp_path):
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
    (done,) = restored(actions, session)
    assert done.figures.truth is not None


def test_worse_shrinks_large_photos_and_needs_one(actions, tmp_path):
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


def test_examples_are_all_there(actions):
    assert len(list(PHOTOS.glob("*.jpg"))) == 4
    actions.allowance = Allowance()
    for example in EXAMPLES:
        assert example.clean.exists()
        assert example.small.exists()
    session = Session()
    actions.take_example(session, len(EXAMPLES) - 1)
    (done,) = restored(actions, session)
    assert done.figures.truth is not None


def test_amounts_are_readable():
    texts = ["999 bytes", "64 MB", "1.23 MB", "4 GB"]
    assert [readable_bytes(number) for number in (999, 64_000_000, 1_234_567, 4 * 10**9)] == texts
    assert [readable_pixels(n) for n in (40_000_000, 240_000)] == ["40 megapixels", "0.24 megapixels"]


def test_errors_are_sentences():
    assert "Cannot read a.txt: it is no image." in html.errors(["cannot read a.txt: it is no image"])
    assert "photo.jpg has 9 pixels." in html.errors(["photo.jpg has 9 pixels"])
    assert isinstance(NothingThereError(), CeairError)
