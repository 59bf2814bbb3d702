"""Blend the weights of a run with those that it began from, where the run gained on some damages and lost on others.

    python scripts/blend_weights.py BEFORE.safetensors runs/ceair-t --share 0.5 --out runs/ceair-t-blend

The folder that is written can be given to `scripts/ship_weights.py` in place of the run's; the card says the share.
Both networks lie in one valley, as the second was trained from the first (WiSE-FT, arXiv 2109.01903, blends so).
"""

import argparse
import shutil
from pathlib import Path

from ceair.checkpoint import load_tensors, save_tensors


def main() -> None:
    """Write the blended weights and the settings of the run beside them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--share", type=float, required=True, help="of the run's weights: 0 for none, 1 for all")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    (path,) = arguments.run.glob("ceair-*.safetensors")
    before, _ = load_tensors(arguments.before)
    after, numbers = load_tensors(path)
    blended = {name: before[name].float().lerp(after[name].float(), arguments.share).half() for name in after}
    arguments.out.mkdir(parents=True, exist_ok=True)
    save_tensors(arguments.out / path.name, blended, {**numbers, "share": arguments.share})
    shutil.copy(arguments.run / "settings.json", arguments.out)


if __name__ == "__main__":
    main()
