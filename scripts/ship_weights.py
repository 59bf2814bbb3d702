"""Put the weights of finished runs into the package, with the card that says where they come from and how they score.

    python scripts/ship_weights.py --runs runs/ceair-t=HASH runs/ceair-t-finish=HASH --hardware "2 CPU cores" \
        --sources DIR/SOURCES.tsv --scores CBSD68=cbsd68.json Rain100L=rain.json ... --failures failures.txt

`--runs` names the output folders in the order in which they ran, each with the commit that it ran at; the last one's
weights are shipped. With `--further` they began from the bundled weights, whose runs come first in the new card. Each
file of `--scores` is what `ceair evaluate ... --json` printed; `--sources` is a tab-separated table of `folder`,
`files`, `source` and `terms`; `--failures` has a known failure in each line.
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
    runs = [_run(*word.rpartition("=")[::2]) for word in arguments.runs]
    name = runs[-1]["settings"]["preset"]
    if arguments.further:
        runs = json.loads((BUNDLED / f"{name}.json").read_text(encoding="utf-8"))["runs"] + runs
    weights = Path(arguments.runs[-1].rpartition("=")[0]) / f"{name}.safetensors"
    content = weights.read_bytes()
    card = {
        "name": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "parameters": sum(parameter.numel() for parameter in load_network(weights).parameters()),
        "license": "apache-2.0",
        "licence": "The file is under Apache-2.0; the photos it was trained on have terms of their own, listed below.",
        "blind": "One set of weights for all damages; nothing but the image is given to the network.",
        "hardware": arguments.hardware,
        "runs": runs,
        "data": _sources(arguments.sources, runs),
        "scores": dict(_score(*word.partition("=")[::2]) for word in arguments.scores),
        "known_failures": arguments.failures.read_text(encoding="utf-8").strip().splitlines(),
    }
    write_atomically(BUNDLED / f"{name}.safetensors", content)
    write_atomically(BUNDLED / f"{name}.json", (json.dumps(card, indent=2) + "\n").encode())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", nargs="+", required=True)
    parser.add_argument("--further", action="store_true")
    parser.add_argument("--scores", nargs="+", required=True)
    for option, kind in (("hardware", str), ("sources", Path), ("failures", Path)):
        parser.add_argument(f"--{option}", type=kind, required=True)
    return parser.parse_args()


def _run(folder: str, commit: str) -> dict[str, Any]:
    """What one run did: its commit, its settings without the paths of its machine, and how long it took.

    Steps and minutes include those of a run that it resumed.
    """
    settings = json.loads((Path(folder) / "settings.json").read_text(encoding="utf-8"))
    settings["data"]["root"] = "DIR"
    del settings["output"]
    if settings["init_from"]:
        settings["init_from"] = Path(settings["init_from"]).name
    _, metadata = load_tensors(Path(folder) / f"{settings['preset']}.safetensors")
    return {
        "commit": commit,
        "steps": metadata["steps"],
        "minutes": round(metadata["minutes"], 1),
        # Of blended weights (`scripts/blend_weights.py`), how much of this run is in them.
        **({"share": metadata["share"]} if "share" in metadata else {}),
        "settings": settings,
    }


def _sources(table: Path, runs: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The rows of the table of sources that are about what the runs drew from."""
    drawn = {("train", source["path"]) for run in runs for source in run["settings"]["data"]["sources"].values()}
    with table.open(encoding="utf-8", newline="") as file:
        rows = [dict(row) for row in csv.DictReader(file, delimiter="\t")]
    return [row for row in rows if tuple(row["folder"].split("/")[:2]) in drawn]


def _score(label: str, file: str) -> tuple[str, dict[str, Any]]:
    """The means of one evaluation by its label, in dB for PSNR, and the 95 % interval of the PSNR."""
    document = json.loads(Path(file).read_text(encoding="utf-8"))
    rows = {}
    for condition in document["conditions"]:
        means = {key: round(value, 4) for key, value in condition["means"].items() if value is not None}
        before = condition["input_psnr"] and round(condition["input_psnr"], 4)
        interval = [round(bound, 4) for bound in condition["intervals_95"]["psnr"]]
        row = {"images": condition["count"], "input_psnr": before, **means, "psnr_interval_95": interval}
        rows[condition["condition"]] = row
    return label, rows


if __name__ == "__main__":
    main()
