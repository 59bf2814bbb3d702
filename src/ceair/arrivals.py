"""Which files of a folder are new and complete, found by looking again and again."""

from collections.abc import Iterable
from pathlib import Path

from ceair.files import exists, is_folder

State = tuple[int, int, int]


class Arrivals:
    """Tells files that have come to rest from those that are still being written.

    A file is at rest if its size, time and identity are the same in two looks. Each is handed out once for every state
    of it, so that one that was of no use is handed out again when it changes, and not before. One that was deleted is
    forgotten; one whose folder cannot be looked at, as of a share that is offline for a while, is not.
    """

    def __init__(self) -> None:
        self._last: dict[Path, State] = {}
        self._handed_out: dict[Path, State] = {}

    def look(self, paths: Iterable[Path]) -> list[Path]:
        """Those of the files that are there now which came to rest since the look before, in the same order."""
        now = {path: state for path in paths if (state := _state(path)) is not None}
        resting = [path for path, state in now.items() if self._last.get(path) == state]
        news = [path for path in resting if self._handed_out.get(path) != now[path]]
        kept = {path: state for path, state in self._handed_out.items() if path in now or not _is_deleted(path)}
        self._handed_out = kept | {path: now[path] for path in news}
        self._last = now
        return news


def _state(path: Path) -> State | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _is_deleted(path: Path) -> bool:
    """Whether a file is not in its folder, which is there."""
    return not exists(path) and is_folder(path.parent)
