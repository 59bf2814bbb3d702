"""Draw our rain, haze and low light beside real pairs, on the same clean photos, to judge how alike they are.

    python scripts/beside_real.py --data DIR --out sheet.png

DIR holds `Rain100L/`, `SOTS-outdoor-2/` and `LOL-v1/`, each with `input/` and `target/`. The sheet shows third-party
photos, so it is for looking at and not for publishing.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ceair.degradations import compose
from ceair.image import list_images, read_rgb
from ceair.metrics import psnr

SETS = {"Rain100L": "rain", "SOTS-outdoor-2": "haze", "LOL-v1": "low_light"}
SEVERITIES = (0.3, 0.5, 0.8)
SIZE, PAIRS = 256, 2


def main() -> None:
    """Write a row for each pair: clean, real, ours at three severities; print the PSNR of each to the clean photo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rows = []
    for folder, name in SETS.items():
        pairs = _pairs(arguments.data / folder)
        for seed, (real, clean) in enumerate(pairs[:: max(1, len(pairs) // PAIRS)][:PAIRS]):
            ours = [_degrade(clean, name, severity, seed) for severity in SEVERITIES]
            print(folder, *(f"{psnr(image.numpy(), clean.numpy()):.1f}" for image in (real, *ours)))
            rows.append(torch.cat((clean, real, *ours), dim=-1)[0])
    sheet = torch.cat(rows, dim=-2).permute(1, 2, 0)
    Image.fromarray((sheet * 255).round().byte().numpy()).save(arguments.out)


def _pairs(folder: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Centre crops of all pairs; SOTS names its inputs `<stem of the target>_<airlight>_<beta>`."""
    targets = {path.stem: path for path in list_images(folder / "target")}
    names = [(path, targets[path.stem.split("_")[0]]) for path in list_images(folder / "input")]
    return [(_crop(read_rgb(real)), _crop(read_rgb(clean))) for real, clean in names]


def _crop(photo: np.ndarray) -> torch.Tensor:
    top, left = ((size - SIZE) // 2 for size in photo.shape[:2])
    return torch.from_numpy(photo[top : top + SIZE, left : left + SIZE].copy()).permute(2, 0, 1)[None] / 255


def _degrade(clean: torch.Tensor, name: str, severity: float, seed: int) -> torch.Tensor:
    return compose(clean, {name: torch.full((1, 1, 1, 1), severity)}, torch.Generator().manual_seed(seed))


if __name__ == "__main__":
    main()
