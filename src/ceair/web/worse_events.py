"""What happens when somebody uses the panel that makes a photo worse."""

from pathlib import Path
from typing import Any

import gradio as gr

from ceair.degradations import DEGRADATIONS
from ceair.errors import CeairError
from ceair.web import html
from ceair.web.actions import Actions
from ceair.web.examples import PHOTOS
from ceair.web.sessions import Session
from ceair.web.worse import Worse, command

CLEAN = sorted(PHOTOS.glob("*.jpg"))
"""The bundled clean photos."""

_PARTS = 6  # that a view is for


class WorseEvents:
    """Calls the actions for the page that asks, and says what its parts show then.

    The values that come with each event are the severities in the order of `DEGRADATIONS`, where they act, the seed.
    """

    def __init__(self, actions: Actions) -> None:
        self._actions = actions

    def take(self, file: str | None, request: gr.Request, *values: Any) -> list[Any]:
        """An upload came."""
        try:
            self._actions.take_clean(self._session(request), Path(file or ""))
        except CeairError as error:
            return [None, *_failed(error)]
        return [None, *self.view(request, *values)]

    def take_example(self, event: gr.SelectData, request: gr.Request, *values: Any) -> list[Any]:
        """A bundled photo was chosen."""
        self._actions.take_clean_example(self._session(request), CLEAN[event.index].stem)
        return self.view(request, *values)

    def view(self, request: gr.Request, *values: Any) -> list[Any]:
        """Make the photo worse by these values, and show it."""
        *levels, spread, seed = values
        severities = dict(zip(DEGRADATIONS, levels, strict=True))
        seed = max(0, int(seed or 0))
        try:
            worse, degraded = self._actions.make_worse(self._session(request), severities, spread, seed)
        except CeairError as error:
            return _failed(error)
        chosen = any(levels)
        return [
            html.note(_hint(worse, chosen)),
            html.title(worse.name, "clean", "worse"),
            (str(worse.preview), str(degraded)),
            gr.update(interactive=chosen),
            gr.update(value=str(worse.degraded), interactive=chosen),
            html.code(command(worse.name, severities, spread, seed)) if chosen else "",
        ]

    def restore(self, request: gr.Request) -> Any:
        """Take the degraded photo over to the panel that restores."""
        session = self._session(request)
        session.refused = []
        try:
            self._actions.take_worse(session)
        except CeairError as error:
            return gr.skip(), html.errors([str(error)])
        return gr.Tabs(selected="restore"), gr.skip()

    def _session(self, request: gr.Request) -> Session:
        return self._actions.sessions.get(request.session_hash)


def _failed(error: CeairError) -> list[Any]:
    return [html.errors([str(error)]), *(gr.skip() for _ in range(1, _PARTS))]


def _hint(worse: Worse, chosen: bool) -> str:
    height, width = worse.clean.shape[:2]
    hints = [] if chosen else ["Move a slider to make it worse."]
    hints += [f"It was shrunk to {width} x {height} pixels to be quick."] if worse.shrunk else []
    return " ".join(hints)
