"""The panel that makes a clean photo worse, so that restoring can be tried."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from ceair.degradations import DEGRADATIONS
from ceair.web import html
from ceair.web.actions import Actions
from ceair.web.queues import HANDY, LIGHT
from ceair.web.restore_panel import choices, comparison
from ceair.web.worse_events import CLEAN, WorseEvents

_TITLES = {
    "low_light": "Low light",
    "rain": "Rain",
    "snow": "Snow",
    "haze": "Haze",
    "defocus": "Out of focus",
    "motion_blur": "Camera shake",
    "sensor_noise": "Camera noise",
    "noise": "Noise",
    "jpeg": "JPEG",
}
_SPREADS = [("everywhere", "even"), ("on the left", "left"), ("on the right", "right"), ("in patches", "smooth")]
_MOODS = {
    "Rainy evening": {"low_light": 0.35, "rain": 0.5},
    "Blizzard": {"snow": 0.9, "haze": 0.3},
    "Foggy morning": {"haze": 0.6, "noise": 0.1},
    "Old phone": {"low_light": 0.2, "sensor_noise": 0.35, "jpeg": 0.4},
}


class WorsePanel(NamedTuple):
    """Its parts."""

    drop: gr.File
    photos: gr.Gallery
    moods: list[gr.Button]
    severities: list[gr.Slider]
    spread: gr.Radio
    seed: gr.Number
    again: gr.Button
    message: gr.HTML
    title: gr.HTML
    slider: gr.ImageSlider
    restore: gr.Button
    download: gr.DownloadButton
    command: gr.HTML


def lay_out_worse() -> WorsePanel:
    """The parts in two columns, of which phones make one."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            drop = gr.File(label="A clean photo", show_label=False, elem_id="clean", elem_classes="drop", height=132)
            gr.HTML('<h2 class="small">Or take one of these</h2>', padding=False)
            photos = choices([(str(path), path.stem) for path in CLEAN], "photos")
            with gr.Row(elem_classes="moods"):
                moods = [gr.Button(mood, size="sm", min_width=120) for mood in _MOODS]
            severities, spread, seed, again = _lay_out_settings()
        with gr.Column(scale=4, min_width=320):
            hint = html.note("Drop a clean photo or choose one, then move the sliders.")
            message = gr.HTML(hint, elem_id="worse-message", padding=False)
            title = gr.HTML("", padding=False)
            slider = comparison(None, "worse")
            with gr.Row():
                restore = gr.Button("Restore it", variant="primary", interactive=False, elem_id="restore-worse")
                download = gr.DownloadButton("Download it", interactive=False, elem_id="download-worse")
            command = gr.HTML(padding=False, elem_id="command")
    return WorsePanel(
        drop, photos, moods, severities, spread, seed, again, message, title, slider, restore, download, command
    )


def _lay_out_settings() -> tuple[list[gr.Slider], gr.Radio, gr.Number, gr.Button]:
    severities: list[gr.Slider] = []
    names = list(DEGRADATIONS)
    for first in range(0, len(names), 2):
        with gr.Row(elem_classes="severities"):
            severities += [_severity(name) for name in names[first : first + 2]]
    spread = gr.Radio(_SPREADS, value="even", label="Where", elem_id="spread")
    with gr.Row(elem_id="versions"):
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=100, elem_id="seed")
        again = gr.Button("Another version", size="md", min_width=140)
    return severities, spread, seed, again


def _severity(name: str) -> gr.Slider:
    return gr.Slider(0, 1, 0, step=0.05, label=_TITLES[name], min_width=120, buttons=[], elem_id=f"severity-{name}")


def wire_worse(panel: WorsePanel, actions: Actions, tabs: gr.Tabs, start: Callable[[Any], None]) -> None:
    """Let the parts do something; `start` restores the session's photos after an event."""
    events = WorseEvents(actions)
    settings: list[Any] = [*panel.severities, panel.spread, panel.seed]
    shown = [panel.message, panel.title, panel.slider, panel.restore, panel.download, panel.command]
    panel.drop.upload(events.take, [panel.drop, *settings], [panel.drop, *shown], **LIGHT)
    panel.photos.select(events.take_example, settings, shown, **LIGHT)
    for setting in settings:
        setting.input(events.view, settings, shown, trigger_mode="always_last", **LIGHT)
    other = panel.again.click(lambda seed: int(seed or 0) + 1, panel.seed, panel.seed, **HANDY)
    other.then(events.view, settings, shown, **LIGHT)
    for button, severities in zip(panel.moods, _MOODS.values(), strict=True):
        values = [severities.get(name, 0) for name in DEGRADATIONS]
        chosen = button.click(partial(list, values), None, panel.severities, **HANDY)
        chosen.then(events.view, settings, shown, **LIGHT)
    start(panel.restore.click(events.restore, None, [tabs, panel.message], **HANDY))
