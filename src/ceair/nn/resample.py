"""Changing the resolution of feature maps, and padding images to the multiple that a network needs."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Downsample(nn.Conv2d):
    """Halve height and width by a 2x2 convolution of stride 2: `b c h w` to `b c' h/2 w/2`."""

    def __init__(self, channels: int, channels_below: int) -> None:
        super().__init__(channels, channels_below, kernel_size=2, stride=2)


class Upsample(nn.Sequential):
    """Double height and width by a 1x1 convolution and a pixel shuffle: `b c' h w` to `b c 2h 2w`."""

    def __init__(self, channels_below: int, channels: int) -> None:
        super().__init__(nn.Conv2d(channels_below, 4 * channels, 1), nn.PixelShuffle(2))


def pad_to_multiple(image: Float[Tensor, "b c h w"], multiple: int) -> Float[Tensor, "b c h2 w2"]:
    """Extend an image at its bottom and right until both sides are multiples of `multiple`.

    It is mirrored about its border; a side too short for its mirror image (a mirror needs more pixels than it adds)
    is mirrored as often as needed, and a side of one pixel is repeated.
    """
    for axis in (-2, -1):
        size = image.shape[axis]
        missing = -size % multiple
        while missing:
            step = min(missing, image.shape[axis] - 1) if image.shape[axis] > 1 else missing
            padding = (0, step, 0, 0) if axis == -1 else (0, 0, 0, step)
            image = F.pad(image, padding, mode="reflect" if image.shape[axis] > 1 else "replicate")
            missing -= step
    return image
