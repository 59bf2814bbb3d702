"""The page: what is where, and which action each part calls."""

from collections.abc import Callable
from pathlib import Path

import gradio as gr

from ceair.web.about import about
from ceair.web.actions import Actions
from ceair.web.restore_panel import lay_out_restore, wire_restore
from ceair.web.worse_panel import lay_out_worse, wire_worse

_HEAD = """
<header class="top">
  <h1>ceair</h1>
  <p>Drop a damaged photo, get a clean one: noise, rain, haze, snow, low light and blur, alone or mixed.</p>
</header>
"""


def build_page(actions: Actions, first: tuple[Path, Path]) -> gr.Blocks:
    """The page.

    Args:
        actions: what it can do.
        first: an example before and after, to look at before there is anything else.
    """
    with gr.Blocks(title="ceair", analytics_enabled=False, fill_width=True) as page:
        gr.HTML(_HEAD, padding=False)
        with gr.Tabs(selected="restore") as tabs:
            with gr.Tab("Restore", id="restore"):
                restore = lay_out_restore(first, actions.allowance, actions.manners)
            with gr.Tab("Make it worse", id="worse"):
                worse = lay_out_worse()
            with gr.Tab("About", id="about"):
                gr.HTML(about(actions.restorer, actions.allowance), padding=False)
        start = wire_restore(restore, actions)
        wire_worse(worse, actions, tabs, start)
        page.unload(_leave(actions))
    return page


def _leave(actions: Actions) -> Callable[[gr.Request], None]:
    def leave(request: gr.Request) -> None:
        actions.sessions.leave(request.session_hash)

    return leave
