"""What the page can do, without the page: each action works on a session."""

import os
import shutil
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from ceair.data.degraded import Spread
from ceair.errors import CeairError
from ceair.files import open_atomically
from ceair.image import Picture, decode_picture, write_picture
from ceair.restore import Restorer
from ceair.web.allowance import Allowance, readable_pixels
from ceair.web.examples import EXAMPLES, PHOTOS, make
from ceair.web.manners import Manners
from ceair.web.maps import MOST_PIXELS, Maps, read_maps
from ceair.web.photo import Photo, Samples, check, develop, restore, write_preview
from ceair.web.sessions import JobEndedError, Roll, Session, Sessions
from ceair.web.worse import Worse

Tell = Callable[[float, str], object]
"""Is told the share of a job that is done, and what is being done."""


class NothingThereError(CeairError):
    """The photos that something is asked of are no longer kept."""

    def __init__(self) -> None:
        super().__init__("the photos are no longer kept here; drop them again")


class Actions:
    """Everything that visitors can do.

    Args:
        restorer: what restores; used by one action at a time.
        sessions: who is there.
        allowance: what may be asked.
        manners: how photos may be restored.
    """

    def __init__(self, restorer: Restorer, sessions: Sessions, allowance: Allowance, manners: Manners) -> None:
        self.restorer, self.sessions, self.allowance, self.manners = restorer, sessions, allowance, manners

    def take(self, session: Session, uploads: Sequence[Path]) -> list[str]:
        """Let uploads take the place of the session's photos, if any can be taken; why the others cannot."""
        photos, refused = [], []
        for upload in uploads[: self.allowance.files]:
            try:
                photos.append(self._photo(upload))
            except CeairError as error:
                refused.append(str(error))
        if len(uploads) > self.allowance.files:
            left = len(uploads) - self.allowance.files
            refused.append(f"{left} photos were left out: this page takes {self.allowance.files} at once")
        if photos:
            session.replace_roll(Roll(photos))
        return refused

    def take_example(self, session: Session, index: int) -> None:
        """Let an example take the place of the session's photos."""
        example = EXAMPLES[index]
        photo = self._made(example.name, Picture(make(example)))
        photo.truth = decode_picture(example.clean.read_bytes(), example.photo).samples
        session.replace_roll(Roll([photo]))

    def take_again(self, session: Session) -> None:
        """Let the session's photos take their own place, as if they had just come.

        Raises:
            NothingThereError: there are none any more.
        """
        photos: list[Photo] = []
        try:
            for photo in session.roll.photos:
                photos.append(self._linked(photo.name, photo.source, photo.truth))
        except OSError as error:
            for photo in photos:
                photo.folder.remove()
            if isinstance(error, FileNotFoundError):  # deleted meanwhile
                raise NothingThereError from error
            raise
        if not photos:
            raise NothingThereError
        session.replace_roll(Roll(photos))

    def restore(self, session: Session, strength: float, tell: Tell, manner: Collection[str] = ()) -> Iterator[Roll]:
        """Restore the session's photos; given after each one. What goes wrong with one is noted there.

        They get the strength that was chosen meanwhile, if one was.

        Raises:
            JobEndedError: others took their place meanwhile, or nobody is there any more.
        """
        roll = session.roll
        look, restorer = roll.guard(self.allowance.seconds), self.manners.apply(self.restorer, manner)
        for index, photo in enumerate(roll.photos):

            def tell_share(share: float, before: int = index, name: str = photo.name) -> None:
                tell((before + share) / len(roll.photos), name)
                look()

            try:
                with roll.working:
                    look()
                    self.sessions.check_room()
                    tell(index / len(roll.photos), photo.name)
                    restore(photo, restorer, strength if roll.strength is None else roll.strength, tell_share)
            except Exception as error:  # whatever is wrong with one photo, the others are still done
                photo.error = _sentence(error, photo.name)
            if roll.ended.is_set():
                raise JobEndedError("other photos took the place of these")
            yield roll

    def change_strength(self, session: Session, strength: float) -> None:
        """Blend all results anew; photos that are still to be restored get this strength then.

        Raises:
            NothingThereError: there are none any more.
        """
        roll = session.roll
        roll.strength = strength  # before waiting, so that the next photo of a job that runs has it
        with roll.working:
            is_done = any(photo.result is not None for photo in roll.photos)
            if roll.ended.is_set() or not (is_done or roll.is_new()):
                raise NothingThereError
            _bundle(roll)

    def read_maps(self, session: Session, index: int | None) -> Maps:
        """The maps of one of the restored photos; read when they are first wanted.

        Raises:
            NothingThereError: it is not there any more.
            CeairError: it is too large for that, or there is too little memory.
        """
        roll = session.roll
        done = [photo for photo in roll.photos if photo.result is not None]
        if not done:
            raise NothingThereError
        photo = done[min(index or 0, len(done) - 1)]
        with roll.working:
            if roll.ended.is_set():
                raise NothingThereError
            if photo.maps is None:
                most = readable_pixels(MOST_PIXELS)
                if photo.pixels > MOST_PIXELS:
                    raise CeairError(f"maps of photos beyond {most} are not drawn here; `ceair explain` draws them")
                photo.maps = read_maps(photo, self.restorer)
        return photo.maps

    def bundle(self, session: Session) -> None:
        """Put all results of a session into one ZIP file, if there are several, in place of the last one."""
        roll = session.roll
        with roll.working:
            if not roll.ended.is_set():  # else their folders are gone
                _bundle(roll)

    def take_clean(self, session: Session, upload: Path) -> Worse:
        """Let an upload be the photo that is made worse.

        Raises:
            ImageError: it cannot be read, or is larger than allowed.
        """
        check(upload, upload.name, self.allowance)
        return self._start_worse(session, decode_picture(upload.read_bytes(), upload.name), upload.name)

    def take_clean_example(self, session: Session, name: str) -> Worse:
        """Let a bundled photo be the one that is made worse."""
        path = PHOTOS / f"{name}.jpg"
        return self._start_worse(session, decode_picture(path.read_bytes(), path.name), path.name)

    def make_worse(
        self, session: Session, severities: Mapping[str, float], spread: Spread, seed: int
    ) -> tuple[Worse, Path]:
        """Degrade the clean photo; a preview of the result comes with it.

        Raises:
            NothingThereError: there is none any more.
        """
        worse = session.worse
        if worse is None:
            raise NothingThereError
        path = worse.degrade(severities, spread, seed)
        return worse, write_preview(decode_picture(path.read_bytes(), path.name), path.parent / "preview")

    def take_worse(self, session: Session) -> None:
        """Let the degraded photo take the place of the session's photos.

        Raises:
            NothingThereError: there is none any more.
        """
        worse = session.worse
        if worse is None or worse.degraded is None:
            raise NothingThereError
        photo = self._photo(worse.degraded)
        photo.truth = worse.clean
        session.replace_roll(Roll([photo]))

    def _start_worse(self, session: Session, picture: Picture, name: str) -> Worse:
        if session.worse is not None:
            session.worse.folder.remove()
        session.worse = Worse.of(picture, name, self.sessions.new_folder())
        return session.worse

    def _photo(self, path: Path) -> Photo:
        check(path, path.name, self.allowance)
        return self._linked(path.name, path)

    def _linked(self, name: str, path: Path, truth: Samples | None = None) -> Photo:
        folder = self.sessions.new_folder()
        source = folder.kept / "source"
        try:
            _link(path, source)
        except OSError:
            folder.remove()
            raise
        return Photo(name, source, folder, truth)

    def _made(self, name: str, picture: Picture) -> Photo:
        folder = self.sessions.new_folder()
        source = folder.kept / name
        write_picture(source, picture)
        return Photo(name, source, folder)


