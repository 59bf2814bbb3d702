"""Write the tables of the README and the model card from the bundled weights' card and the presets, or check them.

python scripts/readme_tables.py            # writes
python scripts/readme_tables.py --check    # exits 1 if something would change
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ceair.checkpoint import BUNDLED
from ceair.cost import count
from ceair.data.published import AIO3, AIO5
from ceair.model_card import scores_table
from ceair.models import PRESETS

ROOT = Path(__file__).parents[1]
PEERS = ("AirNet", "PromptIR", "InstructIR", "MoCE-IR-S", "AdaIR")
SPECIALISTS = (
    # Small public networks that were run on these same files beforehand; none of them was trained or run by us.
    ("FFDNet", "-", "sigma", "clipped noise", (33.82, 31.19, 27.95, None, None)),
    ("PReNet", "-", "that it rains", "RainTrainL", (None, None, None, 36.07, None)),
    ("IAT", "-", "that it is dark", "LOL-v1", (None, None, None, None, 23.38)),
)
"""Method, parameters, what it is told, what it was trained on, and PSNR in dB on the columns of the table."""


def main() -> None:
    """Replace what stands between the markers of each table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    card = json.loads((BUNDLED / "ceair-t.json").read_text(encoding="utf-8"))
    tables = {"results": scores_table(card["scores"]), "beside": beside(card), "cost": costs(), "runs": runs(card)}
    for path in (ROOT / "README.md", ROOT / "docs" / "model-card.md"):
        before = after = path.read_text(encoding="utf-8")
        for name, table in tables.items():
            after = _insert(after, name, table)
        if check and before != after:
            sys.exit(f"the tables of {path.name} are out of date; run python scripts/readme_tables.py")
        if not check:
            path.write_text(after, encoding="utf-8")


def beside(card: Mapping[str, Any]) -> str:
    """Our row beside specialists and published all-in-one models, on the sets that we have all images of."""
    scores = card["scores"]
    noise = [scores["CBSD68"][f"noise {sigma}"] for sigma in (15, 25, 50)]
    ours = [*noise, scores["Rain100L"]["pairs"], scores["LOL-v1"]["pairs"]]
    rows = [
        "| method | parameters, M | told | trained on | CBSD68 15 / 25 / 50 | Rain100L | LOL-v1 |",
        "|---|---|---|---|---|---|---|",
        _beside("as it is", "-", "-", "-", [score["input_psnr"] for score in ours]),
        _beside(
            "**ceair-t**", f"{card['parameters'] / 1e6:.2f}", "nothing", "the photos below", [s["psnr"] for s in ours]
        ),
        *(_beside(*row) for row in SPECIALISTS),
    ]
    for table, training, places in (
        (AIO3, "three tasks", (2, 3, 4, 1, None)),
        (AIO5, "five tasks", (None, 2, None, 1, 4)),
    ):
        # The first of several rows of a method is its authors' own, or the one that the field copies.
        published = {
            row.method: row for row in reversed(table) if row.method.removesuffix("-3D").removesuffix("-5D") in PEERS
        }
        for row in reversed(published.values()):
            told = "the damage, as text" if row.told else "nothing"
            numbers = [None if place is None else row.scores[place].psnr for place in places]
            rows.append(_beside(row.method, row.parameters, told, training, numbers))
    return "\n".join(rows)


def _beside(method: str, parameters: str, told: str, training: str, numbers: Sequence[float | None]) -> str:
    cells = ["-" if number is None else f"{number:.2f}" for number in numbers]
    noise = "-" if set(cells[:3]) == {"-"} else " / ".join(cells[:3])
    return f"| {' | '.join([method, parameters, told, training, noise, *cells[3:]])} |"


def runs(card: Mapping[str, Any]) -> str:
    """What each training run was: one row each, in the order in which they ran."""
    rows = [
        "| run | commit | seed | minutes | steps | patches | peak rate | loss | precision | share |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for number, run in enumerate(card["runs"], start=1):
        settings = run["settings"]
        patches = ", ".join(str(stage["patch"]) for stage in settings["stages"])
        extra = [name for name in ("frequency", "routing") if settings["loss"].get(name)]
        loss = ", ".join([settings["loss"]["pixelwise"], *extra])
        cells = [f"`{run['commit']}`", settings["seed"], f"{run['minutes']:g}", f"{run['steps']:,}", patches]
        cells += [f"{settings['optim']['lr']:g}", loss, settings["devices"]["precision"], run.get("share", "-")]
        rows.append(f"| {number} | {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def costs() -> str:
    """Parameters and multiply-adds of each preset, and CEA's share of them."""
    rows = ["| preset | parameters | multiply-adds | CEA's share of both | for |", "|---|---|---|---|---|"]
    for preset in PRESETS.values():
        cost = count(preset.network, 224, 224)
        shares = f"{cost.cea_parameters / cost.parameters:.1%}, {cost.cea_multiply_adds / cost.multiply_adds:.1%}"
        sizes = f"{cost.parameters / 1e6:.2f} M | {cost.multiply_adds / 1e9:.2f} G"
        rows.append(f"| `{preset.name}` | {sizes} | {shares} | {preset.purpose} |")
    return "\n".join(rows)


def _insert(text: str, name: str, table: str) -> str:
    pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)"
    return re.sub(pattern, lambda match: f"{match[1]}{table}\n{match[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    main()
