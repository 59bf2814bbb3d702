"""The panel that restores: drop, compare, adjust, download."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from ceair.web import html
from ceair.web.actions import Actions
from ceair.web.allowance import Allowance, readable_bytes, readable_pixels
from ceair.web.examples import EXAMPLES
from ceair.web.manners import Manners
from ceair.web.maps_panel import MapsPanel, lay_out_maps, wire_maps
from ceair.web.queues import HANDY, LIGHT, NETWORK
from ceair.web.restore_events import RestoreEvents

_TALLEST = 560  # pixels of a comparison


class RestorePanel(NamedTuple):
    """Its parts."""

    drop: gr.File
    examples: gr.Gallery
    message: gr.HTML
    stop: gr.Button
    title: gr.HTML
    slider: gr.ImageSlider
    picker: gr.Dropdown
    tools: gr.Column
    strength: gr.Slider
    manner: gr.CheckboxGroup
    download: gr.DownloadButton
    bundle: gr.DownloadButton
    overview: gr.HTML
    numbers: gr.HTML
    maps: MapsPanel


def lay_out_restore(first: tuple[Path, Path], allowance: Allowance, manners: Manners) -> RestorePanel:
    """The parts in two columns, of which phones make one."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            drop, message, stop, examples = _lay_out_input(allowance)
        with gr.Column(scale=3, min_width=320):
            picker = gr.Dropdown(label="Photo", visible=False, elem_id="picker", filterable=False)
            title = gr.HTML(html.title("An example", "before", "after"), padding=False, elem_id="title")
            slider = comparison((str(first[0]), str(first[1])), "compare")
            with gr.Column(visible=False, elem_id="tools") as tools:
                strength, download, bundle = _lay_out_adjusting()
                manner = gr.CheckboxGroup(
                    manners.choices, value=list(manners.first), label="How", show_label=False, elem_id="manner"
                )
                overview = gr.HTML(visible=False, padding=False, elem_id="overview")
                with gr.Accordion("What was changed, in numbers"):
                    numbers = gr.HTML(padding=False, elem_id="numbers")
                maps = lay_out_maps()
    return RestorePanel(
        drop,
        examples,
        message,
        stop,
        title,
        slider,
        picker,
        tools,
        strength,
        manner,
        download,
        bundle,
        overview,
        numbers,
        maps,
    )


def _lay_out_input(allowance: Allowance) -> tuple[gr.File, gr.HTML, gr.Button, gr.Gallery]:
    size, pixels = readable_bytes(allowance.upload), readable_pixels(allowance.pixels)
    most = f"JPEG, PNG, WebP, TIFF, BMP; up to {size} and {pixels} each"
    drop = gr.File(
        label="Photos", show_label=False, file_count="multiple", elem_id="drop", elem_classes="drop", height=132
    )
    gr.HTML(f'<p class="hint">{most}. Or paste one.</p>', padding=False)
    message = gr.HTML(elem_id="message", padding=False)
    stop = gr.Button("Stop", variant="stop", size="sm", visible=False, elem_id="stop")
    gr.HTML('<h2 class="small">Or try one of these</h2>', padding=False)
    examples = choices([(str(example.small), example.title) for example in EXAMPLES], "examples")
    return drop, message, stop, examples


def _lay_out_adjusting() -> tuple[gr.Slider, gr.DownloadButton, gr.DownloadButton]:
    with gr.Row(elem_id="adjust"):
        strength = gr.Slider(0, 100, 100, step=5, label="Strength, %", buttons=[], elem_id="strength")
        with gr.Column(min_width=200):
            download = gr.DownloadButton("Download", variant="primary", size="md", elem_id="download")
            bundle = gr.DownloadButton("Download all (ZIP)", size="md", visible=False, elem_id="bundle")
    return strength, download, bundle


def comparison(value: tuple[str, str] | None, name: str) -> gr.ImageSlider:
    """Two pictures with a divider between them, by which both are compared."""
    return gr.ImageSlider(
        value,
        show_label=False,
        label="Comparison",
        buttons=["fullscreen"],
        interactive=False,
        max_height=_TALLEST,
        elem_id=name,
        elem_classes="comparison",
    )


def choices(pictures: list[tuple[str, str]], name: str) -> gr.Gallery:
    """Small pictures with titles, one of which can be chosen."""
    return gr.Gallery(
        pictures,
        show_label=False,
        label="Examples",
        columns=3,
        height="auto",
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id=name,
        elem_classes="choices",
    )


def wire_restore(panel: RestorePanel, actions: Actions) -> Callable[[Any], None]:
    """Let the parts do something; gives what restores the session's photos after another event."""
    events, maps = RestoreEvents(actions), panel.maps
    shown = [
        panel.message,
        panel.stop,
        panel.title,
        panel.slider,
        panel.picker,
        panel.tools,
        panel.download,
        panel.bundle,
        panel.overview,
        panel.numbers,
    ]

    def start(event: Any) -> None:
        event = event.then(None, None, None, js="() => document.dispatchEvent(new Event('ceair-start'))")
        event = event.then(
            events.restore, [panel.strength, panel.manner], shown, show_progress_on=panel.slider, **NETWORK
        )
        event.then(events.fold, None, [maps.fold, maps.picture], **HANDY)

    start(panel.drop.upload(events.take, panel.drop, [panel.drop, panel.message], **HANDY))
    start(panel.examples.select(events.take_example, None, panel.message, **HANDY))
    start(panel.manner.input(events.take_again, None, panel.message, **HANDY))
    settings = [panel.strength, panel.picker]
    panel.strength.input(events.change_strength, settings, shown, trigger_mode="always_last", **LIGHT)
    chosen = panel.picker.input(events.show, panel.picker, shown, **HANDY)
    chosen.then(events.fold, None, [maps.fold, maps.picture], **HANDY)
    wire_maps(maps, actions, panel.picker, panel.message)
    panel.stop.click(events.stop, None, panel.stop, **HANDY)
    return start
