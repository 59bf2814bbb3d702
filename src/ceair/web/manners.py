"""How the page restores: in one pass or several, with or without sparing what seems undamaged."""

from collections.abc import Collection
from dataclasses import dataclass

from ceair.caution import Caution
from ceair.restore import Restorer

CAUTIOUS, ENSEMBLE = "cautious", "ensemble"

_TITLES = {
    CAUTIOUS: "Leave photos alone that seem undamaged",
    ENSEMBLE: "Less noise and rain left, in four times the time",
}


@dataclass(frozen=True)
class Manners:
    """What visitors may choose between.

    Attributes:
        caution: judges whether a photo is damaged; None if nothing does for these weights, and then nobody can be
            cautious.
        first: what is chosen when the page is opened.
    """

    caution: Caution | None = None
    first: Collection[str] = ()

    @property
    def choices(self) -> list[tuple[str, str]]:
        """A title and a name for each."""
        offered = (CAUTIOUS, ENSEMBLE) if self.caution is not None else (ENSEMBLE,)
        return [(_TITLES[name], name) for name in offered]

    def apply(self, restorer: Restorer, chosen: Collection[str]) -> Restorer:
        """A restorer that does as was chosen, with what the given one has loaded."""
        cautious = self.caution is not None and CAUTIOUS in chosen
        return restorer.varied(self.caution if cautious else None, ENSEMBLE in chosen)
