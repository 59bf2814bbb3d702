"""What a study leaves for its readers: all results in one JSON, tables, plots."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from ceair.config import dump
from ceair.errors import DataError
from ceair.files import write_atomically
from ceair.study.costs import costs
from ceair.study.markdown import sections
from ceair.study.plots import draw
from ceair.study.run import finished
from ceair.study.settings import Run, StudySettings
from ceair.study.tables import tables
from ceair.system import hardware

RESULTS, TABLES, MARKDOWN, COSTS = "results.json", "tables.json", "tables.md", "costs.json"


def write_report(settings: StudySettings, wanted: Sequence[Run]) -> dict[str, Any]:
    """Write what the finished runs say: `results.json` with every image, `tables.json`, `tables.md`, and the plots.

    Returns the tables as plain data.

    Raises:
        DataError: no run is finished.
    """
    results = [result for run in wanted if (result := finished(settings, run)) is not None]
    if not results:
        raise DataError(f"no run of the study is finished; {settings.output / 'runs'} holds their logs")
    output = settings.output
    variants = list(dict.fromkeys(result["variant"] for result in results))
    made = {
        "runs": {"finished": len(results), "wanted": len(wanted)},
        "hardware": results[0]["hardware"],
        "versions": results[0]["versions"],
        **tables(results, _costs(settings, variants)),
    }
    everything = {"settings": dump(settings), "runs": results}
    write_atomically(output / RESULTS, json.dumps(everything, allow_nan=False).encode())
    write_atomically(output / TABLES, json.dumps(made, indent=1, allow_nan=False).encode())
    text = "\n\n".join(f"## {name}\n\n{table}" for name, table in sections(made).items())
    write_atomically(output / MARKDOWN, f"{text}\n".encode())
    draw(output / "plots", made, results)
    print(f"{output / MARKDOWN}: the tables of {len(results)} of {len(wanted)} runs", file=sys.stderr)
    return made


def _costs(settings: StudySettings, variants: list[str]) -> dict[str, Any]:
    """The costs of the variants, measured once on this machine; remove the file to measure them again."""
    path = settings.output / COSTS
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged; remove it, and the costs are measured again") from error
    if list(known.get("variants", ())) != variants:
        known = {"hardware": hardware("cpu"), "variants": costs(variants)}
        write_atomically(path, json.dumps(known, indent=1).encode())
    measured: dict[str, Any] = known["variants"]
    return measured
