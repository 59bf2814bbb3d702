"""What happens when somebody uses the panel that restores."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from ceair.errors import CeairError
from ceair.web import html
from ceair.web.actions import Actions
from ceair.web.photo import Photo
from ceair.web.sessions import JobEndedError, Session

_PARTS = 10  # that a view is for


class RestoreEvents:
    """Calls the actions for the page that asks, and says what its parts show then."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions

    def take(self, files: list[str] | None, request: gr.Request) -> Any:
        """Uploads came."""
        session = self._session(request)
        session.refused = self._actions.take(session, [Path(file) for file in files or ()])
        return None, html.errors(session.refused)

    def take_example(self, event: gr.SelectData, request: gr.Request) -> str:
        """An example was chosen."""
        session = self._session(request)
        session.refused = []
        self._actions.take_example(session, event.index)
        return ""

    def take_again(self, request: gr.Request) -> str:
        """It was chosen how to restore."""
        session = self._session(request)
        try:
            self._actions.take_again(session)
        except CeairError as error:
            session.refused = [str(error)]
        return html.errors(session.refused)

    def restore(
        self,
        strength: float,
        manner: Collection[str],
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 as Gradio wants it
    ) -> Iterator[list[Any]]:
        """Restore what came, if it is new; a view after each photo."""
        session = self._session(request)
        if not session.roll.is_new():
            yield _unchanged()
            return
        yield [html.errors(session.refused, "Restoring."), gr.update(visible=True), *_unchanged(2)]
        try:
            for _ in self._actions.restore(session, strength / 100, progress, manner):
                yield _view(session, None)
        except JobEndedError:  # for the photos that took their place there is another event
            return
        self._actions.bundle(session)
        yield _view(session, None)

    def change_strength(self, strength: float, index: int | None, request: gr.Request) -> list[Any]:
        """The strength was moved."""
        session = self._session(request)
        try:
            self._actions.change_strength(session, strength / 100)
        except CeairError as error:
            return [html.errors([str(error)]), *_unchanged(1)]
        return _view(session, index)

    def show(self, index: int | None, request: gr.Request) -> list[Any]:
        """Another photo is to be shown."""
        return _view(self._session(request), index)

    def stop(self, request: gr.Request) -> Any:
        """No more is to be restored."""
        self._session(request).roll.stopped.set()
        return gr.update(visible=False)

    def fold(self) -> Any:
        """The maps belong to a photo that is not shown any more."""
        return gr.Accordion(open=False), None

    def _session(self, request: gr.Request) -> Session:
        return self._actions.sessions.get(request.session_hash)


def _unchanged(first: int = 0) -> list[Any]:
    """What leaves the parts from this one on as they are."""
    return [gr.skip() for _ in range(first, _PARTS)]


def _view(session: Session, index: int | None) -> list[Any]:
    """What the parts show of photos, of which some may be done."""
    roll = session.roll
    done = [photo for photo in roll.photos if photo.result is not None]
    failed = [photo.error for photo in roll.photos if photo.error is not None]
    working = len(done) + len(failed) < len(roll.photos)
    message = html.errors([*session.refused, *failed], "Restoring." if working else _done(done))
    if not done:
        return [message, gr.update(visible=working), *_unchanged(2)]
    several, place = len(roll.photos) > 1, min(index or 0, len(done) - 1)
    names = [(photo.name, number) for number, photo in enumerate(done)]
    photo, bundle = done[place], roll.bundle
    assert photo.result is not None
    return [
        message,
        gr.update(visible=working),
        html.title(photo.name, "before", "after"),
        (str(photo.before), str(photo.after)),
        gr.update(choices=names, value=place, visible=len(done) > 1),
        gr.update(visible=True),
        gr.update(value=str(photo.result), label=f"Download {photo.result.name}"),
        gr.update(value=bundle and str(bundle), visible=bundle is not None),
        gr.update(value=html.overview(roll.photos) if several else "", visible=several),
        html.figures(photo),
    ]


def _done(done: list[Photo]) -> str:
    if not done:
        return ""
    seconds = sum(photo.seconds or 0 for photo in done)
    what = done[0].name if len(done) == 1 else f"{len(done)} photos"
    return f"{what} restored in {seconds:.1f} s. Drag the handle in the picture to compare."
