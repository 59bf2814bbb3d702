"""The benchmarks' Gaussian noise: drawn anew from a file's name, or from the field's one stream for all images."""

import hashlib

import numpy as np
from jaxtyping import UInt8

from ceair.files import name_bytes


def add_noise(clean: UInt8[np.ndarray, "h w 3"], sigma: float, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """Add Gaussian noise of standard deviation `sigma`, in grey levels of 255, clip it to 8 bits and truncate.

    Truncating darkens by half a grey level; it belongs to the protocol, and so does the clipping, which makes this
    noise easier than the unclipped noise of the Restormer line.

    Args:
        clean: an RGB image.
        sigma: in grey levels, 0 to 255.
        name: the stem of the image's file; the same name, sigma and size give the same noise, wherever and in
            whatever order.

    Source: the AirNet/PromptIR line, `uint8(clip(x + N(0, sigma^2), 0, 255))`.
    Differs: it draws all images from one stream seeded once, in the file system's order.
    """
    digest = hashlib.blake2b(name_bytes(f"{name}/{float(sigma)!r}"), digest_size=16).digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
    return _truncated(clean, sigma, generator.standard_normal(clean.shape))


class LegacyNoise:
    """The noise that the field's test code adds: one stream from seed 0, image after image, already cropped.

    Args:
        skipped: numbers to skip, drawn before for the same images with other strengths.

    Source: `np.random.seed(0)` and `np.random.randn` in the test code of PromptIR and AdaIR, which add noise of 15, 25
        and 50 to all images in turn.
    Differs: the files are sorted by name, as MoCE-IR does; theirs come in the file system's order.
    """

    def __init__(self, skipped: int = 0) -> None:
        self._stream = np.random.RandomState(0)
        while skipped > 0:
            skipped -= len(self._stream.standard_normal(min(skipped, 1_000_000)))

    def add(self, clean: UInt8[np.ndarray, "h w 3"], sigma: float) -> UInt8[np.ndarray, "h w 3"]:
        """Add noise as `add_noise` does, with the next numbers of the stream."""
        return _truncated(clean, sigma, self._stream.standard_normal(clean.shape))


def _truncated(clean: UInt8[np.ndarray, "h w 3"], sigma: float, noise: np.ndarray) -> UInt8[np.ndarray, "h w 3"]:
    return (clean + sigma * noise).clip(0, 255).astype(np.uint8)
