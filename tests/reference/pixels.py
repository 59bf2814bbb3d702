"""Random samples, and files and Pillow images of them."""

import numpy as np
from PIL import Image

from ceair.image import Picture, encode_picture


def noise(height, width, channels, depth=8, seed=0):
    values = np.random.default_rng(seed).integers(0, 2**depth, (height, width, channels))
    return values.astype(np.uint16 if depth == 16 else np.uint8)


def encoded(ending, samples, exif=None):
    """The bytes of a file; c is 1, 2, 3 or 4."""
    colours = 1 if samples.shape[-1] < 3 else 3
    alpha = samples[..., -1] if samples.shape[-1] in (2, 4) else None
    return encode_picture(Picture(samples[..., :colours], alpha, exif=exif), ending)


def as_pillow(samples):
    return Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)
