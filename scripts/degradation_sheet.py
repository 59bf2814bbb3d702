"""Draw the contact sheet of docs/: each degradation at three severities and under a severity map.

    python scripts/degradation_sheet.py --out docs/pictures/degradations.jpg

The photographs are scikit-image's `astronaut` (NASA, public domain) and `chelsea` (Stefan van der Walt, CC0).
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from skimage import data

from ceair.degradations import DEGRADATIONS, compose, severity_map

SEVERITIES = (0.25, 0.5, 1.0)
COMPOSITES = (("low_light", "rain"), ("rain", "haze"), ("low_light", "snow", "haze"))
SIZE, LABEL = 200, 90


def main() -> None:
    """Write the sheet: a row for each degradation and for a few composites."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    photos = torch.stack([_crop(data.astronaut(), 0, 110), _crop(data.chelsea(), 20, 110)])
    rows = [(name, (name,)) for name in DEGRADATIONS] + [("\n+ ".join(names), names) for names in COMPOSITES]
    columns = [f"severity {severity}" for severity in SEVERITIES] * 2 + ["severity map", "under the map"]
    sheet = Image.new("RGB", (LABEL + SIZE * len(columns), 20 + SIZE * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, title in enumerate(columns):
        draw.text((LABEL + index * SIZE + 6, 4), title, fill="black")
    for row, (title, names) in enumerate(rows):
        draw.text((6, 20 + row * SIZE + SIZE // 2), title, fill="black")
        for column, picture in enumerate(_row(photos, names)):
            sheet.paste(_picture(picture), (LABEL + column * SIZE, 20 + row * SIZE))
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out, quality=88, optimize=True)


def _row(photos: torch.Tensor, names: tuple[str, ...]) -> list[torch.Tensor]:
    """Both photos at each severity, then a severity map and the first photo under it."""
    pictures: list[list[torch.Tensor]] = [[], []]
    for severity in SEVERITIES:
        level = torch.full((len(photos), 1, 1, 1), severity)
        degraded = compose(photos, dict.fromkeys(names, level), torch.Generator().manual_seed(1))
        for index in range(2):
            pictures[index].append(degraded[index])
    generator = torch.Generator().manual_seed(7)
    uneven = severity_map(photos[:1], generator)
    under = compose(photos[:1], dict.fromkeys(names, uneven), generator)
    return [*pictures[0], *pictures[1], uneven[0].expand(3, -1, -1), under[0]]


def _crop(photo: np.ndarray, top: int, left: int) -> torch.Tensor:
    return torch.from_numpy(photo[top : top + SIZE, left : left + SIZE].copy()).permute(2, 0, 1) / 255


def _picture(image: torch.Tensor) -> Image.Image:
    return Image.fromarray((image.permute(1, 2, 0) * 255).round().byte().numpy())


if __name__ == "__main__":
    main()
