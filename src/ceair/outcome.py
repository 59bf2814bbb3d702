"""What became of the files of a job, and the sum of it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        source, target: where it was and where it is now.
        status: `skipped` if the target existed before.
        seconds: of work on it, without the time it waited for others.
        width, height: in pixels; None unless it was restored.
        notes: what could not be kept, one sentence each.
        error: one sentence with its name; None unless it failed.
    """

    source: Path
    target: Path
    status: Literal["restored", "failed", "skipped"]
    seconds: float = 0.0
    width: int | None = None
    height: int | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None

    def document(self) -> dict[str, Any]:
        """The same for JSON; times in milliseconds' precision."""
        named = {"input": str(self.source), "output": str(self.target)}
        rest = {key: value for key, value in asdict(self).items() if key not in ("source", "target")}
        return named | rest | {"seconds": round(self.seconds, 3), "notes": list(self.notes)}


@dataclass
class Totals:
    """Counts of outcomes, and pixels of the restored ones."""

    restored: int = 0
    failed: int = 0
    skipped: int = 0
    pixels: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        setattr(self, outcome.status, getattr(self, outcome.status) + 1)
        self.pixels += (outcome.width or 0) * (outcome.height or 0)

    def document(self, seconds: float) -> dict[str, float]:
        """The counts with megapixels restored, and those in each of the seconds that it all took."""
        counts = {"restored": self.restored, "failed": self.failed, "skipped": self.skipped}
        megapixels = self.pixels / 1e6
        speed = {"megapixels": round(megapixels, 6), "megapixels_per_second": round(megapixels / max(seconds, 1e-9), 6)}
        return counts | {"seconds": round(seconds, 3)} | speed
