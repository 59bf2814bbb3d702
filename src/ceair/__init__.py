"""All-in-one image restoration by Continuous Expert Assembly; the names below are loaded when they are first used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ceair.errors import CeairError
    from ceair.models import PRESETS, UNet, build, preset
    from ceair.nn import CEA, HyperAdapter, assemble
    from ceair.restore import Restorer

    __version__: str

__all__ = [
    "CEA",
    "PRESETS",
    "CeairError",
    "HyperAdapter",
    "Restorer",
    "UNet",
    "__version__",
    "assemble",
    "build",
    "preset",
]

_HOMES = {
    "CEA": "ceair.nn",
    "CeairError": "ceair.errors",
    "HyperAdapter": "ceair.nn",
    "PRESETS": "ceair.models",
    "Restorer": "ceair.restore",
    "UNet": "ceair.models",
    "assemble": "ceair.nn",
    "build": "ceair.models",
    "preset": "ceair.models",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name == "__version__":
        from importlib.metadata import version

        return version("ceair")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
