"""`ceair cost`."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ceair.cost import Cost, Timing


def cost(
    preset: Annotated[str | None, typer.Option(help="One preset.  [default: all of them]")] = None,
    size: Annotated[str, typer.Option(help="Height and width of the image, in pixels.")] = "224x224",
    time: Annotated[bool, typer.Option("--time", help="Measure seconds and memory on this CPU, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Parameters, multiply-adds and the share of CEA in both, of each preset, for one RGB image.

    --time measures a float32 forward pass in a process of its own: the median of five, and the most memory that the
    process held, about 0.3 GB of torch itself included.
    """
    height, width = _size(size)
    from ceair.cli.process import keep_large_blocks
    from ceair.cost import count, measure
    from ceair.models import PRESETS
    from ceair.models import preset as find

    presets = [find(preset)] if preset else list(PRESETS.values())
    rows: list[tuple[str, Cost, Timing | None]] = []
    for chosen in presets:
        if time:
            print(f"measuring {chosen.name}", file=sys.stderr)
        timing = measure(chosen.network, height, width, keep_large_blocks) if time else None
        rows.append((chosen.name, count(chosen.network, height, width), timing))
    if as_json:
        documents = [{"preset": n, **asdict(c), "timing": asdict(t) if t else None} for n, c, t in rows]
        print(json.dumps(documents, indent=2))
    else:
        _print_table(rows)


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise typer.BadParameter(f"--size needs height x width in pixels, such as 224x224, not `{text}`")
    return int(height), int(width)


def _print_table(rows: "list[tuple[str, Cost, Timing | None]]") -> None:
    from ceair.cli.table import show

    header = ["preset", "parameters", "of CEA", "multiply-adds", "of CEA"]
    timed = any(timing for *_, timing in rows)
    lines = []
    for name, cost, timing in rows:
        parameters, operations = f"{cost.parameters / 1e6:.2f} M", f"{cost.multiply_adds / 1e9:.2f} G"
        shares = cost.cea_parameters / cost.parameters, cost.cea_multiply_adds / cost.multiply_adds
        line = [name, parameters, f"{shares[0]:.1%}", operations, f"{shares[1]:.1%}"]
        if timing:
            memory = "-" if timing.peak_bytes is None else f"{timing.peak_bytes / 1e9:.2f} GB"
            line += [f"{timing.seconds:.3f} s", memory, str(timing.threads)]
        lines.append(line)
    show([*header, "time", "peak memory", "threads"] if timed else header, lines)
