"""Strength: blended and not restored anew, the same for all photos of a job and its ZIP."""

import io
import threading
import time
import zipfile

import numpy as np
import pytest

from ceair.web.photo import blend
from ceair.web.sessions import Session


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_blend_ends_in_both_images_and_lies_between_them(kind):
    generator = np.random.default_rng(0)
    first, second = (generator.integers(0, np.iinfo(kind).max, (50, 30, 3)).astype(kind) for _ in range(2))
    assert np.array_equal(blend(first, second, 0), first)
    assert np.array_equal(blend(first, second, 1), second)
    half = blend(first, second, 0.5).astype(np.int64)
    assert np.abs(2 * half - first - second.astype(np.int64)).max() <= 1


def test_strength_is_blended_without_running_the_network_again(actions, tmp_path, photo, pixels, restore):
    session, source = Session(), photo(tmp_path / "a.png")
    actions.take(session, [source])
    (done,) = restore(session)
    bright, first = pixels(done.result), done.result
    assert np.array_equal(bright, np.minimum(pixels(source).astype(int) + 40, 255))
    before = pixels(source).astype(int)
    for strength, kept in ((0.5, True), (0.0, False), (1.0, False)):
        actions.change_strength(session, strength)
        assert first.exists() == kept, "a result may still be downloaded until the next one is replaced"
        assert np.abs(pixels(done.result) - (before + strength * (bright - before))).max() <= 0.5
        assert done.result.name == "a-restored.png"
    assert np.array_equal(pixels(done.result), bright)
    assert actions.restorer.runs == 1


@pytest.fixture
def pair(tmp_path, actions, photo) -> Session:
    """A session with two photos."""
    session = Session()
    actions.take(session, [photo(tmp_path / "a.png"), photo(tmp_path / "b.png", seed=1)])
    return session


def bundled(session, pixels) -> list[np.ndarray]:
    with zipfile.ZipFile(session.roll.bundle) as archive:
        return [pixels(io.BytesIO(archive.read(name))) for name in archive.namelist()]


def blended(tmp_path, pixels, strength) -> list[np.ndarray]:
    originals = [pixels(tmp_path / name) for name in ("a.png", "b.png")]
    return [blend(one, np.minimum(one.astype(int) + 40, 255).astype(np.uint8), strength) for one in originals]


def test_a_strength_that_is_chosen_during_a_job_holds_for_all_its_photos(tmp_path, actions, pair, pixels):
    work = actions.restore(pair, 1.0, lambda *_: None)
    next(work)
    actions.change_strength(pair, 0.5)
    list(work)
    actions.bundle(pair)
    assert [one.strength for one in pair.roll.photos] == [0.5, 0.5]
    assert np.array_equal(bundled(pair, pixels), blended(tmp_path, pixels, 0.5))


def test_a_strength_that_is_chosen_before_the_first_photo_is_done_holds(actions, pair, restore):
    actions.change_strength(pair, 0.5)
    assert [one.strength for one in restore(pair)] == [0.5, 0.5]


def test_a_bundle_has_the_strength_that_was_chosen_during_the_last_photo(tmp_path, actions, pair, restore, pixels):
    moved = []

    def move(share, _):
        if share > 0.5 and not moved:
            moved.append(threading.Thread(target=actions.change_strength, args=(pair, 0.5)))
            moved[0].start()
            until = time.monotonic() + 20
            while pair.roll.strength is None and time.monotonic() < until:
                time.sleep(0.01)

    restore(pair, tell=move)
    actions.bundle(pair)
    assert np.array_equal(bundled(pair, pixels), blended(tmp_path, pixels, 0.5))
    moved[0].join()
    assert np.array_equal(bundled(pair, pixels), blended(tmp_path, pixels, 0.5))


def test_a_download_of_a_bundle_is_not_disturbed_by_the_next(actions, pair, restore):
    restore(pair)
    actions.bundle(pair)
    content = pair.roll.bundle.read_bytes()
    with pair.roll.bundle.open("rb") as download:
        actions.change_strength(pair, 0.5)
        assert download.read() == content
    assert pair.roll.bundle.read_bytes() != content


def test_a_bundle_waits_for_the_work_and_is_not_made_of_photos_that_are_gone(tmp_path, actions, pair, restore):
    restore(pair)
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
