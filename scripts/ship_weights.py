"""Put the weights of a finished run into the package, with the card that says where they come from and how they score.

    python scripts/ship_weights.py --run runs/ceair-t --commit HASH --hardware "2 CPU cores" --sources DIR/SOURCES.tsv \
        --scores noise=noise.json rain=rain.json ... --failures docs/known_failures.txt

Each file of `--scores` is what `ceair evaluate ... --json` printed; `--sources` is a tab-separated table of `folder`,
`files`, `source` and `terms`.
"""

import argparse
import csv
import hashlib
import json
from pathlib import Path
from typing import Any

from ceair.checkpoint import BUNDLED, load_network, load_tensors
from ceair.files import write_atomically


def main() -> None:
    """Check that the weights load, then write them and their card."""
    arguments = _arguments()
    settings = json.loads((arguments.run / "settings.json").read_text(encoding="utf-8"))
    name = settings["preset"]
    weights = arguments.run / f"{name}.safetensors"
    parameters = sum(parameter.numel() for parameter in load_network(weights).parameters())
    _, metadata = load_tensors(weights)
    content = weights.read_bytes()
    for key in ("output", "init_from"):
        settings.pop(key)
    settings["data"]["root"] = "DIR"
    card = {
        "name": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "parameters": parameters,
        "licence": "The file is under Apache-2.0; the photos it was trained on have terms of their own, listed below.",
        "blind": "One set of weights for all damages; nothing but the image is given to the network.",
        "training": {
            "command": f"ceair train configs/{name}.yaml data.root=DIR",
            "commit": arguments.commit,
            "hardware": arguments.hardware,
            "minutes": round(metadata["minutes"], 1),
            "steps": metadata["steps"],
            "settings": settings,
        },
        "data": _sources(arguments.sources),
        "scores": dict(_score(*word.partition("=")[::2]) for word in arguments.scores),
        "known_failures": arguments.failures.read_text(encoding="utf-8").strip().splitlines(),
    }
    write_atomically(BUNDLED / f"{name}.safetensors", content)
    write_atomically(BUNDLED / f"{name}.json", (json.dumps(card, indent=2) + "\n").encode())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for option, kind in (("run", Path), ("commit", str), ("hardware", str), ("sources", Path), ("failures", Path)):
        parser.add_argument(f"--{option}", type=kind, required=True)
    parser.add_argument("--scores", nargs="+", required=True)
    return parser.parse_args()


def _sources(table: Path) -> list[dict[str, str]]:
    """The training rows of the table of sources."""
    with table.open(encoding="utf-8", newline="") as file:
        return [dict(row) for row in csv.DictReader(file, delimiter="\t") if row["folder"].startswith("train/")]


def _score(label: str, file: str) -> tuple[str, dict[str, Any]]:
    """The means of one evaluation by its label, in dB for PSNR."""
    document = json.loads(Path(file).read_text(encoding="utf-8"))
    rows = {}
    for condition in document["conditions"]:
        means = {key: round(value, 4) for key, value in condition["means"].items() if value is not None}
        rows[condition["condition"]] = {"images": condition["count"], "input_psnr": condition["input_psnr"], **means}
    return label, rows


if __name__ == "__main__":
    main()
