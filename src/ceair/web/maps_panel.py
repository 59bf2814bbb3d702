"""The panel with the maps of the network over the photo."""

from typing import Any, NamedTuple

import gradio as gr
from PIL import Image

from ceair.errors import CeairError
from ceair.web import html
from ceair.web.actions import Actions
from ceair.web.maps import CHANGE
from ceair.web.queues import LIGHT, NETWORK

_LEGEND = """<p class="legend"><span class="scale"></span> Blue is negative, white is nothing, red is positive;
amounts, which have no sign, go from white to dark. A rank is one of the directions that the network wrote for this very
photo; its map shows how much of it each place takes, and whether it is added or taken away.</p>"""


class MapsPanel(NamedTuple):
    """Its parts."""

    fold: gr.Accordion
    layer: gr.Dropdown
    which: gr.Dropdown
    opacity: gr.Slider
    picture: gr.Image


def lay_out_maps() -> MapsPanel:
    """The parts, folded away until somebody wants them."""
    with gr.Accordion("Where it was changed: maps", open=False, elem_id="maps") as fold:
        with gr.Row():
            which = gr.Dropdown(
                label="Map", choices=[("The change itself", CHANGE)], value=CHANGE, filterable=False, elem_id="map"
            )
            layer = gr.Dropdown(label="Layer", choices=[], filterable=False, elem_id="layer")
            opacity = gr.Slider(0, 100, 70, step=5, label="Opacity, %", buttons=[], elem_id="opacity")
        picture = gr.Image(
            show_label=False,
            label="Map over the photo",
            interactive=False,
            buttons=["fullscreen"],
            elem_id="map-picture",
        )
        gr.HTML(_LEGEND, padding=False)
    return MapsPanel(fold, layer, which, opacity, picture)


def wire_maps(panel: MapsPanel, actions: Actions, picker: gr.Dropdown, message: gr.HTML) -> None:
    """Let the parts do something; `picker` says which photo is shown, `message` says what went wrong."""
    events = _Events(actions)
    settings: list[Any] = [picker, panel.layer, panel.which, panel.opacity]
    shown = [message, panel.layer, panel.which, panel.picture]
    panel.fold.expand(events.unfold, [picker, panel.opacity], shown, show_progress_on=panel.picture, **NETWORK)
    for setting in settings[1:]:
        setting.input(events.draw, settings, shown, trigger_mode="always_last", **LIGHT)


class _Events:
    """Calls the actions for the page that asks, and says what the parts show then."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions

    def unfold(self, index: int | None, opacity: float, request: gr.Request) -> list[Any]:
        """Somebody wants to see the maps."""
        return self.draw(index, None, CHANGE, opacity, request)

    def draw(self, index: int | None, level: int | None, which: str, opacity: float, request: gr.Request) -> list[Any]:
        """A map was chosen, or something about it."""
        session = self._actions.sessions.get(request.session_hash)
        try:
            maps = self._actions.read_maps(session, index)
        except CeairError as error:
            return [html.errors([str(error)]), *(gr.skip() for _ in range(3))]
        layers = maps.layers()
        level = layers[-1][1] if level is None else level
        return [
            gr.skip(),
            gr.update(choices=layers, value=level),
            gr.update(choices=maps.choices(level), value=which),
            Image.fromarray(maps.picture(level, which, opacity / 100)),
        ]
