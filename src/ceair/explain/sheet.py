"""All maps of an image on one picture, to lie beside its restored version."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ceair.explain.layer import Layer
from ceair.explain.pictures import RGB, layer_maps
from ceair.explain.reading import Explanation

_LARGE, _GAP, _TEXT = 224, 6, 16
_COLUMNS = 8  # of small maps, in each of as many rows as the ranks need
_INK = (48, 54, 60)


def sheet(explanation: Explanation) -> RGB:
    """A row for each layer, from coarse to fine: principal components and energies large, the ranks small beside them.

    Of affinities red is positive, blue negative and white 0; of energies white is 0 and dark much.
    """
    scale = _LARGE / max(explanation.height, explanation.width)
    size = max(8, round(explanation.height * scale)), max(8, round(explanation.width * scale))
    rows = [_row(layer, size) for layer in explanation.layers]
    return np.concatenate(rows)


def _row(layer: Layer, size: tuple[int, int]) -> RGB:
    pictures = layer_maps(layer, size)
    ranks = -(-layer.rank // _COLUMNS)
    small = max(8, (size[0] - _GAP * (ranks - 1)) // ranks), max(8, (size[1] - _GAP) // 2)
    high = max(size[0], ranks * (small[0] + _GAP) - _GAP)
    left = 4 * (size[1] + _GAP)
    canvas = Image.new("RGB", (left + _COLUMNS * (small[1] + _GAP), _TEXT + high + _GAP), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(11)
    for index, (name, label) in enumerate(
        (
            ("principal", f"level {layer.level}: ranks in colour"),
            ("energy", f"update, {100 * layer.relative_energy**0.5:.2g} % of the features"),
            ("additive", "additive part"),
            ("subtractive", "subtractive part"),
        )
    ):
        x = index * (size[1] + _GAP)
        canvas.paste(Image.fromarray(pictures[name]), (x, _TEXT))
        draw.text((x, 1), label, _INK, font)
    draw.text((left, 1), f"affinities to the {layer.rank} ranks (red +, blue -, white 0)", _INK, font)
    maps = layer_maps(layer, small)
    for rank in range(layer.rank):
        row, column = divmod(rank, _COLUMNS)
        place = left + column * (small[1] + _GAP), _TEXT + row * (small[0] + _GAP)
        canvas.paste(Image.fromarray(maps[f"rank {rank}"]), place)
    return np.asarray(canvas)
