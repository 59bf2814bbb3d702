"""Files that appear whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path


@contextmanager
def open_atomically(path: Path) -> Iterator[BufferedIOBase]:
    """A new file to write to, which appears whole at `path` when the block ends, or not at all if that fails.

    Until then it has a temporary name in the same folder. Missing folders are made. The file gets the permissions that
    any new file of this process gets.

    Raises:
        OSError: the folder cannot be written or is full; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
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
