"""Write the measured tables of docs/engines.md and docs/memory.md from what benchmarks have written.

python benchmarks/restore_speed.py --json speed.json
python benchmarks/tile_agreement.py --json tiles.json
python benchmarks/peak_memory.py --json peaks.json
python scripts/engine_tables.py --speed speed.json --tiles tiles.json --peaks peaks.json    # any of them
"""

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"

Document = dict[str, Any]


def speed(document: Document) -> dict[str, str]:
    """Yardsticks of each engine, of a whole file, and by size."""
    unit, kept = (f"{document[key] * 1000:.0f} ms" for key in ("yardstick_seconds", "yardstick_seconds_keeping_blocks"))
    rows = [
        f"One yardstick was {unit} on {document['threads']} threads ({kept} with large blocks kept).",
        "",
        "| engine | yardsticks, 512x512 |",
        "|---|---|",
    ]
    rows += [f"| {name} | {value:.2f} |" for name, value in document["engines_512x512"].items()]
    tables = {"speed": "\n".join(rows)}
    if "growth" in document:
        rows = ["| pixels | yardsticks |", "|---|---|"]
        rows += [f"| {size} | {value:.2f} |" for size, value in document["growth"].items()]
        rows += [f"| 4000x3000, from file to file | {document['file_to_file_4000x3000']:.2f} |", ""]
        rows += [f"Time grows with the number of pixels to the power of {document['exponent']:.3f}."]
        tables["growth"] = "\n".join(rows)
    return tables


def tiles(document: Document) -> dict[str, str]:
    """How closely tiles agree with the full frame, for each photo and setting."""
    rows = ["| photo | setting | PSNR to the full frame | change of score |", "|---|---|---|---|"]
    for photo, facts in document["photos"].items():
        for label, found in facts["settings"].items():
            numbers = f"{found['psnr_to_full_frame']:.1f} dB | {found['score_difference']:+.3f} dB"
            rows.append(f"| {photo} | {label} | {numbers} |")
    return {"tiles": "\n".join(rows)}


def peaks(document: Document) -> dict[str, str]:
    """Peak of resident memory by size."""
    rows = ["| image | peak of resident memory | seconds | bar |", "|---|---|---|---|"]
    for image in document["images"]:
        bar = f"{image['bar'] / 1e9:.1f} GB" if image["bar"] else "-"
        size = f"{image['width']}x{image['height']}{document['ending']}"
        rows.append(f"| {size} | {image['peak_bytes'] / 1e9:.2f} GB | {image['seconds']} | {bar} |")
    return {"peaks": "\n".join(rows)}


def insert(text: str, name: str, table: str) -> str:
    """The text with this table between the markers of its name, if it has them."""
    pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)"
    return re.sub(pattern, lambda match: f"{match[1]}{table}\n{match[2]}", text, flags=re.DOTALL)


def main() -> None:
    """Replace what stands between the markers of each table that there are figures for."""
    makers: dict[str, Callable[[Document], dict[str, str]]] = {"speed": speed, "tiles": tiles, "peaks": peaks}
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in makers:
        parser.add_argument(f"--{name}", type=Path)
    arguments = vars(parser.parse_args())
    tables: dict[str, str] = {}
    for name, make in makers.items():
        if arguments[name]:
            tables |= make(json.loads(arguments[name].read_text(encoding="utf-8")))
    for path in (DOCS / "engines.md", DOCS / "memory.md"):
        text = path.read_text(encoding="utf-8")
        for name, table in tables.items():
            text = insert(text, name, table)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
