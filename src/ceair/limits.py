"""How much of an image is worked on at a time, and what memory allows of it."""

import math
from dataclasses import dataclass

import torch

from ceair.engines import Engine
from ceair.errors import CeairError
from ceair.system import available_memory, resident_memory

_SMALLEST_TILE = 144


@dataclass(frozen=True)
class Limits:
    """How much of an image is worked on at a time.

    Attributes:
        whole: images of more pixels than this are cut into tiles.
        tile: height and width of a tile in pixels.
        look: images of up to so many pixels are looked at as a whole before they are cut; of larger ones half as many
            pixels are, in crops that are spread evenly.
    """

    whole: int = 2_100_000
    tile: int = 1024
    look: int = 2_100_000


def affordable(limits: Limits, engine: Engine, memory: int | None) -> Limits:
    """The limits, lowered to what memory allows now.

    Args:
        memory: bytes that the process should not exceed; None leaves half of what is free.

    Raises:
        CeairError: not even the smallest tiles fit.
    """
    if memory is None:
        free = available_memory() if engine.device.type == "cpu" else _free_of_gpu(engine.device)
        room = free // 2 if free is not None else None
    else:
        room = memory - resident_memory()
    if room is None:
        return limits
    pixels = room // engine.bytes_per_pixel
    if pixels // 2 < min(_SMALLEST_TILE, limits.tile) ** 2:
        needed = (resident_memory() + 2 * _SMALLEST_TILE**2 * engine.bytes_per_pixel) / 1e6
        raise CeairError(f"there is too little memory: allow at least {needed:.0f} MB (--memory)")
    return Limits(
        whole=min(limits.whole, pixels),
        tile=min(limits.tile, math.isqrt(pixels // 2)),
        look=min(limits.look, room // engine.look_bytes_per_pixel // 2),
    )


def _free_of_gpu(device: torch.device) -> int | None:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
