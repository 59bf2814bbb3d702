"""Make weights of a smaller network those of a larger one that computes the same, to train them on from there.

    python scripts/grow_weights.py BEFORE.safetensors ceair-t --out AFTER.safetensors

Larger windows of the blocks are zero around what was there. Blocks that are new come behind those of their stage; their
weights are drawn, but for the last of each of their two steps, which are zero, so that they add nothing yet (Net2Net,
arXiv 1511.05641, grows networks so).
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ceair.checkpoint import load_tensors, save_tensors
from ceair.errors import WeightsError
from ceair.models import build, preset
from ceair.nn import GatedConvBlock


def main() -> None:
    """Write the weights of the larger network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("preset")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn for new blocks")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    before, numbers = load_tensors(arguments.before)
    torch.manual_seed(arguments.seed)
    network = build(preset(arguments.preset).network)
    after = grown(before, network)
    save_tensors(arguments.out, {name: tensor.half() for name, tensor in after.items()}, numbers)


def grown(before: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Weights with which `network` computes what a smaller one does with those of `before`.

    Raises:
        WeightsError: the smaller network has weights that this one lacks, or of a shape that cannot be grown.
    """
    own = network.state_dict()
    if unknown := sorted(set(before) - set(own)):
        raise WeightsError(f"the larger network has no {unknown[0]}: it must have all parts of the smaller one")
    after = {name: _padded(name, before[name], own[name]) for name in before}
    for path, block in network.named_modules():
        names = [f"{path}.{name}" for name in block.state_dict()]
        if isinstance(block, GatedConvBlock) and not set(names) & set(before):
            for parameter in (*block.project.parameters(), *block.feed.project.parameters()):
                nn.init.zeros_(parameter)
            after |= {name: own[name] for name in names}
    if missing := sorted(set(own) - set(after)):
        raise WeightsError(f"{missing[0]} is new and no part of a block: only windows and blocks can be grown")
    return after


def _padded(name: str, tensor: Tensor, wanted: Tensor) -> Tensor:
    """A depthwise kernel amid zeros; anything else must have its shape already."""
    if tensor.shape == wanted.shape:
        return tensor
    if tensor.ndim != 4 or tensor.shape[:2] != wanted.shape[:2] or wanted.shape[-1] < tensor.shape[-1]:
        raise WeightsError(f"{name} has shape {tuple(tensor.shape)} and cannot become {tuple(wanted.shape)}")
    margin = (wanted.shape[-1] - tensor.shape[-1]) // 2
    return F.pad(tensor, (margin,) * 4)


if __name__ == "__main__":
    main()
