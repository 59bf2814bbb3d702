"""Write the tables of the README and the model card from the bundled weights' card and the presets, or check them.

python scripts/readme_tables.py            # writes
python scripts/readme_tables.py --check    # exits 1 if something would change
"""

import argparse
import json
import re
import sys
from pathlib import Path

from ceair.checkpoint import BUNDLED
from ceair.cost import count
from ceair.model_card import scores_table
from ceair.models import PRESETS

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Replace what stands between the markers of each table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    tables = {"results": results(), "cost": costs()}
    for path in (ROOT / "README.md", ROOT / "docs" / "model-card.md"):
        before = after = path.read_text(encoding="utf-8")
        for name, table in tables.items():
            after = _insert(after, name, table)
        if check and before != after:
            sys.exit(f"the tables of {path.name} are out of date; run python scripts/readme_tables.py")
        if not check:
            path.write_text(after, encoding="utf-8")


def results() -> str:
    """The scores of the card of ceair-t, a row for each condition of each set."""
    return scores_table(json.loads((BUNDLED / "ceair-t.json").read_text(encoding="utf-8"))["scores"])


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
