"""`ceair train`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ceair.cli.process import keep_large_blocks


def train(
    config: Annotated[Path, typer.Argument(help="YAML file; the folder configs/ has some.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="a.b=c, such as train.minutes=90.")] = None,
) -> None:
    """Train a network, or resume where a run of the same output folder stopped."""
    from ceair.config import load
    from ceair.errors import CeairError
    from ceair.train.settings import TrainSettings

    try:
        import torch.utils.tensorboard  # noqa: F401

        from ceair.train.loop import train as run
    except ImportError as error:
        raise CeairError(f"training needs more packages: `pip install 'ceair[train]'` ({error})") from error

    keep_large_blocks()
    weights = run(load(TrainSettings, config, overrides or []))
    if weights is not None:  # the first process tells
        print(f"weights: {weights}", file=sys.stderr)
