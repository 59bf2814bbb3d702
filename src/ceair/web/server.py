"""Starts the server of the page, and ends it with nothing left behind."""

import os
import socket
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from ceair.errors import CeairError, on_one_line
from ceair.image import Picture
from ceair.restore import Restorer
from ceair.web.allowance import Allowance
from ceair.web.examples import EXAMPLES, PHOTOS, make
from ceair.web.folder import Folder, server_folder
from ceair.web.manners import Manners
from ceair.web.photo import write_preview

_GRACEFUL = 3  # seconds that open connections may take to end


def serve(
    restorer: Restorer,
    host: str,
    port: int,
    allowance: Allowance,
    ready: Callable[[str], None],
    root_path: str,
    manners: Manners,
) -> None:
    """Serve the page until the process gets a signal.

    Args:
        restorer: what restores.
        host, port: where it listens; port 0 is any free one.
        allowance: what visitors may ask.
        ready: is told the address once it answers.
        root_path: the path, such as `/ceair`, below which a proxy shows the page.
        manners: how visitors may have photos restored.

    Raises:
        CeairError: it cannot listen there, or Gradio is not installed.
    """
    if find_spec("gradio") is None:
        raise CeairError("the page needs Gradio; install it with `pip install 'ceair[web]'`")
    with _listen(host, port) as listener, server_folder() as folder:
        _keep_gradio_to_itself(folder)
        address = f"http://{_shown_host(host)}:{listener.getsockname()[1]}{root_path}/"
        _run(restorer, folder, allowance, listener, lambda: ready(address), root_path, manners)


def _run(
    restorer: Restorer,
    folder: Folder,
    allowance: Allowance,
    listener: socket.socket,
    ready: Callable[[], None],
    root_path: str,
    manners: Manners,
) -> None:
    import gradio as gr
    import uvicorn
    from fastapi import FastAPI

    from ceair.web.actions import Actions
    from ceair.web.guard import Guard
    from ceair.web.page import build_page
    from ceair.web.sessions import Sessions
    from ceair.web.theme import HERE, theme

    gr.set_static_paths([PHOTOS])
    with Sessions(folder, allowance) as sessions:
        page = build_page(Actions(restorer, sessions, allowance, manners), _first_example(restorer, folder))
        page.queue(max_size=allowance.waiting, default_concurrency_limit=1, api_open=False)
        application = gr.mount_gradio_app(
            FastAPI(openapi_url=None),
            page,
            "/",
            footer_links=[],
            run_history=False,
            show_error=False,
            max_file_size=allowance.upload,
            ssr_mode=False,
            enable_monitoring=False,
            pwa=False,
            mcp_server=False,
            root_path=root_path or None,
            favicon_path=str(HERE / "favicon.png"),
            theme=theme(),
            css_paths=[HERE / "page.css"],
            head=f"<script>{(HERE / 'page.js').read_text(encoding='utf-8')}</script>",
        )
        config = uvicorn.Config(
            Guard(application, folder, allowance),
            log_level="critical",  # what is cut off at the end is no news
            proxy_headers=True,
            timeout_graceful_shutdown=_GRACEFUL,
        )
        server = uvicorn.Server(config)
        ready()  # whoever asks now waits a moment
        server.run(sockets=[listener])


def _first_example(restorer: Restorer, folder: Folder) -> tuple[Path, Path]:
    """An example before and after; that it can be restored shows that visitors' photos can."""
    before = Picture(make(EXAMPLES[0]))
    after = restorer.restore_picture(before)
    first = folder.shown / "results" / "first"
    return write_preview(before, first / "before"), write_preview(after, first / "after")


def _keep_gradio_to_itself(folder: Folder) -> None:
    """Let Gradio ask nobody about news, count nothing, and put files into our folder only; before it is imported."""
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder.shown),
        "GRADIO_EXAMPLES_CACHE": str(folder.kept / "gradio"),
        "GRADIO_ALLOWED_PATHS": "",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(place[:2], family=family, backlog=128)
        # What is accepted inherits it. asyncio sets it on sockets made for TCP by name only; without it the second of
        # two small writes waits 40 ms for the other end to say that it has the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (UnicodeError, socket.gaierror) as error:  # the first of parts that are empty or have more than 63 letters
        reason = "no machine has such a name; choose another --host"
        raise CeairError(f"cannot listen on {on_one_line(host)}: {reason}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "choose another --port, or 0 for any free one" if port else "choose another --host"
        raise CeairError(f"cannot listen on {host}, port {port}: {reason.lower()}; {hint}") from error


def _shown_host(host: str) -> str:
    """What to write into an address: a name for the wildcards, and brackets around numbers with colons."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host
