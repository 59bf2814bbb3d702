"""The `ceair` command: reads the arguments, sets up the process and calls the layers below.

Heavy modules are imported inside the commands, so that `ceair --help` answers at once.
"""

import ctypes
import sys
from pathlib import Path
from typing import Annotated

import typer

from ceair.errors import CeairError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="All-in-one image restoration.")


@app.callback()
def _commands() -> None:
    """All-in-one image restoration: one network, no labels, no prompts."""


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="YAML file; see configs/.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="a.b=c, e.g. train.minutes=90.")] = None,
) -> None:
    """Train a network, or resume where a run of the same output folder stopped."""
    from ceair.config import load
    from ceair.train.loop import train as run
    from ceair.train.settings import TrainSettings

    keep_large_blocks()
    weights = run(load(TrainSettings, config, overrides or []))
    print(f"weights: {weights}", file=sys.stderr)


def keep_large_blocks() -> None:
    """Let glibc reuse large blocks instead of mapping and unmapping each tensor over 32 MiB.

    It halves the CPU time of large networks and is done only here, where the process is ours. Elsewhere than on glibc
    it does nothing.
    """
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # from malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 512 << 20)


def main() -> None:
    """Run the command line; errors that ceair raises on purpose end in one line and exit code 1."""
    try:
        app()
    except CeairError as error:
        print(f"ceair: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
