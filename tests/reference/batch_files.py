"""What the tests of batch jobs write and look for."""

import io
from pathlib import Path

import numpy as np
from PIL import Image


def content(seed=0, size=(8, 9)):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def fill(folder, *names):
    for seed, name in enumerate(names):
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(seed))
