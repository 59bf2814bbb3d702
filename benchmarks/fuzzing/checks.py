"""What each kind of damaged file has to go through, and what must be true then."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from fuzzing.image_damage import damaged, image_seeds
from fuzzing.text_damage import damaged_configuration, damaged_weights

_ROOT = Path(__file__).parents[2]


class Unchanged:
    """An engine (`ceair.engines.Engine`) of no network: images come back as they are."""

    name = key = "unchanged"
    size_multiple, bytes_per_pixel, look_bytes_per_pixel = 16, 24, 24

    def __init__(self, device: Any) -> None:
        self.device = device

    def restore(self, images: Any) -> Any:
        return images.clone()

    def look(self, crops: Any) -> None:
        """There is nothing to know."""

    def restore_crop(self, crop: Any, context: None) -> Any:  # noqa: ARG002 - as the protocol has it
        return crop.clone()


def make_unchanged_restorer() -> Any:
    """A `Restorer` that takes every step of a real one, without the time that a network needs."""
    from ceair.models import NetworkConfig, build
    from ceair.restore import Restorer

    network = build(NetworkConfig((8, 8), (0, 0), (0,), 2, "gated_conv"))
    restorer = Restorer(network, "cpu")
    restorer.inference.engine = Unchanged(restorer.device)
    return restorer


class Images:
    """Damaged images: what can be read comes back the same."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._seeds = folder, image_seeds()
        self._restorer = make_unchanged_restorer()

    def content(self, random: Random) -> tuple[str, bytes]:
        """The ending of the file and its bytes."""
        (name, content), (_, other) = random.choice(self._seeds), random.choice(self._seeds)
        return name[name.rindex(".") :], damaged(content, other, random)

    def check(self, path: Path) -> str:
        """What became of a file; an AssertionError tells what should not have."""
        from ceair.errors import ImageError
        from ceair.image import read_picture, write_picture

        target = self._folder / "results" / path.name
        try:
            picture = read_picture(path)
        except ImageError as error:
            _check_sentence(error, path)
            return "refused"
        restored = self._restorer.restore_picture(picture)
        try:
            write_picture(target, restored)
        except ImageError as error:
            _check_sentence(error, target)
            assert not list(target.parent.iterdir()), "a file that could not be written was left behind"
            return "not writable"
        del restored
        again = read_picture(target)
        target.unlink()
        assert again.samples.shape == picture.samples.shape, "the size changed"
        if path.suffix not in (".jpg", ".webp") or (path.suffix == ".webp" and not picture.lossy):
            _check_same(picture, again, path.suffix)
        return "restored"


class Weights:
    """Damaged weights of ceair-t: they are taken or refused by name."""

    def __init__(self, folder: Path) -> None:
        del folder
        from ceair.checkpoint import BUNDLED

        self._whole = (BUNDLED / "ceair-t.safetensors").read_bytes()

    def content(self, random: Random) -> tuple[str, bytes]:
        """The ending of the file and its bytes."""
        return ".safetensors", damaged_weights(self._whole, random)

    def check(self, path: Path) -> str:
        """What became of a file."""
        from ceair.checkpoint import load_network
        from ceair.errors import WeightsError

        try:
            load_network(path)
        except WeightsError as error:
            _check_sentence(error, path)
            return "refused"
        return "loaded"


class Configurations:
    """Damaged training configurations, with overrides: they are taken or refused."""

    def __init__(self, folder: Path) -> None:
        del folder
        self._texts = [path.read_text(encoding="utf-8") for path in sorted((_ROOT / "configs").glob("*.yaml"))]

    def content(self, random: Random) -> tuple[str, bytes]:
        """The ending of the file and its bytes; the first line, a comment, holds the overrides."""
        words, text = damaged_configuration(random.choice(self._texts), random)
        return ".yaml", b"#" + json.dumps(words).encode() + b"\n" + text

    def check(self, path: Path) -> str:
        """What became of a file."""
        from ceair.config import load
        from ceair.errors import ConfigError
        from ceair.train.settings import TrainSettings

        words = json.loads(path.read_bytes().partition(b"\n")[0][1:])
        try:
            load(TrainSettings, path, words)
        except ConfigError as error:
            _check_length(str(error), 2000)
            return "refused"
        return "loaded"


KINDS: dict[str, Callable[[Path], Any]] = {"images": Images, "weights": Weights, "configurations": Configurations}


def _check_sentence(error: Exception, path: Path) -> None:
    message = str(error)
    assert "\n" not in message, f"a message of several lines: {message!r}"
    assert path.name in message, f"a message without the file's name: {message!r}"
    _check_length(message, 600 + len(str(path)))
    assert "too little memory" not in message, message


def _check_length(message: str, most: int) -> None:
    assert 0 < len(message) <= most, f"a message of {len(message)} characters"


def _check_same(one: Any, two: Any, ending: str) -> None:
    """Colours and alpha, in as many bits as a file of this ending has; by bands, as both may be large."""
    depth = one.depth if ending in (".png", ".tif") else 8
    for before, after in zip(one.bands(depth), two.bands(depth), strict=True):
        if ending == ".webp" and one.grey:  # it has no grey
            before = before[..., (0, 0, 0, -1)[: after.shape[-1]]]
        assert before.shape == after.shape, "channels came or went"
        assert (before == after).all(), "colours or alpha changed"
