"""What a study leaves for its readers: all results in one JSON, tables, plots."""

import json
from collections.abc import Sequence
from typing import Any

from ceair.config import dump
from ceair.files import write_atomically
from ceair.study.run import finished
from ceair.study.settings import Run, StudySettings

RESULTS = "results.json"


def write_report(settings: StudySettings, wanted: Sequence[Run]) -> dict[str, Any]:
    results = [result for run in wanted if (result := finished(settings, run)) is not None]
    document = {"settings": dump(settings), "runs": results}
    write_atomically(settings.output / RESULTS, json.dumps(document, allow_nan=False).encode())
    return document
