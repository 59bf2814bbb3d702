"""How closely tiles of a two-megapixel photo agree with the full frame, by how much of it is looked at first.

    python benchmarks/tile_agreement.py [--engine torch] [--precision fp32] [--json FILE]

Prints for three photos with composite damage, enlarged to 1728x1152: PSNR between the tiled and the full-frame
result, and the PSNR of the tiled one against the clean photo minus that of the full frame.
"""

import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor

from ceair import metrics
from ceair.checkpoint import load_network
from ceair.cli.process import keep_large_blocks
from ceair.degradations import compose
from ceair.restore import Limits, Restorer

HEIGHT, WIDTH = 1152, 1728
PHOTOS = {
    "chelsea, haze rain noise": ("chelsea", {"haze": 0.3, "rain": 0.4, "noise": 0.3}),
    "coffee, low light noise": ("coffee", {"low_light": 0.5, "noise": 0.2}),
    "rocket, haze snow": ("rocket", {"haze": 0.4, "snow": 0.7}),
}
SETTINGS = {
    "tiles of 512, all looked at": (Limits(512**2, 512, HEIGHT * WIDTH), 48),
    "tiles of 256, all looked at": (Limits(256**2, 256, HEIGHT * WIDTH), 48),
    "tiles of 512, overlap 32": (Limits(512**2, 512, HEIGHT * WIDTH), 32),
    "tiles of 512, overlap 64": (Limits(512**2, 512, HEIGHT * WIDTH), 64),
    "tiles of 512, 1.0 megapixels looked at": (Limits(512**2, 512, 2 * 10**6 - 10**4), 48),
    "tiles of 512, 0.5 megapixels looked at": (Limits(512**2, 512, 10**6), 48),
    "tiles of 512, 0.2 megapixels looked at": (Limits(512**2, 512, 4 * 10**5), 48),
}


def damaged(name: str, severities: dict[str, float]) -> tuple[Tensor, Tensor]:
    """The clean photo and its damaged version, `1 3 h w` in [0, 1]."""
    photo = torch.from_numpy(getattr(data, name)().copy()).permute(2, 0, 1)[None].float() / 255
    clean = F.interpolate(photo, (HEIGHT, WIDTH), mode="bicubic").clamp(0, 1)
    levels = {kind: torch.full((1, 1, 1, 1), level) for kind, level in severities.items()}
    return clean, compose(clean, levels, torch.Generator().manual_seed(3))


def psnr(one: Tensor, other: Tensor) -> float:
    """In dB, of tensors as `metrics.psnr` of arrays."""
    return metrics.psnr(one.numpy(), other.numpy())


def main() -> None:
    """Measure and print a table for each photo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="torch")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    arguments = parser.parse_args()
    photos: dict[str, object] = {}
    keep_large_blocks()
    network = load_network("ceair-t")

    def restorer(limits: Limits | None, overlap: int) -> Restorer:
        return Restorer(network, "cpu", limits, overlap, engine=arguments.engine, precision=arguments.precision)

    for title, (name, severities) in PHOTOS.items():
        clean, degraded = damaged(name, severities)
        whole = restorer(None, 48).restore_tensor(degraded)
        print(f"{title}: {psnr(degraded, clean):.2f} dB damaged, {psnr(whole, clean):.2f} dB restored at once")
        figures: dict[str, dict[str, float]] = {}
        for label, (limits, overlap) in SETTINGS.items():
            tiled = restorer(limits, overlap).restore_tensor(degraded)
            agreement, difference = psnr(tiled, whole), psnr(tiled, clean) - psnr(whole, clean)
            figures[label] = {"psnr_to_full_frame": agreement, "score_difference": difference}
            print(f"  {label}: {agreement:.1f} dB from the full frame, {difference:+.3f} dB of score", flush=True)
        photos[title] = {"damaged": psnr(degraded, clean), "whole": psnr(whole, clean), "settings": figures}
    if arguments.json:
        document = {"engine": arguments.engine, "precision": arguments.precision, "photos": photos}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
