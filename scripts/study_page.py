"""Write the tables and pictures of docs/study.md from a study's output folder, or check that the page has them.

python scripts/study_page.py runs/study    # keeps tables.json as docs/study.json, copies the plots, writes the tables
python scripts/study_page.py --check       # exits 1 if docs/study.md differs from what docs/study.json says
"""

import argparse
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from ceair.study.markdown import sections

DOCS = Path(__file__).parents[1] / "docs"
PLOTS = {"main-seeds": "main-curves", "costs": "main-cost"}
"""Plots below tables of other names."""

PAGE, KEPT, PICTURES = DOCS / "study.md", DOCS / "study.json", DOCS / "pictures"


def main() -> None:
    """Replace what stands between the markers of each table; a table that the study lacks is left out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", type=Path, nargs="?", help="the study's output folder")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.check:
        if KEPT.is_file() and filled(json.loads(KEPT.read_text(encoding="utf-8"))) != PAGE.read_text(encoding="utf-8"):
            sys.exit(f"{PAGE.name} is out of date; run python scripts/study_page.py OUTPUT")
        return
    if arguments.output is None:
        parser.error("name the study's output folder")
    tables = arguments.output / "tables.json"
    shutil.copyfile(tables, KEPT)
    for plot in sorted((arguments.output / "plots").glob("*.png")):
        shutil.copyfile(plot, PICTURES / f"study-{plot.name}")
    PAGE.write_text(filled(json.loads(tables.read_text(encoding="utf-8"))), encoding="utf-8")


def filled(tables: dict[str, Any]) -> str:
    """The page with these tables between its markers, each above its plot."""
    text = PAGE.read_text(encoding="utf-8")
    made = sections(tables)
    for name in re.findall(r"<!-- ([\w-]+): scripts/study_page\.py", text):
        picture = f"pictures/study-{PLOTS.get(name, name)}.png"
        shown = f"\n\n![{name.replace('-', ' ')}]({picture})" if (DOCS / picture).is_file() else ""
        text = _insert(text, name, made[name] + shown if name in made else "")
    return text


def _insert(text: str, name: str, table: str) -> str:
    pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)"
    inside = f"\n{table}\n\n" if table else ""
    return re.sub(pattern, lambda match: f"{match[1]}{inside}{match[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    main()
