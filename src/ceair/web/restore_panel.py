"""The panel that restores: drop, compare, adjust, download."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from ceair.errors import CeairError
from ceair.web import html
from ceair.web.actions import Actions
from ceair.web.allowance import Allowance, readable_bytes, readable_pixels
from ceair.web.examples import EXAMPLES
from ceair.web.maps_panel import MapsPanel, lay_out_maps, wire_maps
from ceair.web.photo import Photo
from ceair.web.queues import HANDY, LIGHT, NETWORK
from ceair.web.sessions import JobEnded, Roll

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
    download: gr.DownloadButton
    bundle: gr.DownloadButton
    overview: gr.HTML
    numbers: gr.HTML
    maps: MapsPanel


def lay_out_restore(first: tuple[Path, Path], allowance: Allowance) -> RestorePanel:
    """The parts in two columns, of which phones make one."""
    most = f"JPEG, PNG, WebP, TIFF, BMP; up to {readable_bytes(allowance.upload)} and {readable_pixels(allowance.pixels)} each"
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            drop = gr.File(label="Photos", show_label=False, file_count="multiple", elem_id="drop", elem_classes="drop", height=132)
            gr.HTML(f'<p class="hint">{most}. Or paste one.</p>', padding=False)
            message = gr.HTML(elem_id="message", padding=False)
            stop = gr.Button("Stop", variant="stop", size="sm", visible=False, elem_id="stop")
            gr.HTML('<h2 class="small">Or try one of these</h2>', padding=False)
            examples = choices([(str(example.small), example.title) for example in EXAMPLES], "examples")
        with gr.Column(scale=3, min_width=320):
            picker = gr.Dropdown(label="Photo", visible=False, elem_id="picker", filterable=False)
            title = gr.HTML(html.title("An example", "before", "after"), padding=False, elem_id="title")
            slider = comparison((str(first[0]), str(first[1])), "compare")
            with gr.Column(visible=False, elem_id="tools") as tools:
                with gr.Row(elem_id="adjust"):
                    strength = gr.Slider(
                        0, 100, 100, step=5, label="Strength, %", buttons=[], elem_id="strength"
                    )
                    with gr.Column(min_width=200):
                        download = gr.DownloadButton("Download", variant="primary", size="md", elem_id="download")
                        bundle = gr.DownloadButton("Download all (ZIP)", size="md", visible=False, elem_id="bundle")
                overview = gr.HTML(visible=False, padding=False, elem_id="overview")
                with gr.Accordion("What was changed, in numbers"):
                    numbers = gr.HTML(padding=False, elem_id="numbers")
                maps = lay_out_maps()
    return RestorePanel(
        drop, examples, message, stop, title, slider, picker, tools, strength, download, bundle, overview, numbers, maps
    )


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


def wire_restore(panel: RestorePanel, actions: Actions) -> Callable[[gr.events.Dependency], None]:
    """Let the parts do something; gives what restores the session's photos after another event."""
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

    def take(files: list[str] | None, request: gr.Request) -> Any:
        session = actions.sessions.get(request.session_hash)
        session.refused = actions.take(session, [Path(file) for file in files or ()])
        return None, html.errors(session.refused)

    def take_example(event: gr.SelectData, request: gr.Request) -> Any:
        session = actions.sessions.get(request.session_hash)
        session.refused = []
        actions.take_example(session, event.index)
        return ""

    def restore(strength: float, request: gr.Request, progress: gr.Progress = gr.Progress()) -> Iterator[list[Any]]:  # noqa: B008
        session = actions.sessions.get(request.session_hash)
        if not session.roll.is_new():
            yield [gr.skip() for _ in shown]
            return
        try:
            for roll in actions.restore(session, strength / 100, progress):
                yield _view(roll, None, session.refused)
        except JobEnded:
            return
        bundle = actions.bundle(session)
        yield _view(session.roll, None, session.refused, bundle)

    def change_strength(strength: float, index: int | None, request: gr.Request) -> list[Any]:
        session = actions.sessions.get(request.session_hash)
        try:
            roll = actions.change_strength(session, strength / 100)
        except CeairError as error:
            return [html.errors([str(error)]), *(gr.skip() for _ in shown[1:])]
        return _view(roll, index, session.refused, actions.bundle(session))

    def show(index: int | None, request: gr.Request) -> list[Any]:
        session = actions.sessions.get(request.session_hash)
        return _view(session.roll, index, session.refused, gr.skip())

    def fold() -> Any:
        return gr.Accordion(open=False), None

    def stop(request: gr.Request) -> Any:
        actions.sessions.get(request.session_hash).roll.stopped.set()
        return gr.update(visible=False)

    def start(event: Any) -> None:
        event = event.then(None, None, None, js="() => document.dispatchEvent(new Event('ceair-start'))")
        event = event.then(restore, panel.strength, shown, show_progress_on=panel.slider, **NETWORK)
        event.then(fold, None, [panel.maps.fold, panel.maps.picture], **HANDY)

    start(panel.drop.upload(take, panel.drop, [panel.drop, panel.message], **HANDY))
    start(panel.examples.select(take_example, None, panel.message, **HANDY))
    panel.strength.input(
        change_strength,
        [panel.strength, panel.picker],
        shown,
        trigger_mode="always_last",
        **LIGHT,
    )
    panel.picker.input(show, panel.picker, shown, **HANDY).then(
        fold, None, [panel.maps.fold, panel.maps.picture], **HANDY
    )
    wire_maps(panel.maps, actions, panel.picker, panel.message)
    panel.stop.click(stop, None, panel.stop, **HANDY)
    return start


def _view(roll: Roll, index: int | None, refused: list[str], bundle: Path | None = None) -> list[Any]:
    """What the parts show of photos, of which some may be done."""
    done = [photo for photo in roll.photos if photo.result is not None]
    working = any(photo.result is None and photo.error is None for photo in roll.photos)
    failed = [photo.error for photo in roll.photos if photo.error is not None]
    message = html.errors([*refused, *failed], "" if working or not done else _done(done))
    several = len(roll.photos) > 1
    photo = done[min(index or 0, len(done) - 1)] if done else None
    if photo is None:
        return [message, gr.update(visible=working), *(gr.skip() for _ in range(8))]
    return [
        message,
        gr.update(visible=working),
        html.title(photo.name, "before", "after"),
        (str(photo.before), str(photo.after)),
        gr.update(choices=[(one.name, place) for place, one in enumerate(done)], value=done.index(photo), visible=len(done) > 1),
        gr.update(visible=True),
        gr.update(value=str(photo.result), label=f"Download {photo.result.name}"),
        gr.update(value=bundle and str(bundle), visible=bundle is not None),
        gr.update(value=html.overview(roll.photos) if several else "", visible=several),
        html.figures(photo),
    ]


def _done(done: list[Photo]) -> str:
    seconds = sum(photo.seconds or 0 for photo in done)
    what = done[0].name if len(done) == 1 else f"{len(done)} photos"
    return f"{what} restored in {seconds:.1f} s. Drag the handle in the picture to compare."
