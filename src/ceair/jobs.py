"""Restores many files in order, the next being read and the last written meanwhile; no bad one stops the rest."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ceair.errors import CeairError, ImageError, on_one_line
from ceair.files import exists
from ceair.headers import read_header
from ceair.image import MOST_PIXELS, Picture, lost_as, read_picture, write_picture
from ceair.outcome import Outcome
from ceair.restore import Restorer
from ceair.system import available_memory, give_memory_back, resident_memory

AHEAD = 80_000_000
"""Most pixels of images that are in memory together; one that has more is there alone."""

_LARGE = 20_000_000  # pixels of an image after which memory is worth giving back, which takes some time
_FILES = 16  # most images in memory together, however small
_THREADS = 2  # that read, and as many that write
_BYTES_PER_PIXEL = 12  # of an image that is read or written, with some room for 16 bits and alpha
_SHARE = 4  # so much of the room that the restorer has goes to the images that wait
_PATIENCE = 0.1  # seconds between two looks at whether to stop

Job = tuple[Path, Path]
"""An image file and where its restored version goes."""

Beside = Callable[[Restorer, Picture, Path], None]
"""Makes something of a degraded picture that goes beside its restored version."""


def restore_all(
    jobs: Sequence[Job],
    make: Callable[[], Restorer],
    overwrite: bool = False,
    quality: int | None = None,
    ahead: int | None = None,
    progress: Callable[[float], None] | None = None,
    stopped: Callable[[], bool] = lambda: False,
    beside: Beside | None = None,
) -> Iterator[Outcome]:
    """Restore files; what became of each is given in the order of the jobs, as soon as it is known.

    The next images are read and the last are written by threads meanwhile. Each result appears whole or not at all. If
    the iteration is left early, or an exception ends it, what is being written is finished first.

    Args:
        make: gives what restores; not called if all targets exist.
        overwrite: replace targets that exist, which are skipped otherwise.
        quality: as of `ceair.image.write_picture`.
        ahead: most pixels of images that are in memory together; one that has more is there alone. None is `AHEAD`, or
            less if the restorer has little memory.
        progress: is told how many images are done, with the share of the current one.
        beside: called with what restores, each image that is restored, and where its result goes; it may write more
            files there. What it raises is the image's error, and its result is not written.
        stopped: asked after each tile and image; once it is true, what is restored is still written, and given.

    Raises:
        CeairError: of `make`.
    """
    if not overwrite and all(exists(target) for _, target in jobs):
        yield from (Outcome(source, target, "skipped") for source, target in jobs)
        return
    restorer = make()
    with _Line(jobs, overwrite, quality, ahead or _pixels_ahead(restorer)) as line:
        done = 0
        while not stopped() and not line.is_over():
            yield from line.finished()
            item = line.next_read()
            if item is None:
                continue
            try:
                _restore(item, restorer, partial(_tell, progress, stopped, done), beside)
            except _Stop:
                break
            line.write(item)
            done += 1
        line.stop_reading()
        yield from line.finished(wait=True)


class _Stop(BaseException):
    """Leaves an image between two of its tiles."""


@dataclass
class _Item:
    """A job on its way; only one thread has it at a time. It has no picture before it is read, and if it failed."""

    source: Path
    target: Path
    skipped: bool
    pixels: int
    picture: Picture | None = None
    seconds: float = 0.0
    error: str | None = None

    def work(self, step: Callable[[], Picture | None]) -> None:
        """Put what a step gives in the picture's place, and note how long it took or what went wrong."""
        begin = time.perf_counter()
        try:
            self.picture = step()
        except Exception as error:  # whatever is wrong with one file, the others are still done
            self.picture, self.error = None, _sentence(error, self.source)
        finally:
            self.seconds += time.perf_counter() - begin


