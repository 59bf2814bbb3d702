"""A server's temporary folder: what it shows, what it keeps to itself, and its end."""

import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_PREFIX = "ceair-serve-"
_LOCK = "lock"  # held while the server lives, so that others can tell
_YOUNG = 60.0  # seconds in which a folder may not have its lock yet


@dataclass(frozen=True)
class Folder:
    """Two folders that belong together.

    Attributes:
        shown: what browsers may ask for: uploads, previews, results.
        kept: what they may not.
    """

    shown: Path
    kept: Path

    def new_pair(self) -> "Folder":
        """A new folder below each of the two, by a name that cannot be guessed."""
        name = secrets.token_hex(16)
        pair = Folder(self.shown / name, self.kept / name)
        pair.shown.mkdir()
        pair.kept.mkdir()
        return pair

    def remove(self) -> None:
        """Delete both with all that is in them."""
        for path in (self.shown, self.kept):
            shutil.rmtree(path, ignore_errors=True)

    def size(self) -> int:
        """Bytes of all files in both."""
        return _size(self.shown) + _size(self.kept)


@contextmanager
def server_folder() -> Iterator[Folder]:
    """A folder that only this user may read, and that is gone when the block ends, however it ends.

    Those of servers that were killed are removed first. Where the system's temporary files lie, `TMPDIR` says.
    """
    parent = Path(tempfile.gettempdir())
    _remove_leftovers(parent)
    root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent)).resolve()
    try:
        with (root / _LOCK).open("wb") as lock:
            _hold(lock)
            folder = Folder(root / "shown", root / "kept")
            folder.shown.mkdir()
            folder.kept.mkdir()
            yield folder
    finally:
        shutil.rmtree(root, ignore_errors=True)


def remove_version(file: Path | None) -> None:
    """Delete a version of a result, alone in its folder, if there is one."""
    if file is not None:
        shutil.rmtree(file.parent, ignore_errors=True)


def remove_older(folder: Path, seconds: float, spare: frozenset[Path]) -> None:
    """Remove the entries of a folder that are older than so many seconds, except `spare`."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            path = Path(entry.path)
            if path not in spare and time.time() - entry.stat(follow_symlinks=False).st_ctime > seconds:
                _remove(path)


def _remove_leftovers(parent: Path) -> None:
    with suppress(OSError):
        for root in parent.glob(f"{_PREFIX}*"):
            if root.is_dir() and not root.is_symlink() and _is_left(root):
                shutil.rmtree(root, ignore_errors=True)


def _is_left(root: Path) -> bool:
    """Whether a folder is ours and its server is gone."""
    try:
        status = root.stat()
        if time.time() - status.st_ctime < _YOUNG:
            return False
        if sys.platform == "win32":
            (root / _LOCK).unlink()  # fails while another process has it open
            return True
        if status.st_uid != os.getuid():
            return False
        with (root / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except OSError:
        return False


def _hold(lock: BufferedWriter) -> None:
    if sys.platform != "win32":  # where nobody can remove a file that is open anyway
        with suppress(OSError):  # a file system without locks: then nobody takes the folder for left, either
            fcntl.flock(lock, fcntl.LOCK_EX)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _size(folder: Path) -> int:
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(top) / name).lstat().st_size
    return total
