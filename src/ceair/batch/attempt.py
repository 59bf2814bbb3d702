"""How often a shard was begun: by this an image that kills its worker is found, left out, and all others are done."""

import json
import os
from collections.abc import Iterable, Iterator
from typing import TypeVar

from ceair.batch.shards import BEGUN, Shard
from ceair.batch.store import Store
from ceair.errors import CeairError

DEATHS = 2
"""So many workers may die over one image before it is given up."""

STARTS = 5
"""So many workers may die while they load the network, over one shard, before the job is given up."""

_STARTING, _MANY = "", "*"

T = TypeVar("T")


class Attempt:
    """One worker's try at a shard; what it is about to do is noted where the next worker finds it.

    A first try notes that it began and no more, as notes cost time. Any later one notes each image, and works on one
    at a time.

    Args:
        output: where notes are left, and results go.
        shard: what is tried.

    Attributes:
        careful: whether this is a later try.
        earlier: the names of those results that were there before the first one.

    Raises:
        CeairError: workers have died too often while they were starting.
    """

    def __init__(self, output: Store, shard: Shard) -> None:
        self._output, self._note = output, f"{BEGUN}/{shard.number:05d}.json"
        self._deaths: dict[str, int] = {}
        self.careful = bool(output.present([self._note]))
        if self.careful:
            raw = json.loads(output.read(self._note))
            self.earlier, self._deaths = frozenset(raw["earlier"]), raw["deaths"]
            self._deaths[raw["doing"]] = self._deaths.get(raw["doing"], 0) + 1
        else:
            names = () if shard.rows else (item.name for item in shard.items)
            self.earlier = frozenset(output.present(names))
        if self._deaths.get(_STARTING, 0) >= STARTS:
            raise CeairError("workers die while they load the network; use fewer --workers or more memory")
        self._tell(_STARTING)

    def started(self) -> None:
        """Note that the network is loaded, and images come next."""
        if not self.careful:
            self._tell(_MANY)

    def each(self, images: Iterable[tuple[str, T]]) -> Iterator[T]:
        """The images, given with their names, and each noted before it is handed out if that is called for."""
        for name, image in images:
            if self.careful:
                self._tell(f"/{name}")
            yield image

    def gives_up(self, name: str) -> bool:
        """Whether too many workers have died over this image."""
        return self._deaths.get(f"/{name}", 0) >= DEATHS

    def finish(self) -> None:
        """Clear the note away, once the shard has its record."""
        self._output.delete([self._note])

    def _tell(self, doing: str) -> None:
        note = {"doing": doing, "deaths": self._deaths, "earlier": sorted(self.earlier), "process": os.getpid()}
        self._output.write(self._note, json.dumps(note).encode())
