"""Does the jobs of `ceair restore`: a list of them once, or whatever arrives in folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ceair.arrivals import Arrivals
from ceair.cli.ledger import Ledger
from ceair.cli.plan import Job
from ceair.cli.process import Signals
from ceair.errors import on_one_line
from ceair.files import remove_leftovers
from ceair.outcome import Outcome

if TYPE_CHECKING:
    from ceair.image import Picture
    from ceair.restore import Restorer


class Work:
    """Restores images, tells the ledger what becomes of each, and ends early at a signal.

    Args:
        make: gives the restorer; called once, and only if there is an image to restore.
        overwrite, quality: as of `ceair.jobs.restore_all`.
        maps: write the affinity maps of each image beside its result.
    """

    def __init__(
        self,
        make: Callable[[], Restorer],
        overwrite: bool,
        quality: int | None,
        ledger: Ledger,
        signals: Signals,
        maps: bool = False,
    ) -> None:
        self._make, self._overwrite, self._quality, self._maps = make, overwrite, quality, maps
        self._ledger, self._signals = ledger, signals
        self._restorer: Restorer | None = None
        self._swept: set[Path] = set()

    def restore(self, jobs: Sequence[Job]) -> None:
        """Do these jobs, after what killed runs left behind in the same folders is removed."""
        from ceair.jobs import restore_all

        folders = {job.target.parent for job in jobs} - self._swept
        for folder in folders:
            remove_leftovers(folder)
        self._swept |= folders
        with self._ledger.bar(len(jobs)) as progress:
            came = self._signals.came
            for outcome in restore_all(
                jobs,
                self._restorer_once,
                self._overwrite,
                self._quality,
                progress=progress,
                stopped=came,
                beside=partial(write_maps, self._overwrite) if self._maps else None,
            ):
                self._ledger.add(outcome)

    def watch(self, look: Callable[[], Sequence[Job]], interval: float, report: Path | None) -> None:
        """Do the jobs for the files that `look` finds once they are at rest, again and again until a signal comes.

        Args:
            interval: seconds between two looks.
            report: where the ledger is written after each look that found something new.
        """
        self._restorer_once()
        self._ledger.say("watching for images; Ctrl-C ends it")
        arrivals = Arrivals()
        owners: dict[Path, Path] = {}
        while not self._signals.came():
            jobs = {job.source: job for job in look()}
            news = [jobs[source] for source in arrivals.look(jobs)]
            for job in news:
                if owners.get(job.target) not in jobs:
                    owners[job.target] = job.source
            for job in news:
                if owners[job.target] != job.source:
                    self._ledger.add(_clash(job, owners[job.target]))
            if news:
                self.restore([job for job in news if owners[job.target] == job.source])
            if news and report is not None:
                self._ledger.write(report, interrupted=False)
            self._signals.sleep(interval)

    def _restorer_once(self) -> Restorer:
        if self._restorer is None:
            self._restorer = self._make()
            self._signals.waits = True
        return self._restorer


def maps_of(target: Path) -> Path:
    """Where the maps of a restored image go: `photo.jpg` has `photo.jpg.maps.png` beside it."""
    return target.with_name(f"{target.name}.maps.png")


def write_maps(overwrite: bool, restorer: Restorer, degraded: Picture, target: Path) -> None:
    """Write all affinity maps of a picture as one picture beside its result; older ones are kept or replaced."""
    if maps_of(target).exists() and not overwrite:
        return
    from ceair.explain import explain
    from ceair.explain.sheet import sheet
    from ceair.image import Picture, write_picture

    write_picture(maps_of(target), Picture(sheet(explain(restorer, degraded, side=256))))


def _clash(job: Job, other: Path) -> Outcome:
    one, two, target = map(on_one_line, (other, job.source, job.target))
    error = f"{one} and {two} would both be written to {target}; rename one of them"
    return Outcome(job.source, job.target, "failed", error=error)
