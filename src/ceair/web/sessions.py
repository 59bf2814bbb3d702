"""Who is there, which photos each has, and when they are deleted."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ceair.errors import CeairError
from ceair.web.allowance import Allowance
from ceair.web.folder import Folder, remove_older
from ceair.web.photo import Photo
from ceair.web.worse import Worse

GRACE = 120.0
"""Seconds that a visitor may be away, as phones are when they sleep, before all of his is deleted."""

UNTAKEN = 60.0
"""Seconds after which an upload is deleted that no page took."""
_PACE = 5.0  # seconds between two looks


class JobEndedError(CeairError):
    """A job was stopped by its visitor, ran out of time, or nobody waits for it."""


@dataclass
class Roll:
    """Photos that came together; a new one takes the place of the last.

    Attributes:
        photos: all of them.
        ended: set if nobody wants them any more; work on them then stops after the next tile.
        working: held by whoever works on them.
        stopped: set if their visitor wants the work to stop, but what is done to stay.
        bundle: all results in one file, if there are several.
        strength: that all results are to have; None while it is that which their job began with.
    """

    photos: list[Photo] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    working: threading.Lock = field(default_factory=threading.Lock)
    stopped: threading.Event = field(default_factory=threading.Event)
    bundle: Path | None = None
    strength: float | None = None

    def is_new(self) -> bool:
        """Whether nothing was done yet for one of the photos."""
        return any(photo.seconds is None and photo.error is None for photo in self.photos)

    def guard(self, seconds: float) -> Callable[[], None]:
        """Something to be called after each tile, which raises `JobEndedError` once the work is to end."""
        deadline = time.monotonic() + seconds

        def look() -> None:
            if self.ended.is_set() or self.stopped.is_set():
                raise JobEndedError("stopped")
            if time.monotonic() > deadline:
                raise JobEndedError(f"this took longer than the {seconds:g} seconds that one job may take here")

        return look

    def remove(self) -> None:
        """End the work on the photos, and delete them and all that was made of them."""
        self.ended.set()
        with self.working:
            for photo in self.photos:
                photo.folder.remove()


@dataclass
class Session:
    """What one open page has.

    Attributes:
        roll: the photos to restore or restored.
        refused: why some of what came last was not taken.
        worse: the photo that is made worse.
        touched: when something was last asked for.
        left: when the page was closed or lost; None while it is open.
    """

    roll: Roll = field(default_factory=Roll)
    refused: list[str] = field(default_factory=list)
    worse: Worse | None = None
    touched: float = field(default_factory=time.monotonic)
    left: float | None = None

    def remove(self) -> None:
        """Stop the work for the page and delete all that it has."""
        self.roll.remove()
        if self.worse is not None:
            self.worse.folder.remove()

    def replace_roll(self, roll: Roll) -> None:
        """Let new photos take the place of those before, which are deleted."""
        old, self.roll = self.roll, roll
        old.ended.set()
        threading.Thread(target=old.remove, name="removing", daemon=True).start()


class Sessions:
    """All open pages by the name that each gives itself; what nobody wants any more is deleted.

    Args:
        folder: of the server; uploads arrive right in what it shows.
        allowance: how long photos are kept.

    Attributes:
        uploads: where uploads arrive.
    """

    def __init__(self, folder: Folder, allowance: Allowance) -> None:
        self.uploads, self._folder, self._allowance = folder.shown, folder, allowance
        self._results = Folder(folder.shown / "results", folder.kept)
        self._results.shown.mkdir()
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="deleting", daemon=True)

    def __enter__(self) -> "Sessions":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all work and wait for it to end."""
        self._ending.set()
        self._thread.join()
        for session in self._sessions.values():
            session.remove()

    def get(self, name: str | None) -> Session:
        """The session of a page; a new one if there is none."""
        with self._lock:
            session = self._sessions.setdefault(name or "", Session())
            session.touched, session.left = time.monotonic(), None
            return session

    def new_folder(self) -> Folder:
        """For one photo of one page."""
        return self._results.new_pair()

    def check_room(self) -> None:
        """Refuse further results where all photos and results take more than they may.

        Raises:
            CeairError: they do.
        """
        if self._folder.size() > self._allowance.disk:
            raise CeairError("the server has no room left at the moment; try again in some minutes")

    def leave(self, name: str | None) -> None:
        """Note that a page was closed or lost."""
        with self._lock:
            if name in self._sessions:
                self._sessions[name].left = time.monotonic()

    def sweep(self, now: float) -> None:
        """Delete what belongs to nobody at `now`, in seconds of the monotonic clock, and uploads that nobody took."""
        with self._lock:
            gone = [name for name, session in self._sessions.items() if self._is_over(session, now)]
            sessions = [self._sessions.pop(name) for name in gone]
        for session in sessions:
            session.remove()
        remove_older(self.uploads, UNTAKEN, spare=frozenset((self._results.shown,)))

    def _is_over(self, session: Session, now: float) -> bool:
        if session.left is not None:
            return now - session.left > GRACE
        return now - session.touched > self._allowance.keep and not session.roll.working.locked()

    def _look_after(self) -> None:
        while not self._ending.wait(_PACE):
            self.sweep(time.monotonic())
