"""`ceair compare`."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from ceair.cli.table import Format

First = Annotated[Path, typer.Argument(metavar="A.json", help="A file of `ceair evaluate ... --json-file A.json`.")]
Second = Annotated[Path, typer.Argument(metavar="B.json", help="Another, of the same images.")]


class Metric(str, Enum):
    """What the table is about."""

    psnr = "psnr"
    psnr_8bit = "psnr_8bit"
    ssim_uniform = "ssim_uniform"
    ssim_gaussian = "ssim_gaussian"


def compare(
    first: First,
    second: Second,
    metric: Annotated[Metric, typer.Option(help="Which numbers the table compares.")] = Metric.psnr,
    form: Annotated[Format, typer.Option("--format", help="How the table is written.")] = Format.table,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, with all metrics.")] = False,
) -> None:
    """Compare two results on the same images, pairwise: B minus A, its 95 % interval, and how likely by chance.

    The interval is a bootstrap over images; p is two-sided, of a paired permutation test that flips signs.
    """
    from ceair.cli.table import show
    from ceair.compare import compare as run

    differences = run(first, second)
    if as_json:
        document = {"first": str(first), "second": str(second), "differences": [one.as_json() for one in differences]}
        print(json.dumps(document, indent=2, allow_nan=False))
        return
    decimals = 2 if "psnr" in metric.value else 4
    rows = []
    for one in differences:
        if one.metric != metric.value:
            continue
        low, high = (f"{end:+.{decimals}f}" for end in one.interval) if one.interval else ("-", "-")
        means = [f"{one.first:.{decimals}f}", f"{one.second:.{decimals}f}", f"{one.mean_difference:+.{decimals}f}"]
        chance = "-" if one.p is None else f"{one.p:.4f}"
        rows.append([one.condition, str(one.count), *means, low, high, chance])
    show(["condition", "images", "A", "B", "B - A", "95 % from", "to", "p"], rows, form)
