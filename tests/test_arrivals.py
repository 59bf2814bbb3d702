"""Files are handed out when they have come to rest, once for every state of them."""

import os

import pytest

from ceair.arrivals import Arrivals


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "a.png"
    write(file, "one", 1)
    return file


def write(path, text, time):
    path.write_text(text)
    os.utime(path, ns=(time, time))


def test_a_file_is_handed_out_once_when_two_looks_find_it_the_same(path):
    arrivals = Arrivals()
    assert [arrivals.look([path]) for _ in range(4)] == [[], [path], [], []]


@pytest.mark.parametrize("change", [("longer", 1), ("one", 2)], ids=["size", "time"])
def test_a_file_that_changes_waits_until_it_rests_and_is_handed_out_again(path, change):
    arrivals = Arrivals()
    assert not arrivals.look([path])
    write(path, *change)
    assert not arrivals.look([path])
    assert arrivals.look([path]) == [path]
    write(path, "once more", 3)
    assert not arrivals.look([path])
    assert arrivals.look([path]) == [path]


def test_a_file_that_takes_the_place_of_another_is_new(path):
    arrivals = Arrivals()
    assert [arrivals.look([path]) for _ in range(2)] == [[], [path]]
    other = path.with_name("b.png")
    write(other, "two", 1)
    other.replace(path)
    assert [arrivals.look([path]) for _ in range(3)] == [[], [path], []]


def test_files_keep_their_order_and_do_not_wait_for_each_other(path, tmp_path):
    later, gone = tmp_path / "b.png", tmp_path / "gone.png"
    arrivals = Arrivals()
    assert not arrivals.look([path, gone])
    write(later, "two", 1)
    assert arrivals.look([later, path, gone]) == [path]
    assert arrivals.look([later, path, gone]) == [later]


def test_a_file_that_went_and_came_back_is_new(path):
    arrivals = Arrivals()
    assert [arrivals.look([path]) for _ in range(2)] == [[], [path]]
    path.unlink()
    assert not arrivals.look([path])
    write(path, "one", 1)
    assert [arrivals.look([path]) for _ in range(3)] == [[], [path], []]


def test_files_of_a_folder_that_was_away_for_a_while_are_not_new(tmp_path):
    share, away = tmp_path / "share", tmp_path / "away"
    share.mkdir()
    write(share / "a.png", "one", 1)
    arrivals = Arrivals()
    assert [arrivals.look([share / "a.png"]) for _ in range(2)] == [[], [share / "a.png"]]
    share.rename(away)
    assert [arrivals.look([]) for _ in range(2)] == [[], []]
    away.rename(share)
    assert [arrivals.look([share / "a.png"]) for _ in range(3)] == [[], [], []]


def test_a_file_that_was_not_listed_once_is_not_new(path):
    arrivals = Arrivals()
    assert [arrivals.look([path]) for _ in range(2)] == [[], [path]]
    assert not arrivals.look([])
    assert [arrivals.look([path]) for _ in range(3)] == [[], [], []]
