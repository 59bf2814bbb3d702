"""Blend the weights of runs with those that all of them began from, where runs gain on some damages and lose on others.

    python scripts/blend_weights.py BEFORE.safetensors runs/a runs/b --shares 0.4 0.3 --out runs/blends

What the shares leave is of the weights before. A folder for each run is written below `--out`: all hold the blended
weights, each the settings, the numbers and the share of its own run, so that `scripts/ship_weights.py --runs` can be
given them in place of the runs'. Networks that were trained from the same one mostly lie in one valley (model soups,
arXiv 2203.05482, and WiSE-FT, arXiv 2109.01903, blend so). A long run at a high rate may leave it: measure each blend.
"""

import argparse
import shutil
from pathlib import Path

from ceair.checkpoint import load_tensors, save_tensors


def main() -> None:
    """Write the blended weights and the settings of each run beside them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--shares", nargs="+", type=float, required=True, help="of each run's weights, in order")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if len(arguments.shares) != len(arguments.runs):
        parser.error("give a share for each run")
    paths = [_weights_of(run, parser) for run in arguments.runs]
    before, _ = load_tensors(arguments.before)
    runs = [load_tensors(path) for path in paths]
    blended = {}
    for name, tensor in before.items():
        start = tensor.float()
        moves = [share * (run[name].float() - start) for share, (run, _) in zip(arguments.shares, runs, strict=True)]
        blended[name] = sum(moves, start=start).half()
    for path, share, (_, numbers) in zip(paths, arguments.shares, runs, strict=True):
        folder = arguments.out / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        save_tensors(folder / path.name, blended, {**numbers, "share": share})
        shutil.copy(path.parent / "settings.json", folder)


def _weights_of(run: Path, parser: argparse.ArgumentParser) -> Path:
    """The one file of weights in a run's folder."""
    found = sorted(run.glob("ceair-*.safetensors"))
    if len(found) != 1 or not (run / "settings.json").is_file():
        parser.error(f"{run} must hold one ceair-*.safetensors and its settings.json, as `ceair train` leaves them")
    return found[0]


if __name__ == "__main__":
    main()
