"""Keeps image libraries from printing about damaged files: what is wrong is said once, in an `ImageError`."""

import ctypes
import functools
import logging
import threading
import warnings
from types import TracebackType

import PIL._imaging


class _Quiet:
    """Hides Pillow's warnings, log and libtiff's messages in all threads while any thread is inside.

    `warnings.catch_warnings` puts back what it found when it was entered, so that two threads which overlap would
    undo each other's; the first one in and the last one out do it for all.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                _silence_libtiff()
                _silence_log()
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\b")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(kind, error, at)


quiet = _Quiet()
"""`with quiet:` around whatever decodes or encodes an image file."""


@functools.cache
def _silence_libtiff() -> None:
    """Take libtiff's error handler away, which writes to stderr; the decoder still reports that it failed.

    Pillow has no setting for it. Redirecting stderr would swallow what other threads write in the meantime.
    """
    try:
        set_handler = ctypes.CDLL(PIL._imaging.__file__).TIFFSetErrorHandler
    except (AttributeError, OSError):  # linked in a way that hides its functions
        return
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    set_handler(None)


@functools.cache
def _silence_log() -> None:
    """Keep Python from printing what Pillow logs where nobody has asked for logs; who has asked still gets them."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())
