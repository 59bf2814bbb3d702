"""What the tests of the page share: its actions on a stand-in, and a server whose every connection is written down."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ceair.caution import load_caution
from ceair.picture import Picture
from ceair.restore import Restorer
from ceair.web.actions import Actions
from ceair.web.allowance import Allowance
from ceair.web.folder import Folder
from ceair.web.manners import Manners
from ceair.web.sessions import Sessions

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


class Brightener(Restorer):
    """Stands for a restorer: makes everything 40 levels brighter, in three steps, and counts its runs.

    With self-ensemble it is 10 levels more, with caution 20 less.
    """

    def __init__(self, levels: int = 40) -> None:
        self.runs, self.levels = 0, levels

    def varied(self, caution=None, ensemble=False) -> "Brightener":
        return Brightener(40 + 10 * ensemble - 20 * (caution is not None)) if caution or ensemble else self

    def restore_picture(self, picture: Picture, progress=None) -> Picture:
        self.runs += 1
        for share in (0.3, 0.6, 1.0):
            progress(share)
        unit = 257 if picture.depth == 16 else 1
        top = 65535 if picture.depth == 16 else 255
        brighter = np.minimum(picture.samples.astype(np.int64) + self.levels * unit, top)
        return picture.with_samples(brighter.astype(picture.samples.dtype))


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


@pytest.fixture
def photo() -> Callable[..., Path]:
    """Writes a photo of noise and returns its path."""

    def write(path: Path, size=(40, 60), seed=0, **saving) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(path, **saving)
        return path

    return write


@pytest.fixture
def pixels() -> Callable[..., np.ndarray]:
    """Reads the pixels of a file, apart from our own readers."""

    def read(path) -> np.ndarray:
        with Image.open(path) as image:
            return np.asarray(image)

    return read


@pytest.fixture
def restore(actions) -> Callable[..., list]:
    """Restores all photos of a session and returns them."""

    def run(session, strength=1.0, tell=lambda *_: None) -> list:
        list(actions.restore(session, strength, tell))
        return session.roll.photos

    return run


@pytest.fixture
def stand_in() -> type:
    """Makes what stands for a restorer."""
    return Brightener


@pytest.fixture
def allowance() -> Allowance:
    return Allowance(upload=200_000, pixels=10_000, files=3, seconds=60)


@pytest.fixture
def actions(tmp_path, allowance):
    folder = Folder(tmp_path / "shown", tmp_path / "kept")
    folder.shown.mkdir()
    folder.kept.mkdir()
    return Actions(Brightener(), Sessions(folder, allowance), allowance, Manners(load_caution("ceair-t")))
