"""Jobs overlap, stay within their share of memory, keep their order, and survive whatever is wrong with one file."""

import threading
import weakref
from collections import Counter

import numpy as np
import pytest
import torch

from ceair import jobs
from ceair.errors import WeightsError
from ceair.image import Picture, read_picture, write_picture
from ceair.jobs import restore_all
from ceair.models import NetworkConfig, build
from ceair.restore import Limits, Restorer

TINY = NetworkConfig(widths=(8, 8), encoder_depths=(1, 1), decoder_depths=(1,), stem_stride=2, family="gated_conv")
PATIENCE = 60  # seconds after which a step that waits for another counts as not overlapping


@pytest.fixture
def restorer():
    network = build(TINY)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    return Restorer(network, "cpu", Limits(whole=1000, tile=32), overlap=8)


@pytest.fixture
def folder(tmp_path):
    """Makes images of given heights and widths; gives their jobs."""

    def make(*sizes):
        random = np.random.default_rng(0)
        for index, size in enumerate(sizes):
            write_picture(tmp_path / f"{index:02d}.png", Picture(random.integers(0, 256, (*size, 3), np.uint8)))
        return [(path, tmp_path / "out" / path.name) for path in sorted(tmp_path.glob("*.png"))]

    return make


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def threads():
    return [one.name for one in threading.enumerate() if one.name.startswith(("reading", "writing", "feeding"))]


def test_all_are_restored_in_order_and_their_sizes_told(restorer, folder):
    todo = folder((20, 24), (5, 7), (40, 90), (1, 1))
    outcomes = list(restore_all(todo, lambda: restorer))
    assert [(one.source, one.target) for one in outcomes] == todo
    assert [(one.status, one.height, one.width) for one in outcomes] == [
        ("restored", *size) for size in ((20, 24), (5, 7), (40, 90), (1, 1))
    ]
    assert all(one.seconds > 0 for one in outcomes)
    for source, target in todo:
        assert np.array_equal(read_picture(source).samples, read_picture(target).samples)
    assert not threads()


def test_reading_restoring_and_writing_overlap(restorer, folder, monkeypatch):
    todo = folder(*[(8, 8)] * 4)
    begun = {(step, index): threading.Event() for step in ("read", "restore", "write") for index in range(5)}
    restore, count, overlapping = restorer.restore_picture, iter(range(4)), []

    def wait_for(step, index):
        overlapping.append(index >= 4 or begun[step, index].wait(PATIENCE))

    def reading(path):
        begun["read", int(path.stem)].set()
        return read_picture(path)

    def restoring(picture, tell):
        index = next(count)
        begun["restore", index].set()
        wait_for("read", index + 1)
        if index:
            wait_for("write", index - 1)
        return restore(picture, tell)

    def writing(path, picture, quality):
        begun["write", int(path.stem)].set()
        wait_for("restore", int(path.stem) + 1)
        write_picture(path, picture, quality)

    monkeypatch.setattr(jobs, "read_picture", reading)
    monkeypatch.setattr(jobs, "write_picture", writing)
    monkeypatch.setattr(restorer, "restore_picture", restoring)
    assert [one.status for one in restore_all(todo, lambda: restorer)] == ["restored"] * 4
    assert len(overlapping) == 11
    assert all(overlapping)


class Watched:
    """Reads and writes, and notes the pixels of all pictures that are in memory when one more is about to be read."""

    def __init__(self, monkeypatch, restorer):
        self.pictures, self.pixels, self.lock = [], {}, threading.Lock()
        restore = restorer.restore_picture
        monkeypatch.setattr(jobs, "read_picture", self.read)
        monkeypatch.setattr(restorer, "restore_picture", lambda picture, tell: self.known(restore(picture, tell)))

    def known(self, picture):
        self.pictures.append(weakref.ref(picture))
        return picture

    def read(self, path):
        with self.lock:
            there = [picture.samples.shape for reference in self.pictures if (picture := reference()) is not None]
            self.pixels[path.name] = sorted((height * width for height, width, _ in there), reverse=True)
            return self.known(read_picture(path))


def test_a_large_image_is_alone_in_memory(restorer, folder, monkeypatch):
    large, small = (40, 40), (4, 4)
    todo = folder(small, large, large, small, small, large)
    watched = Watched(monkeypatch, restorer)
    assert Counter(one.status for one in restore_all(todo, lambda: restorer, ahead=1000)) == {"restored": 6}
    assert [watched.pixels[f"{index:02d}.png"] for index in (1, 2, 5)] == [[], [], []]
    assert all(1600 not in there for there in watched.pixels.values())


def test_images_of_middle_size_share_the_memory_that_there_is(restorer, folder, monkeypatch):
    todo = folder(*[(20, 20)] * 9)
    watched = Watched(monkeypatch, restorer)
    assert len(list(restore_all(todo, lambda: restorer, ahead=1200))) == 9
    # each is there twice while it is restored
    assert max(len(there) for there in watched.pixels.values()) <= 2 * 2


def test_however_small_they_are_only_some_are_in_memory(restorer, folder, monkeypatch):
    todo = folder(*[(1, 1)] * 40)
    there, most, lock = [], [], threading.Lock()

    def reading(path):
        with lock:
            there.append(path.name)
            most.append(len(there))
        return read_picture(path)

    def writing(path, picture, quality):
        write_picture(path, picture, quality)
        with lock:
            there.remove(path.name)

    monkeypatch.setattr(jobs, "read_picture", reading)
    monkeypatch.setattr(jobs, "write_picture", writing)
    assert len(list(restore_all(todo, lambda: restorer))) == 40
    assert 2 <= max(most) <= 16


