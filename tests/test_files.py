"""Files appear whole or not at all, and what killed processes leave is removed while the files of others stay."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ceair.cache import cache_folder
from ceair.files import obstacle, open_atomically, remove_leftovers, write_atomically

WRITER = """
import sys
from pathlib import Path
from ceair.files import open_atomically
with open_atomically(Path(sys.argv[1])) as file:
    file.write(b"first half, ")
    file.flush()
    print("half", flush=True)
    sys.stdin.readline()
    file.write(b"second half")
"""


@pytest.fixture
def writer(tmp_path):
    """A process that has written half of `a.txt` and waits for a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "a.txt")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "half\n"
    yield process
    process.kill()
    process.communicate()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_the_block_ends_and_not_if_it_fails(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with open_atomically(target) as file:
        file.write(b"text")
        assert not target.exists()
    assert names(target.parent) == ["a.txt"]
    with pytest.raises(TypeError), open_atomically(target) as file:
        file.write("no bytes")
    assert target.read_bytes() == b"text"
    assert names(target.parent) == ["a.txt"]


def test_the_temporary_file_of_a_living_process_stays(tmp_path, writer):
    assert len(names(tmp_path)) == 1
    remove_leftovers(tmp_path)
    writer.communicate("go on\n")
    assert writer.returncode == 0
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"first half, second half"


def test_the_temporary_file_of_a_killed_process_goes_and_nothing_else(tmp_path, writer):
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    left = names(tmp_path)
    assert len(left) == 1
    others = (".a.part", "b.part", ".0123456789abcdef.part.png", "x0123456789abcdef.part")
    for name in others:
        (tmp_path / name).write_text("")
    (tmp_path / ".0123456789abcdef.part").mkdir()
    (tmp_path / ".fedcba9876543210.part").symlink_to("b.part")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted({*others, ".0123456789abcdef.part", ".fedcba9876543210.part"})


def test_a_temporary_file_that_somebody_removes_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    import fcntl

    lock, removed = fcntl.flock, []

    def late(file, how):
        if not removed:
            removed.append(Path(file.name))
            removed[0].unlink()
        return lock(file, how)

    monkeypatch.setattr("fcntl.flock", late)
    write_atomically(tmp_path / "a.txt", b"text")
    assert (tmp_path / "a.txt").read_bytes() == b"text"
    assert removed


def test_files_are_written_where_there_are_no_locks_and_then_never_removed(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", none)
    write_atomically(tmp_path / "a.txt", b"text")
    (tmp_path / ".0123456789abcdef.part").write_bytes(b"")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [".0123456789abcdef.part", "a.txt"]


def test_folders_that_are_not_there_hold_no_leftovers(tmp_path):
    remove_leftovers(tmp_path / "gone")
    assert not names(tmp_path)


def test_without_a_home_the_cache_lies_among_temporary_files(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("CEAIR_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert cache_folder() == Path(tempfile.gettempdir()) / "ceair"


def test_where_nothing_can_be_written_is_known_before(tmp_path):
    (tmp_path / "file").touch()
    assert obstacle(tmp_path / "new" / "folders" / "a.csv") is None
    assert not (tmp_path / "new").exists()
    assert obstacle(tmp_path / "file" / "deep" / "a.csv") == tmp_path / "file"
