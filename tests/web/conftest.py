"""A server of the page in a process of its own, whose every connection elsewhere is written down."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_WATCH = """
import os, socket
_connect, _find = socket.socket.connect, socket.getaddrinfo
def _note(what):
    with open(os.environ["CEAIR_TEST_CALLS"], "a") as file:
        file.write(f"{what}\\n")
def connect(self, address):
    if self.family != socket.AF_UNIX and not str(address[0]).startswith(("127.", "::1", "localhost")):
        _note(address)
    return _connect(self, address)
def getaddrinfo(host, *rest, **more):
    if host not in (None, "", "127.0.0.1", "::1", "localhost"):
        _note(host)
    return _find(host, *rest, **more)
socket.socket.connect, socket.getaddrinfo = connect, getaddrinfo
"""


class Server:
    """`ceair serve` on a free port, with its temporary files in a folder that tests can look into."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.temporary, self.calls = folder / "tmp", folder / "calls"
        self.temporary.mkdir()
        (folder / "sitecustomize.py").write_text(_WATCH)
        source = str(Path(__file__).parents[2] / "src")
        environment = os.environ | {
            "TMPDIR": str(self.temporary),
            "CEAIR_TEST_CALLS": str(self.calls),
            "PYTHONPATH": os.pathsep.join((str(folder), source)),
        }
        command = [
            sys.executable,
            "-m",
            "ceair",
            "serve",
            "--port",
            "0",
            "--engine",
            "torch",
            "--device",
            "cpu",
            *words,
        ]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        try:
            self.address = self.process.stdout.readline().strip()
            assert self.address.startswith("http://127.0.0.1:")
        except BaseException:
            self.process.kill()
            raise

    @property
    def files(self) -> list[Path]:
        """All files that it keeps now."""
        return sorted(path for path in self.temporary.glob("ceair-serve-*/**/*") if path.is_file())

    def config(self) -> dict:
        """What the page is told."""
        with urllib.request.urlopen(f"{self.address}config", timeout=60) as answer:
            return json.load(answer)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it; its exit code and what it wrote to stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One with small limits, for many tests."""
    pytest.importorskip("gradio")
    words = ("--max-upload", "2MB", "--max-megapixels", "0.5", "--max-files", "3")
    running = Server(tmp_path_factory.mktemp("server"), *words)
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts another one with its own options."""
    pytest.importorskip("gradio")
    running = []

    def start(*words: str) -> Server:
        running.append(Server(tmp_path, *words))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()
