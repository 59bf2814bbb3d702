"""Tells what becomes of each image, and keeps account of it: lines, a progress bar, a JSON document, a summary."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ceair.errors import CeairError, on_one_line
from ceair.files import write_atomically
from ceair.outcome import Outcome, Totals


class Ledger:
    """An account of a command that restores images.

    Args:
        keep: whether each outcome is kept for the document; without it a watch can go on for ever.
    """

    def __init__(self, keep: bool) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._keep, self._begin = keep, time.perf_counter()
        self._images: list[dict[str, Any]] = []
        self.totals = Totals()

    def add(self, outcome: Outcome) -> None:
        """Take one more outcome; a line tells it if it failed, if something was not kept, or if there is no bar."""
        self.totals.add(outcome)
        if self._keep:
            self._images.append(outcome.document())
        notes = "".join(f" ({note})" for note in outcome.notes)
        if outcome.error is not None:
            self.say(f"ceair: {outcome.error}")
        elif outcome.status == "restored" and (notes or not self._console.is_terminal):
            self.say(f"{on_one_line(outcome.source)} -> {on_one_line(outcome.target)}{notes}")

    def say(self, text: str) -> None:
        """Print a line on stderr, above the bar if there is one."""
        self._console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)

    @contextmanager
    def bar(self, images: int) -> Iterator[Callable[[float], None]]:
        """A progress bar, if stderr is a terminal; gives what is told how many images are done."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("restoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, disable=not self._console.is_terminal, transient=True) as bar:
            task = bar.add_task("", total=images)
            yield lambda done: bar.update(task, completed=done)

    def document(self, interrupted: bool) -> str:
        """All that is known so far, as JSON."""
        totals = self.totals.document(time.perf_counter() - self._begin)
        return json.dumps({"images": self._images, "totals": totals, "interrupted": interrupted}, indent=2)

    def write(self, path: Path, interrupted: bool) -> None:
        """Write the document to a file, in place of an older one.

        Raises:
            CeairError: the file cannot be written.
        """
        try:
            write_atomically(path, f"{self.document(interrupted)}\n".encode())
        except OSError as error:
            raise CeairError(f"cannot write {path}: {error.strerror}") from error

    def summary(self) -> str:
        """Counts, time and speed in one line."""
        totals = self.totals.document(time.perf_counter() - self._begin)
        speed = ", {megapixels_per_second:.2f} megapixels/s" if self.totals.restored else ""
        hint = " (they exist; --overwrite restores them again)" if self.totals.skipped else ""
        return (
            "{restored} restored, {failed} failed, {skipped} skipped" + hint + " in {seconds:.1f} s" + speed
        ).format(**totals)