def _link(path: Path, source: Path) -> None:
    try:
        os.link(path, source)  # the upload goes when nobody else needs it
    except OSError:
        shutil.copyfile(path, source)


def _bundle(roll: Roll) -> None:
    """Give all results the strength that is wanted now and, if there are several, put them into one ZIP file.

    It appears whole in place of the last one, which whoever is downloading that still gets.
    """
    for photo in roll.photos:
        if photo.result is not None and roll.strength is not None and photo.strength != roll.strength:
            develop(photo, roll.strength)
    results = [photo.result for photo in roll.photos if photo.result is not None]
    if len(results) < 2:
        return
    target = roll.photos[0].folder.shown / "restored.zip"
    taken: set[str] = set()
    with open_atomically(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for result in results:  # stored, as images do not get smaller
            archive.write(result, _free_name(result.name, taken))
    roll.bundle = target


def _free_name(name: str, taken: set[str]) -> str:
    path, number = Path(name), 1
    while name in taken:
        number += 1
        name = f"{path.stem} ({number}){path.suffix}"
    taken.add(name)
    return name


def _sentence(error: Exception, name: str) -> str:
    if isinstance(error, CeairError):
        return str(error)
    return f"cannot restore {name}: {' '.join(str(error).split()) or type(error).__name__}"