class _Line:
    """Items on their way from being read to being written, in order. Only so many pixels are on it at a time."""

    def __init__(self, jobs: Sequence[Job], overwrite: bool, quality: int | None, most: int) -> None:
        self._jobs, self._overwrite, self._quality, self._most = jobs, overwrite, quality, most
        self._changed = threading.Condition()
        self._coming: deque[tuple[_Item, Future[None]]] = deque()
        self._going: deque[Future[Outcome]] = deque()
        self._held, self._fed, self._stopping = 0, False, False
        self._failure: BaseException | None = None
        self._readers = ThreadPoolExecutor(_THREADS, "reading")
        self._writers = ThreadPoolExecutor(_THREADS, "writing")
        self._feeder = threading.Thread(target=self._feed, name="feeding")

    def __enter__(self) -> "_Line":
        self._feeder.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_reading()
        self._writers.shutdown()

    def next_read(self) -> _Item | None:
        """The next item once it is read; None if one is written first, nothing more comes, or after a while."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_read() or self._is_written() or self.is_over(), _PATIENCE)
            return self._coming.popleft()[0] if self._is_read() else None

    def write(self, item: _Item) -> None:
        """Write an item in the background, if nothing went wrong with it; then it makes room for others."""
        future = self._writers.submit(self._finish, item)
        self._going.append(future)
        future.add_done_callback(self._notify)

    def finished(self, wait: bool = False) -> Iterator[Outcome]:
        """What became of the first items on the line, up to the first that is being written, or of all."""
        while self._going and (wait or self._is_written()):
            yield self._going.popleft().result()

    def is_over(self) -> bool:
        """Whether nothing is left on the line, and nothing more comes."""
        if self._failure is not None:
            raise self._failure
        return self._fed and not self._coming and not self._going

    def stop_reading(self) -> None:
        """Read no more; returns when nothing is being read."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._feeder.join()
        self._readers.shutdown(cancel_futures=True)
        self._coming.clear()

    def _is_read(self) -> bool:
        return bool(self._coming) and self._coming[0][1].done()

    def _is_written(self) -> bool:
        return bool(self._going) and self._going[0].done()

    def _feed(self) -> None:
        try:
            for source, target in self._jobs:
                skipped = not self._overwrite and exists(target)
                pixels = 0 if skipped else min(self._most, max(_pixels(source), self._most // _FILES))
                if not self._take(pixels):
                    return
                item = _Item(source, target, skipped, pixels)
                future = self._readers.submit(self._read, item)
                with self._changed:
                    self._coming.append((item, future))
                future.add_done_callback(self._notify)
        except BaseException as error:  # raised again by `is_over` in the main thread; here it would be lost
            self._failure = error
        finally:
            with self._changed:
                self._fed = True
                self._changed.notify_all()

    def _take(self, pixels: int) -> bool:
        """Wait for room; False if it is no longer wanted."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._held + pixels <= self._most)
            self._held += pixels
            return not self._stopping

    def _read(self, item: _Item) -> None:
        if not item.skipped:
            item.work(partial(read_picture, item.source))
            if item.picture is not None and item.picture.samples[..., 0].size >= _LARGE:
                give_memory_back()

    def _finish(self, item: _Item) -> Outcome:
        outcome = Outcome(item.source, item.target, "skipped" if item.skipped else "failed")
        if item.picture is not None:
            height, width = item.picture.samples.shape[:2]
            picture = item.picture
            item.work(partial(write_picture, item.target, picture, self._quality))
            if item.error is None:
                notes = (*picture.notes, *lost_as(picture, item.target.suffix))
                outcome = replace(outcome, status="restored", width=width, height=height, notes=notes)
        with self._changed:
            self._held -= item.pixels
            self._changed.notify_all()
        return replace(outcome, seconds=item.seconds, error=item.error)

    def _notify(self, _: object) -> None:
        with self._changed:
            self._changed.notify_all()


def _restore(item: _Item, restorer: Restorer, tell: Callable[[float], None], beside: Beside | None) -> None:
    def step(degraded: Picture) -> Picture:
        restored = restorer.restore_picture(degraded, tell)
        if beside is not None:
            beside(restorer, degraded, item.target)
        return restored

    if item.picture is not None:
        item.work(partial(step, item.picture))
    tell(1.0)


def _tell(progress: Callable[[float], None] | None, stopped: Callable[[], bool], done: int, share: float) -> None:
    if progress is not None:
        progress(done + share)
    if share < 1 and stopped():
        raise _Stop


def _sentence(error: Exception, source: Path) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    known = isinstance(error, CeairError)  # whose message names the file; torch's, when memory runs out, do not
    return reason if known else f"cannot restore {on_one_line(source)}: {reason}"


def _pixels(source: Path) -> int:
    """How many pixels an image has; one that does not tell is taken for the largest."""
    try:
        header = read_header(source)
    except ImageError:
        return MOST_PIXELS
    return header.width * header.height


def _pixels_ahead(restorer: Restorer) -> int:
    if restorer.inference.memory is None:
        free = available_memory()
        room = AHEAD * _SHARE * _BYTES_PER_PIXEL if free is None else free // 2
    else:
        room = restorer.inference.memory - resident_memory()
    return max(1, min(AHEAD, room // _SHARE // _BYTES_PER_PIXEL))
