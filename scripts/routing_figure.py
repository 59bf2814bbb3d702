"""Draw the pictures of docs/routing.md and write their numbers: one photo, its left half rainy and its right half hazy.

    python scripts/routing_figure.py --out docs

Writes pictures/routing_halves.jpg, pictures/routing_pixels.jpg and routing.json below the folder. The photo is `coffee`
(Rachel Michetti, CC0), which scikit-image ships; the halves are made by severity maps.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import skimage.data
import torch
from PIL import Image, ImageDraw, ImageFont
from sklearn.metrics import roc_auc_score

from ceair.checkpoint import find_weights, load_network
from ceair.degradations import compose
from ceair.explain import Explanation, Layer, diverging, enlarge, explain, principal_colours
from ceair.explain.pictures import RGB, change_picture, mark
from ceair.explain.report import numbers, pixel_maps
from ceair.files import sha256, write_atomically
from ceair.restore import Restorer

RAIN, HAZE = 0.8, 0.6
PIXELS = ((110, 150), (430, 150))  # x and y: in the rain and in the haze
WIDTH, GAP, TEXT = 300, 6, 20


def main() -> None:
    """Degrade, explain, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", default="ceair-t")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    pixels = rain_and_haze(skimage.data.coffee()[:384, :576])
    restorer = Restorer(load_network(arguments.weights), "cpu")
    restored = restorer(pixels)
    explanation = explain(restorer, pixels)
    save(arguments.out / "pictures" / "routing_halves.jpg", halves_sheet(explanation, pixels, restored))
    save(arguments.out / "pictures" / "routing_pixels.jpg", pixels_sheet(explanation, pixels))
    document = {
        "weights_sha256": sha256(find_weights(arguments.weights)),
        "rain": RAIN,
        "haze": HAZE,
        "layers": [numbers(layer) | {"separation": separation(layer)} for layer in explanation.layers],
    }
    write_atomically(arguments.out / "routing.json", f"{json.dumps(document, indent=1)}\n".encode())
    for layer in document["layers"]:
        auc = max(layer["separation"])
        print(f"level {layer['level']}: effective rank {layer['effective_rank']:.2f}, best rank separates by {auc:.3f}")


def rain_and_haze(clean: np.ndarray) -> RGB:
    """The photo with rain on its left half and haze on its right."""
    image = torch.from_numpy(clean.astype(np.float32) / 255).permute(2, 0, 1)[None]
    left = (torch.arange(image.shape[-1]) < image.shape[-1] // 2).float().expand(1, 1, *image.shape[-2:])
    degraded = compose(image, {"rain": RAIN * left, "haze": HAZE * (1 - left)}, torch.Generator().manual_seed(7))
    return np.rint(255 * degraded[0].permute(1, 2, 0).numpy()).astype(np.uint8)


def separation(layer: Layer) -> list[float]:
    """How well the affinities to each rank, alone, tell the halves apart: area under the ROC curve, at least 0.5."""
    side = np.arange(layer.energy.shape[1]) * layer.cell >= layer.width // 2
    labels = np.broadcast_to(side, layer.energy.shape).ravel()
    areas = [float(roc_auc_score(labels, plane.ravel())) for plane in layer.affinities]
    return [max(area, 1 - area) for area in areas]


def halves_sheet(explanation: Explanation, pixels: RGB, restored: RGB) -> Image.Image:
    """The photo and its restored version, then for each level the ranks in colour and the two ranks that tell most."""
    change = ("the change: red added, blue removed", change_picture(pixels, restored))
    rows = [[("left half rain, right half haze", pixels), ("restored", restored), change]]
    for layer in reversed(explanation.layers):
        areas = separation(layer)
        best = sorted(range(layer.rank), key=lambda rank: -areas[rank])[:2]
        row = [(f"level {layer.level}: ranks in colour", shown(principal_colours(layer), layer))]
        for rank in best:
            plane = layer.affinities[rank]
            row.append(
                (f"level {layer.level}: rank {rank}, area under ROC {areas[rank]:.2f}", shown(diverging(plane), layer))
            )
        rows.append(row)
    return grid(rows)


def pixels_sheet(explanation: Explanation, pixels: RGB) -> Image.Image:
    """For two pixels: where each is, which pixels share its routing, and where its directions were read."""
    layer = explanation.layer(0)
    rows = []
    for x, y in PIXELS:
        maps = pixel_maps(layer, x, y, (explanation.height, explanation.width))
        rows.append(
            [
                (f"the pixel {x},{y}", mark(pixels, explanation, (), (x, y))),
                ("how much of its update others get", maps["shared-routing"]),
                ("where its directions were read (white: even)", maps["sources"]),
            ]
        )
    return grid(rows)


def shown(picture: RGB, layer: Layer) -> RGB:
    """A map as a picture of the whole image."""
    return enlarge(picture, layer, (layer.height, layer.width))


def grid(rows: Sequence[Sequence[tuple[str, RGB]]]) -> Image.Image:
    """Pictures with their captions above them."""
    height = round(WIDTH * rows[0][0][1].shape[0] / rows[0][0][1].shape[1])
    step = height + TEXT + GAP
    canvas = Image.new("RGB", (len(rows[0]) * (WIDTH + GAP) - GAP, len(rows) * step - GAP), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    for row, line in enumerate(rows):
        for column, (caption, picture) in enumerate(line):
            place = column * (WIDTH + GAP), row * step
            draw.text((place[0], place[1] + 1), caption, (48, 54, 60), font)
            small = Image.fromarray(picture).resize((WIDTH, height), Image.Resampling.BOX)
            canvas.paste(small, (place[0], place[1] + TEXT))
    return canvas


def save(path: Path, image: Image.Image) -> None:
    """As JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=84, optimize=True)


if __name__ == "__main__":
    main()
