"""What visitors may ask of a server."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Allowance:
    """What visitors may ask of a server; the defaults suit a few people and a machine without a GPU.

    Attributes:
        upload: most bytes of one file.
        pixels: most pixels of one photo.
        files: most photos at once.
        waiting: most jobs that wait for their turn; further ones are refused.
        seconds: longest work on one job, its waiting not counted; asked after each tile.
        keep: seconds after which photos and results that nobody touched are deleted.
        disk: most bytes of the photos and results of all visitors together.
    """

    upload: int = 64_000_000
    pixels: int = 40_000_000
    files: int = 20
    waiting: int = 16
    seconds: float = 300.0
    keep: float = 3600.0
    disk: int = 4_000_000_000


def readable_bytes(number: int) -> str:
    """Such as `64 MB` or `1.2 MB`, in units of powers of 1000."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}" if number < 100 * size else f"{number / size:.0f} {unit}"
    return f"{number} bytes"


def readable_pixels(number: int) -> str:
    """Such as `40 megapixels` or `0.24 megapixels`."""
    return f"{number / 1e6:.2g} megapixels" if number < 10**7 else f"{number / 1e6:.0f} megapixels"
