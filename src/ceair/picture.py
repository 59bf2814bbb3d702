"""An image with all that its file says about it, in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt16
from PIL import Image

from ceair.sixteen_bit import Samples

LUMA = (0.299, 0.587, 0.114)
"""What red, green and blue weigh in grey (ITU-R BT.601)."""

_BAND = 1 << 20  # samples that are converted at a time, so that no second copy of a large image is made

Plane = UInt8[np.ndarray, "h w"] | UInt16[np.ndarray, "h w"]


@dataclass(frozen=True)
class Picture:
    """An image with all that its file says about it: its samples are upright and RGB.

    Attributes:
        samples: the colours as integers of 8 or 16 bits; c is 1 if the file has no colours, and 3 otherwise.
        alpha: opacity, integers of as many bits; None if the file has none.
        icc: colour profile of the pixels.
        exif: EXIF with its orientation reset, beginning with `Exif\\0\\0`.
        xmp: XMP packet with its orientation reset.
        format: JPEG, PNG, WEBP, TIFF or BMP; empty for pixels that come from no file.
        jpeg: tables and subsampling of the JPEG that the picture comes from, if its quality is about 75 or more.
        notes: what could not be kept, one sentence each.
        lossy: whether the picture comes from a WebP file whose compression loses something.
        dpi: pixels per inch, across and down.
    """

    samples: Samples
    alpha: Plane | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    format: str = ""
    jpeg: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lossy: bool = False
    dpi: tuple[float, float] | None = None

    @classmethod
    def from_pixels(
        cls, pixels: Float[np.ndarray, "h w 3"], depth: Literal[8, 16] = 8, grey: bool = False
    ) -> "Picture":
        """RGB in [0, 1], rounded to `depth` bits; of a grey picture the luma."""
        kind = np.uint16 if depth == 16 else np.uint8
        return cls(np.empty((*pixels.shape[:2], 1 if grey else 3), kind)).with_pixels(pixels)

    @property
    def depth(self) -> Literal[8, 16]:
        """Bits per channel."""
        return 16 if self.samples.dtype == np.uint16 else 8

    @property
    def grey(self) -> bool:
        """Whether there are no colours; the picture is then written as grey, too."""
        return self.samples.shape[-1] == 1

    @property
    def pixels(self) -> Float32[np.ndarray, "h w 3"]:
        """The colours as RGB in [0, 1], made anew each time; all three are equal where `grey`."""
        planes = self.samples.astype(np.float32) / np.float32(2**self.depth - 1)
        return np.repeat(planes, 3, axis=-1) if self.grey else planes

    def with_pixels(self, pixels: Float[np.ndarray, "h w 3"]) -> "Picture":
        """The same picture with other colours in [0, 1], rounded to its depth; of a grey one their luma."""
        planes = (pixels @ np.array(LUMA, np.float32))[..., None] if self.grey else pixels
        samples = np.rint(np.clip(planes, 0, 1) * (2**self.depth - 1)).astype(self.samples.dtype)
        return replace(self, samples=samples)

    def with_samples(self, samples: Samples) -> "Picture":
        """The same picture with other colours, of the same shape and type.

        Raises:
            ValueError: they differ in either.
        """
        if samples.shape != self.samples.shape or samples.dtype != self.samples.dtype:
            raise ValueError(f"{samples.dtype} of shape {samples.shape} cannot replace {self.samples.shape}")
        return replace(self, samples=samples)

    def bands(self, depth: Literal[8, 16], rows: int | None = None) -> Iterator[Samples]:
        """The picture from top to bottom in bands, with alpha as the last channel and rounded to `depth` bits.

        Args:
            depth: at most that of the picture.
            rows: of each band but the last, which may have fewer; a few megabytes of them if None.
        """
        height, width = self.samples.shape[:2]
        rows = rows or max(1, _BAND // width)
        for start in range(0, height, rows):
            band = self.samples[start : start + rows]
            if self.alpha is not None:
                band = np.concatenate((band, self.alpha[start : start + rows, :, None]), axis=-1)
            yield np.rint(band / np.float32(257)).astype(np.uint8) if depth < self.depth else band

    def to_pillow(self) -> Image.Image:
        """A Pillow image of mode L, LA, RGB or RGBA, or I;16 of 16-bit grey; its `info` has the ICC profile and EXIF.

        Pillow holds 16 bits in grey without alpha only; everything else is rounded to 8.
        """
        deep = self.depth == 16 and self.grey and self.alpha is None
        image = Image.fromarray(self.samples[..., 0]) if deep else to_eight_bit_pillow(self)
        image.info |= {key: value for key, value in (("icc_profile", self.icc), ("exif", self.exif)) if value}
        return image


def to_eight_bit_pillow(picture: Picture) -> Image.Image:
    """A Pillow image of mode L, LA, RGB or RGBA, made in bands."""
    height, width = picture.samples.shape[:2]
    mode = ("L" if picture.grey else "RGB") + ("A" if picture.alpha is not None else "")
    image, top = Image.new(mode, (width, height)), 0
    for band in picture.bands(8):
        image.paste(Image.fromarray(band[..., 0] if band.shape[-1] == 1 else band), (0, top))
        top += len(band)
    return image
