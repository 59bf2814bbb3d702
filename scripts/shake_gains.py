"""Measure what weights take off our motion blur, by how wide it is and of how many moments it is the mean.

    python scripts/shake_gains.py --photos DIR [--weights FILE ...] [--soft 1.6]

Of each photo of the folder the upper left corner, shrunk and then enlarged by `--soft`; the paths and all else are the
same for every number of moments, so only the dots differ. Printed: the PSNR as it is and the gain of each set of
weights, the mean over the photos in dB, without a border of 24 pixels.
"""

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ceair import Restorer
from ceair.degradations.shake import SHAKE_LENGTH, motion_blur
from ceair.errors import CeairError, DataError
from ceair.image import list_images, read_rgb
from ceair.metrics import psnr

SIZE = (400, 288)
BORDER = 24
LENGTHS = (10, 20, 30)
MOMENTS = (7, 11, 13, 24)


def main() -> None:
    """Print a line for each length and number of moments."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--weights", nargs="+", default=["ceair-t"])
    parser.add_argument("--soft", type=float, default=1.6)
    arguments = parser.parse_args()
    try:
        photos = [corner(path, arguments.soft) for path in list_images(arguments.photos)]
        restorers = [Restorer.from_pretrained(weights) for weights in arguments.weights]
    except CeairError as error:
        parser.error(str(error))
    if not photos:
        parser.error(f"{arguments.photos} holds no image")
    print(f"{'pixels':>6} {'moments':>7} {'as it is':>8}", *(Path(weights).stem for weights in arguments.weights))
    for length, moments in product(LENGTHS, MOMENTS):
        rows = [scores(photo, seed, length, moments, restorers) for seed, photo in enumerate(photos)]
        before, *after = np.mean(rows, axis=0)
        print(f"{length:6} {moments:7} {before:8.2f}", *(f"{score - before:+.2f}" for score in after), flush=True)


def corner(path: Path, soft: float) -> Tensor:
    """The corner of a photo, 1 3 h w in [0, 1], at most `SIZE` large, as soft as if enlarged by that factor."""
    width, height = (round(side / soft) for side in SIZE)
    part = read_rgb(path)[:height, :width]
    if min(part.shape[:2]) * soft <= 2 * BORDER:
        raise DataError(f"{path} is too small: only what is further than {BORDER} pixels from the border is measured")
    if soft != 1:
        part = cv2.resize(part, None, fx=soft, fy=soft, interpolation=cv2.INTER_CUBIC)
    return torch.from_numpy(part.copy()).movedim(-1, 0)[None] / 255


def scores(photo: Tensor, seed: int, length: float, moments: int, restorers: Sequence[Restorer]) -> list[float]:
    """The PSNR of the shaken photo as it is and restored by each, in dB."""
    generator = torch.Generator().manual_seed(seed)
    severity = torch.full((1, 1, 1, 1), length / SHAKE_LENGTH)
    shaken = (motion_blur(photo, severity, generator, moments) * 255).round() / 255
    answers = [shaken, *(restorer.restore_tensor(shaken) for restorer in restorers)]
    inner = (0, slice(None), slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    return [psnr(answer[inner].numpy(), photo[inner].numpy()) for answer in answers]


if __name__ == "__main__":
    main()
