"""Files that appear whole or not at all, and what they hold."""

import hashlib
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedIOBase, BufferedWriter
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.part")


@contextmanager
def open_atomically(path: Path) -> Iterator[BufferedIOBase]:
    """A new file to write to, which appears whole at `path` when the block ends, or not at all if that fails.

    Until then it has a temporary name in the same folder. Missing folders are made. The file gets the permissions that
    any new file of this process gets. If the process is killed the temporary file stays: see `remove_leftovers`.

    Raises:
        OSError: the folder cannot be written or is full; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, file = _open_temporary(path.parent)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if sys.platform != "win32":
                temporary.replace(path)  # before it is closed, as its lock ends then
        if sys.platform == "win32":
            temporary.replace(path)  # where a file that is open cannot be renamed
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all; as `open_atomically`.

    Raises:
        OSError: the folder cannot be written or is full; nothing is left behind.
    """
    with open_atomically(path) as file:
        file.write(content)


def obstacle(path: Path) -> Path | None:
    """What stands in the way of writing `path` later on: its folder, or the nearest of those above that exists, if that
    is a file or cannot be written to; None if nothing is seen."""
    folder = next((parent for parent in path.absolute().parents if exists(parent)), path.parent)
    return None if is_folder(folder) and os.access(folder, os.W_OK) else folder


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def name_bytes(text: str) -> bytes:
    """A text that holds names of files in UTF-8, with the bytes of names that are no UTF-8 as they are."""
    return text.encode("utf-8", "surrogateescape")


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of `open_atomically` that processes left in a folder when they were killed.

    Those of processes that live are locked and stay, and so does everything where the file system knows no locks.
    What cannot be listed or removed stays, too.
    """
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if _TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_unless_locked(Path(entry.path))


def _open_temporary(folder: Path) -> tuple[Path, BufferedWriter]:
    while True:
        temporary = folder / f".{secrets.token_hex(8)}.part"
        file = temporary.open("xb")
        if _lock(file) and not temporary.exists():  # removed by another process before it was locked
            file.close()
            continue
        return temporary, file


def _lock(file: BufferedWriter) -> bool:
    """Lock a file until it is closed or the process ends, however that ends; whether there are locks at all."""
    if sys.platform == "win32":  # where nobody can remove a file that is open anyway
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def _remove_unless_locked(path: Path) -> None:
    with suppress(OSError):
        if sys.platform == "win32":
            path.unlink()
            return
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def exists(path: str | Path) -> bool:
    """Whether there is a file or a folder; no, also where its name is too long, or it lies in a locked folder.

    The methods of `Path` raise errors there, and at links in circles, that nobody expects of a question.
    """
    return os.path.exists(path)  # noqa: PTH110


def is_file(path: str | Path) -> bool:
    """Whether there is a file; as `exists`."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder; as `exists`."""
    return os.path.isdir(path)  # noqa: PTH112


def real_path(path: str | Path) -> Path:
    """The absolute path without links; of links in circles, and of what is not there, as far as that goes."""
    return Path(os.path.realpath(path))