def test_a_restorer_with_little_memory_gets_one_image_at_a_time(restorer, folder, monkeypatch):
    todo = folder(*[(8, 8)] * 4)
    restorer.inference.memory = 1
    watched = Watched(monkeypatch, restorer)
    monkeypatch.setattr(restorer, "restore_picture", lambda picture, _: picture)
    assert len(list(restore_all(todo, lambda: restorer))) == 4
    assert set(map(tuple, watched.pixels.values())) == {()}


def test_one_that_fails_at_any_step_does_not_stop_the_others(restorer, folder, monkeypatch):
    todo = folder(*[(8, 8 + index) for index in range(6)])
    todo[1][0].write_bytes(b"")
    todo.insert(4, (todo[0][0].with_name("gone.png"), todo[0][1].with_name("gone.png")))
    restore = restorer.restore_picture

    def restoring(picture, tell):
        if picture.samples.shape[1] == 10:
            raise RuntimeError("out of memory\nmore about it")
        return restore(picture, tell)

    def writing(path, picture, quality):
        if path.stem == "03":
            raise MemoryError
        write_picture(path, picture, quality)

    monkeypatch.setattr(restorer, "restore_picture", restoring)
    monkeypatch.setattr(jobs, "write_picture", writing)
    outcomes = list(restore_all(todo, lambda: restorer))
    assert [one.status[0] for one in outcomes] == list("rffffrr")
    assert [(one.source, one.target) for one in outcomes] == todo
    errors = [one.error for one in outcomes if one.status == "failed"]
    sources = [str(source) for source, _ in todo]
    assert errors == [
        f"cannot read {sources[1]}: the file is empty",
        f"cannot restore {sources[2]}: out of memory more about it",
        f"cannot restore {sources[3]}: MemoryError",
        f"cannot read {sources[4]}: No such file or directory",
    ]
    assert names(todo[0][1].parent) == ["00.png", "04.png", "05.png"]


def test_what_exists_is_skipped_and_only_then_is_no_restorer_made(restorer, folder):
    todo = folder((8, 8), (8, 8), (8, 8))
    todo[1][1].parent.mkdir()
    todo[1][1].write_text("kept")
    assert [one.status for one in restore_all(todo, lambda: restorer)] == ["restored", "skipped", "restored"]
    assert todo[1][1].read_text() == "kept"
    assert [one.status for one in restore_all(todo, make_none)] == ["skipped"] * 3
    assert [one.status for one in restore_all(todo, lambda: restorer, overwrite=True)] == ["restored"] * 3
    assert read_picture(todo[1][1]).samples.shape == (8, 8, 3)


def make_none():
    raise WeightsError("there are none")


def test_a_restorer_that_cannot_be_made_is_the_end_of_it(folder):
    with pytest.raises(WeightsError, match="there are none"):
        list(restore_all(folder((8, 8)), make_none))
    assert not threads()


def test_stopping_keeps_what_is_restored_and_leaves_between_two_tiles(restorer, folder):
    todo = folder((8, 8), (8, 8), (60, 200), (8, 8))
    told = []
    outcomes = list(restore_all(todo, lambda: restorer, progress=told.append, stopped=lambda: told and told[-1] > 2))
    assert [one.source for one in outcomes] == [todo[0][0], todo[1][0]]
    assert names(todo[0][1].parent) == ["00.png", "01.png"]
    assert sorted(set(told))[:2] == [1, 2]
    assert 2 < told[-1] < 3
    assert not threads()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_exception_from_outside_ends_all_threads_and_leaves_whole_files(restorer, folder, monkeypatch, error):
    todo = folder(*[(8, 8)] * 6)
    restore, count = restorer.restore_picture, iter(range(6))

    def restoring(picture, tell):
        if next(count) == 3:
            raise error
        return restore(picture, tell)

    monkeypatch.setattr(restorer, "restore_picture", restoring)
    with pytest.raises(error):
        list(restore_all(todo, lambda: restorer))
    assert names(todo[0][1].parent) == ["00.png", "01.png", "02.png"]
    assert not threads()


def test_leaving_early_finishes_what_is_being_written(restorer, folder):
    todo = folder(*[(8, 8)] * 40)
    for _ in restore_all(todo, lambda: restorer):
        break
    assert not threads()
    assert not [name for name in names(todo[0][1].parent) if name.startswith(".")]
    assert len(names(todo[0][1].parent)) < 40


def test_an_error_of_our_own_while_reading_ahead_is_not_lost(restorer, folder, monkeypatch):
    def broken(_):
        raise ZeroDivisionError

    monkeypatch.setattr(jobs, "read_header", broken)
    with pytest.raises(ZeroDivisionError):
        list(restore_all(folder((8, 8)), lambda: restorer))
    assert not threads()


def test_quality_reaches_the_files(restorer, folder, tmp_path):
    ((source, _),) = folder((64, 64))
    sizes = []
    for quality in (20, 95):
        target = tmp_path / f"{quality}.jpg"
        list(restore_all([(source, target)], lambda: restorer, quality=quality))
        sizes.append(target.stat().st_size)
    assert 2 * sizes[0] < sizes[1]
