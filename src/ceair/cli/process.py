"""Settings of the process, made only where the process is ours and never on import."""

import ctypes
import signal
import threading
import time
from types import FrameType
from typing import Any

_SLICE = 0.05  # seconds between two looks at whether a signal came


def keep_large_blocks() -> None:
    """Let glibc reuse large blocks instead of mapping and unmapping each tensor over 32 MiB.

    This halves the CPU time of large networks at the same peak memory. Where the C library has no `mallopt`, nothing
    happens.
    """
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 512 << 20)


class Signals:
    """Turns Ctrl-C and SIGTERM into a wish that work can end at a good moment, while it is entered.

    The second one ends the process at once, and so does the first until `waits` is set.

    Attributes:
        waits: whether somebody asks `came` and ends in time.
        code: exit code for the signal that came, 130 or 143; 0 if none did.
    """

    def __init__(self) -> None:
        self.waits, self.code = False, 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():  # others cannot catch signals, and get none
            self._before = {number: signal.signal(number, self._catch) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def came(self) -> bool:
        """Whether the work is to end."""
        return self.code != 0

    def sleep(self, seconds: float) -> None:
        """Wait so long, or until a signal comes."""
        end = time.monotonic() + seconds
        while not self.code and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE))

    def _catch(self, number: int, _: FrameType | None) -> None:
        again, self.code = self.came(), 128 + number
        if again or not self.waits:
            raise SystemExit(self.code)
