"""Score weights on what is held out of a recipe: crops of each kind of its mixture, and whole photos that are clean.

    python scripts/held_out_scores.py configs/ceair-t-psnr.yaml --data DIR --weights A.safetensors B.safetensors

Printed is the table of `docs/log.md`, a row for each file: the PSNR in dB of each kind, the mean over `--images` crops
as validation draws them, the best of each column in bold. Below it what becomes of the held-out photos if they are
clean, at three sizes each: the mean PSNR, each counting 60 dB at most, how many are below 40 dB, and the worst four.
Which photos those are changes with the size, so one size alone says little. By these weights are chosen, never by a
test set.
"""

import argparse
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import torch

from ceair import Restorer
from ceair.checkpoint import find_weights, load_network
from ceair.config import load
from ceair.errors import CeairError
from ceair.image import list_images, read_rgb
from ceair.metrics import psnr
from ceair.train.inputs import read_held_out, validation_batches
from ceair.train.report import validate
from ceair.train.settings import TrainSettings

LONGEST = (320, 400, 480)
"""The longer side of a photo in pixels."""
CAP, HARMED = 60.0, 40.0


def main() -> None:
    """Print the table of the crops, then a line for each file about clean photos."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", type=Path, help="the recipe of a training")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", nargs="+", default=["ceair-t"])
    parser.add_argument("--images", type=int, default=16, help="crops of each kind")
    arguments = parser.parse_args()
    try:
        words = [f"data.root={arguments.data}", f"validation.images={arguments.images}"]
        settings = load(TrainSettings, arguments.config, words)
        paths = [find_weights(weights) for weights in arguments.weights]
        photos = list(clean_photos(settings))
        table(paths, settings)
    except CeairError as error:
        parser.error(str(error))
    for path in paths if photos else []:
        print(path, harm(Restorer.from_pretrained(path, precision="fp32"), photos), flush=True)


def table(paths: Sequence[Path], settings: TrainSettings) -> None:
    """The PSNR of each kind by each file, as a table in Markdown."""
    batches = validation_batches(settings, torch.device("cpu"))
    rows = [list(validate(load_network(path), batches)[0].values()) for path in paths]
    rows = [[float(np.mean(row)), *row] for row in rows]
    best = np.max(np.round(rows, 2), axis=0)
    print("| weights | mean |", " | ".join(batches), "|")
    print("|---" * (len(best) + 1) + "|")
    for path, row in zip(paths, np.round(rows, 2), strict=True):
        cells = (f"**{score:.2f}**" if score == top else f"{score:.2f}" for score, top in zip(row, best, strict=True))
        print(f"| {path} |", " | ".join(cells), "|", flush=True)


def clean_photos(settings: TrainSettings) -> Iterator[np.ndarray]:
    """The held-out photos of all sources that are no pairs, at all sizes."""
    stems = read_held_out(settings.data.held_out)
    folders = [settings.data.root / one.path for one in settings.data.sources.values() if one.kind == "photos"]
    for path in chain.from_iterable(map(list_images, folders)):
        if path.stem in stems:
            photo = read_rgb(path)
            yield from (_smaller(photo, longest) for longest in LONGEST)


def _smaller(photo: np.ndarray, longest: int) -> np.ndarray:
    height, width = photo.shape[:2]
    scale = min(1.0, longest / max(height, width))
    return cv2.resize(photo, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)


def harm(restorer: Restorer, photos: Sequence[np.ndarray]) -> str:
    """What restoring does to clean photos, in words."""
    scores = sorted(_kept(restorer, photo) for photo in photos)
    mean, harmed = np.minimum(scores, CAP).mean(), sum(score < HARMED for score in scores)
    worst = ", ".join(f"{score:.1f}" for score in scores[:4])
    return f"clean photos: {mean:.2f} dB, {harmed} of {len(scores)} below {HARMED:.0f}; the worst {worst}"


def _kept(restorer: Restorer, photo: np.ndarray) -> float:
    image = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255
    return psnr(restorer.restore_tensor(image)[0].numpy(), image[0].numpy())


if __name__ == "__main__":
    main()
