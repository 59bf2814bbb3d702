"""Images on their way through one worker: while one is restored, the next is read and the last is written."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

from ceair.batch.job import Entry
from ceair.errors import CeairError
from ceair.image import Picture, decode_picture, encode_picture

_ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp", "BMP": ".bmp"}

A = TypeVar("A")
B = TypeVar("B")

Read = Callable[[], bytes]


@dataclass
class Work:
    """One image: where it comes from, where it goes, and what became of it.

    Attributes:
        name: as its entry has it.
        read, write: of the bytes of an image file.
        ending: of the format to write, such as `.png`; that of the source if empty.
        error: one sentence, once it has failed.
        seconds: spent on it.
        size: height and width in pixels, once it is restored.
        present: its result is there, and nothing is to be done.
        earlier: it was there before this run began.
    """

    name: str
    read: Read
    write: Callable[[bytes], None]
    ending: str = ""
    error: str | None = None
    seconds: float = 0.0
    size: tuple[int, int] | None = None
    present: bool = False
    earlier: bool = False

    @property
    def entry(self) -> Entry:
        """What became of it."""
        status = "failed" if self.error else "skipped" if self.earlier else "restored"
        height, width = self.size or (None, None)
        return Entry(self.name, status, self.error, round(self.seconds, 4), width, height)


def restore_works(works: Iterable[Work], restore: Callable[[Picture], Picture], depth: int) -> None:
    """Read, restore and write images; what one of them raises is its error, and the others go on.

    Args:
        works: the images, taken one by one.
        depth: how many images are read and written ahead of the one that is restored; 0 finishes each first.
    """

    def restore_one(work: Work, picture: Picture) -> Picture:
        restored = restore(picture)
        height, width = restored.samples.shape[:2]
        work.size = height, width
        return restored

    with ThreadPoolExecutor(2) as pool:
        begun = ((work, work.read) for work in works)
        loaded = _ahead(pool, _guarded(_load), begun, depth)
        restored = map(_guarded(restore_one), loaded)
        deque(_ahead(pool, _guarded(_save), restored, depth), maxlen=0)


def sentence(error: Exception) -> str:
    """The message of an error in one line."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(reason.split()) or type(error).__name__


def _load(work: Work, read: Read) -> Picture:
    return decode_picture(read(), work.name)


def _save(work: Work, picture: Picture) -> None:
    work.write(encode_picture(picture, work.ending or _ENDINGS[picture.format]))


def _guarded(step: Callable[[Work, A], B]) -> Callable[[tuple[Work, A | None]], tuple[Work, B | None]]:
    """A step that makes the next thing of an image; nothing is made once anything was raised."""

    def run(pair: tuple[Work, A | None]) -> tuple[Work, B | None]:
        """What the step makes of a work's thing; None once the work has failed."""
        work, thing = pair
        result: B | None = None
        if thing is not None:
            begin = perf_counter()
            try:
                result = step(work, thing)
            except Exception as error:  # whatever is wrong with one image must not stop the others
                reason = sentence(error)
                named = isinstance(error, CeairError) and work.name in reason
                work.error = reason if named else f"cannot restore {work.name}: {reason}"
            work.seconds += perf_counter() - begin
        return work, result

    return run


def _ahead(pool: ThreadPoolExecutor, step: Callable[[A], B], items: Iterable[A], depth: int) -> Iterator[B]:
    """The results of a step, in order; it is taken for `depth` more items than were asked for."""
    waiting: deque[Future[B]] = deque()
    for item in items:
        waiting.append(pool.submit(step, item))
        if len(waiting) > depth:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
