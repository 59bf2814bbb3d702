"""What is kept between runs because making it anew takes seconds; losing it costs nothing else."""

import hashlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ceair.files import write_atomically


def cache_folder() -> Path:
    """Where it is kept: `CEAIR_CACHE` if that is set, otherwise `ceair` in the user's cache folder."""
    own = os.environ.get("CEAIR_CACHE")
    if own:
        return Path(own)
    with suppress(RuntimeError):  # nobody's home, in containers with users of no name
        return _folder_at_home()
    return Path(tempfile.gettempdir()) / "ceair"


def _folder_at_home() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "ceair"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/ceair"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ceair"


def remembered(what: str, find_out: Callable[[], bool]) -> bool:
    """The answer to a question that was asked before under the same name, or else what `find_out` says now."""
    path = cache_folder() / "answers" / hashlib.sha256(what.encode()).hexdigest()[:32]
    try:
        return {"yes": True, "no": False}[path.read_text(encoding="ascii")]
    except (OSError, KeyError, UnicodeDecodeError):
        answer = find_out()
    with suppress(OSError):
        write_atomically(path, b"yes" if answer else b"no")
    return answer


def keep_folder(path: Path, fill: Callable[[Path], object]) -> bool:
    """Let `fill` write into a folder that then appears whole as `path`, in place of one that is there.

    Returns whether that worked: a cache that cannot be written makes the next start slower and nothing else.
    """
    temporary = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        shutil.rmtree(path, ignore_errors=True)
        temporary.rename(path)
    except (OSError, RuntimeError):
        shutil.rmtree(temporary, ignore_errors=True)
        return False
    return True
