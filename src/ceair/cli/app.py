"""The `ceair` command: one file per subcommand, gathered here.

Torch and everything else that is heavy is imported inside the subcommands, so that `ceair --help` answers at once.
"""

import sys

import typer

from ceair.cli.batch import batch
from ceair.cli.compare import compare
from ceair.cli.cost import cost
from ceair.cli.degrade import degrade
from ceair.cli.doctor import doctor
from ceair.cli.evaluate import evaluate
from ceair.cli.explain import explain
from ceair.cli.export import export
from ceair.cli.models import models
from ceair.cli.restore import restore
from ceair.cli.serve import serve
from ceair.cli.study import study
from ceair.cli.train import train
from ceair.errors import CeairError, ConfigError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _ceair() -> None:
    """All-in-one image restoration: noise, rain, haze, snow, low light and blur, one network, no labels, no prompts."""


for command in (
    restore, serve, batch, degrade, train, study, doctor, evaluate, compare, cost, explain, export, models,
):  # fmt: skip
    app.command()(command)


def main() -> None:
    """Run the command line: errors that ceair raises on purpose end in one line and exit code 1 (2 for what the user
    wrote in a configuration), Ctrl-C in 130."""
    try:
        app()
    except CeairError as error:
        print(f"ceair: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except (
        OSError
    ) as error:  # of a file that nobody named to `CeairError`: a full disk, a locked folder, a name too long
        place = f"{error.filename}: " if error.filename else ""
        print(f"ceair: {place}{error.strerror or error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("ceair: interrupted", file=sys.stderr)
        sys.exit(130)
