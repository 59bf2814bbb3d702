"""What is kept between runs because making it anew takes seconds; losing it costs nothing else."""

import os
import secrets
import shutil
import sys
from collections.abc import Callable
from pathlib import Path


def cache_folder() -> Path:
    """Where it is kept: `CEAIR_CACHE` if that is set, otherwise `ceair` in the user's cache folder."""
    own = os.environ.get("CEAIR_CACHE")
    if own:
        return Path(own)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "ceair"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/ceair"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ceair"


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
