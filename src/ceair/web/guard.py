"""What the server answers at all: the few addresses that the page needs, and nothing that leaves this machine."""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ceair.web.allowance import Allowance, readable_bytes
from ceair.web.examples import PHOTOS
from ceair.web.folder import Folder

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_READ = re.compile(
    r"/(config/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|pwa_icon(/\d+)?|(assets|static|svelte)/[^:]*"
    r"|gradio_api/(info|app_id|startup-events|upload_progress|queue/data|heartbeat/\w+|file=.+))?"
)
_WRITE = re.compile(r"/gradio_api/(upload|queue/join|cancel|reset)/?")
_ADDRESS = re.compile(r"\s*[a-zA-Z][\w+.-]+:")  # of one letter it is a drive
_UPLOAD, _JOIN = "/gradio_api/upload", "/gradio_api/queue/join"
_LONGEST_ORDER = 1_000_000  # bytes

_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
"""By it browsers ask this server only, whatever a script of the page wants."""

_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class Guard:
    """Lets through what the page needs; everything else that Gradio offers is not found.

    What is refused: fetching other addresses for visitors, reading files that are no uploads and results, interfaces
    for programs, records of runs, and uploads beyond what is allowed.

    Args:
        application: what answers the rest.
        folder: where uploads and results are, whose size is limited.
        allowance: how much may be uploaded.
    """

    def __init__(self, application: Application, folder: Folder, allowance: Allowance) -> None:
        self._application, self._folder, self._allowance = application, folder, allowance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None and scope["path"].rstrip("/") == _JOIN:
            body = await _read(receive, _LONGEST_ORDER)
            refusal = None if body is not None and self._is_harmless(body) else (400, "This cannot be asked here.")
            receive = _given(body or b"", receive)
        if refusal is not None:
            await _refuse(send, *refusal)
            return

        async def send_safely(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                extra = [*_HEADERS]
                if "/file=" in scope["path"]:
                    extra.append((b"cache-control", b"private, no-store"))
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        await self._application(scope, receive, send_safely)

    def _is_harmless(self, body: bytes) -> bool:
        """Whether all files that an order names are uploads, results or bundled photos.

        Gradio itself would copy any file of this machine among the uploads, and fetch those of others.
        """
        try:
            pending = [json.loads(body)]
        except (ValueError, RecursionError):
            return False
        while pending:
            item = pending.pop()
            if isinstance(item, dict):
                if isinstance(item.get("path"), str) and not self._is_ours(item["path"]):
                    return False
                pending += item.values()
            elif isinstance(item, list):
                pending += item
        return True

    def _is_ours(self, path: str) -> bool:
        try:
            place = Path(path).resolve()
        except (OSError, ValueError, RuntimeError):
            return False
        return any(place.is_relative_to(folder) for folder in (self._folder.shown, PHOTOS))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        method, path = scope["method"], scope["path"]
        pattern = {"GET": _READ, "HEAD": _READ, "POST": _WRITE}.get(method)
        if pattern is None or not pattern.fullmatch(path) or _leads_away(path):
            return 404, "There is nothing here."
        if path.rstrip("/") == _UPLOAD:
            return self._refused_upload(dict(scope["headers"]).get(b"content-length", b""))
        return None

    def _refused_upload(self, length: bytes) -> tuple[int, str] | None:
        most = self._allowance.upload * self._allowance.files
        if not length.isdigit():
            return 411, "An upload must say how long it is."
        if int(length) > most + 1_000_000:  # with some room for what lies between files
            return 413, f"These files are too large together; this page takes at most {readable_bytes(most)} at once."
        if self._folder.size() + int(length) > self._allowance.disk:
            return 507, "The server has no room left at the moment; try again in some minutes."
        return None


def _leads_away(path: str) -> bool:
    """Whether a path leads upwards somewhere, or to another machine, however it is written."""
    for _ in range(3):
        path = unquote(path)
    upwards = ".." in re.split(r"[/\\=]", path) or "\0" in path
    return upwards or _ADDRESS.match(path.partition("file=")[2]) is not None


async def _read(receive: Receive, most: int) -> bytes | None:
    """The body of a request; None if it is longer or breaks off."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most or message["type"] != "http.request":
            return None
    return body


def _given(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read already, and then what comes after it."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> MutableMapping[str, Any]:
        return messages.pop() if messages else await receive()

    return receive_again


async def _refuse(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
