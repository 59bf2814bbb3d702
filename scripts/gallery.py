"""Draw the model card's pictures: what the bundled weights do well and where they fail, on photographs.

    python scripts/gallery.py --out docs/pictures

It writes `successes.jpg` and `failures.jpg` and prints the PSNR of each photo before and after. The photos come with
scikit-image and scikit-learn; what happened to them is ours, but for `clock`, which was shot so.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from skimage import data, io
from sklearn.datasets import load_sample_image

from ceair import Restorer
from ceair.degradations import compose, severity_map
from ceair.metrics import psnr

SIDE, GAP, CAPTION, COLUMNS = 288, 6, 34, 5


@dataclass(frozen=True)
class Case:
    """A square of a photo, what happens to it, and whether that is uneven; without severities it is left as it is."""

    photo: str
    corner: tuple[int, int]
    severities: dict[str, float]
    seed: int = 0
    uneven: bool = False

    @property
    def caption(self) -> str:
        """What a reader is told of the damage."""
        words = " + ".join(name.replace("_", " ") for name in self.severities) or "as it was shot"
        return f"{self.photo}: {'uneven ' if self.uneven else ''}{words}"


SUCCESSES = (
    Case("astronaut", (0, 100), {"noise": 0.5}),
    Case("china", (60, 150), {"noise": 1.0}, 1),
    Case("chelsea", (6, 60), {"rain": 0.5}, 2),
    Case("motorcycle", (150, 200), {"rain": 0.4}, 3),
    Case("coffee", (60, 160), {"snow": 0.6}, 4),
    Case("china", (120, 330), {"haze": 0.4}, 5),
    Case("flower", (60, 180), {"noise": 1.0}, 6, uneven=True),
    Case("chelsea", (6, 60), {"low_light": 0.4, "noise": 0.2}, 7),
    Case("coffee", (60, 160), {"low_light": 0.4}, 8),
    Case("rocket", (60, 200), {"sensor_noise": 0.5}, 9),
)
FAILURES = (
    Case("clock", (0, 60), {}),
    Case("astronaut", (0, 100), {"motion_blur": 0.7}, 1),
    Case("rocket", (100, 200), {"haze": 0.9}, 2),
    Case("rocket", (100, 200), {"rain": 0.6, "noise": 0.6}, 7),
    Case("motorcycle", (150, 200), {"low_light": 0.5, "rain": 0.6, "haze": 0.5}, 4),
)


def photo(name: str) -> np.ndarray:
    """A bundled photograph, 8-bit RGB."""
    if name in ("china", "flower"):
        return load_sample_image(f"{name}.jpg")
    if name == "motorcycle":
        return io.imread(Path(data.__file__).parent / "motorcycle_left.png")
    if name == "clock":
        return np.repeat(data.clock()[..., None], 3, axis=-1)
    return getattr(data, name)()


def degrade(case: Case) -> tuple[torch.Tensor, torch.Tensor]:
    """The damaged square and the clean one, `1 3 h w` in [0, 1], with the values of 8-bit files."""
    top, left = case.corner
    square = photo(case.photo)[top : top + SIDE, left : left + SIDE].copy()
    clean = torch.from_numpy(square).permute(2, 0, 1)[None] / 255
    generator = torch.Generator().manual_seed(case.seed)
    shape = severity_map(clean, generator) if case.uneven else torch.ones(1, 1, 1, 1)
    degraded = compose(clean, {name: level * shape for name, level in case.severities.items()}, generator)
    return (degraded * 255).round() / 255, clean


def draw(cases: tuple[Case, ...], restorer: Restorer) -> Image.Image:
    """A sheet of the cases, each degraded above restored, with a caption and the PSNR of both."""
    rows = -(-len(cases) // COLUMNS)
    height = 2 * SIDE + GAP + CAPTION
    sheet = Image.new("RGB", (COLUMNS * (SIDE + GAP) - GAP, rows * (height + GAP) - GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, case in enumerate(cases):
        degraded, clean = degrade(case)
        restored = restorer.restore_tensor(degraded).clamp(0, 1)
        left, top = index % COLUMNS * (SIDE + GAP), index // COLUMNS * (height + GAP)
        scored = (degraded, restored) if case.severities else ()
        numbers = " -> ".join(f"{psnr(image.numpy(), clean.numpy()):.1f} dB" for image in scored)
        pen.multiline_text((left + 2, top + 1), f"{case.caption}\n{numbers}", "black", font, spacing=2)
        for row, image in enumerate((degraded, restored)):
            pixels = (image[0].permute(1, 2, 0) * 255).round().byte().numpy()
            sheet.paste(Image.fromarray(pixels), (left, top + CAPTION + row * (SIDE + GAP)))
        print(case.caption, numbers)
    return sheet


def main() -> None:
    """Write both sheets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", default="ceair-t", help="a preset with bundled weights, or a weights file")
    arguments = parser.parse_args()
    restorer = Restorer.from_pretrained(arguments.weights, engine="torch", precision="fp32")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, cases in (("successes", SUCCESSES), ("failures", FAILURES)):
        draw(cases, restorer).save(arguments.out / f"{name}.jpg", quality=88)


if __name__ == "__main__":
    main()
