"""The manifest of a folder of degraded images: what it holds, and how each image was made."""

import json
import time
from pathlib import Path
from typing import Any

from ceair.errors import DataError
from ceair.files import exists, remove_leftovers, write_atomically

MANIFEST = "manifest.json"
SAVED_EVERY = 10.0  # seconds: what a killed job has made since then is made again, and compared with what is there


class Manifest:
    """What the output folder holds and how it was made; it goes on from the one that is there.

    Raises:
        DataError: that one was made with other settings and must not be replaced, or is damaged.
    """

    def __init__(self, path: Path, settings: dict[str, Any], overwrite: bool) -> None:
        self.path, self.settings = path, settings
        self.images: dict[str, dict[str, Any]] = {}
        self._replaces = False  # whether the file that is there tells of other settings
        self._saved = time.monotonic()
        self._swept: set[Path] = set()
        if not exists(path):
            return
        try:
            old = json.loads(path.read_text())
            images, before = {image["input"]: image for image in old["images"]}, old["settings"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is damaged; remove it or choose another folder") from error
        self._replaces = before != settings
        if not self._replaces:
            self.images = images
        elif not overwrite:
            raise DataError(f"{path.parent} holds images of other settings; choose another folder or --overwrite")

    def knows(self, name: str, digest: str) -> bool:
        """Whether all images of an input of this hash are there."""
        entry = self.images.get(name)
        if entry is None or entry["input_sha256"] != digest:
            return False
        return all(exists(self.place(made["file"])) for made in entry["outputs"])

    def document(self) -> dict[str, Any]:
        """What is written: the settings, the versions that made the images, and each input with its outputs."""
        from ceair.system import version_of

        versions = {name: version_of(name) for name in ("ceair", "numpy", "pillow", "torch")}
        images = [self.images[name] for name in sorted(self.images)]
        return {"settings": self.settings, "versions": versions, "images": images}

    def place(self, file: str) -> Path:
        """Where a file of the folder lies, after what killed runs left beside it is removed."""
        path = self.path.parent / file
        if path.parent not in self._swept:
            remove_leftovers(path.parent)
            self._swept.add(path.parent)
        return path

    def give_way(self, name: str, digest: str) -> None:
        """Before a file made of an input is written: no manifest must go on to tell of another in its place."""
        entry = self.images.get(name)
        stale = entry is not None and entry["input_sha256"] != digest
        if stale:
            del self.images[name]
        if stale or self._replaces:
            self.write()

    def write_now_and_then(self) -> None:
        """Write it if that is long ago, so that a job which is killed goes on from there."""
        if self.images and time.monotonic() - self._saved >= SAVED_EVERY:
            self.write()

    def write(self) -> None:
        """Write it beside the images."""
        content = (json.dumps(self.document(), indent=2) + "\n").encode()
        write_atomically(self.place(self.path.name), content)
        self._replaces, self._saved = False, time.monotonic()
