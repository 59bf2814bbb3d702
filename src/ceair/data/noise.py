"""The benchmarks' Gaussian noise, drawn anew from a file's name instead of from a stream that depends on the order."""

import hashlib

import numpy as np
from jaxtyping import UInt8


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
    digest = hashlib.blake2b(f"{name}/{float(sigma)!r}".encode(), digest_size=16).digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
    noisy = clean + sigma * generator.standard_normal(clean.shape)
    return noisy.clip(0, 255).astype(np.uint8)
