"""The evidence of caution once more, number by number: judges that were fitted rely on what stands where."""

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114])[:, None, None]
TINY = 1e-8


def evidence(degraded: np.ndarray, restored: np.ndarray, octaves: int) -> list[float]:
    """47 numbers of one image, `3 h w` with sides that can be halved so often."""
    change = restored - degraded
    planes = [(one * LUMA).sum(0)[None] for one in (degraded, restored, change)]
    tints = np.stack((change[0] - change[1], change[2] - change[1]))
    numbers = [float(plane.mean()) for plane in planes]
    numbers += [float((one.max(0) - one.min(0)).mean()) for one in (degraded, restored)]
    numbers += [float(one.min(0).mean()) for one in (degraded, restored)]
    for plane in (planes[0], planes[2]):
        numbers += [decades((np.diff(plane, axis=axis) ** 2).mean()) for axis in (-1, -2)]
    old, new, grey, tint = ([*octaves_of(plane, octaves)] for plane in (*planes, tints))
    power = {name: [(band**2).mean() for band in bands] for name, bands in
             (("old", old), ("new", new), ("grey", grey), ("tint", tint))}  # fmt: skip
    product = [(one * other).mean() for one, other in zip(old, grey, strict=True)]
    means = [float(plane.mean()) for plane in planes]
    for name, mean in zip(("old", "new", "grey"), means, strict=True):
        power[name][-1] -= mean**2
    product[-1] -= means[0] * means[2]
    for name in ("old", "new", "grey", "tint"):
        numbers += [decades(value) for value in power[name]]
    sizes = [np.abs(band).mean() for band in grey]
    numbers += [decades(size**2) - decades(value) for size, value in zip(sizes, power["grey"], strict=True)]
    both = zip(product, power["old"], power["grey"], strict=True)
    return numbers + [one / np.sqrt(first * second + TINY**2) for one, first, second in both]


def octaves_of(planes: np.ndarray, count: int) -> list[np.ndarray]:
    """What is lost when the size is halved, again and again, and what is left in the end."""
    bands = []
    for _ in range(count):
        channels, height, width = planes.shape
        low = planes.reshape(channels, height // 2, 2, width // 2, 2).mean((2, 4))
        bands.append(planes - np.kron(low, np.ones((1, 2, 2))))
        planes = low
    return [*bands, planes]


def decades(value: float) -> float:
    return float(np.log10(max(value, 0) + TINY))
