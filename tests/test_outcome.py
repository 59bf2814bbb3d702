"""What becomes of files is counted, and told as JSON."""

import json
from pathlib import Path

from ceair.outcome import Outcome, Totals

A, B = Path("a.png"), Path("out/a.png")


def test_an_outcome_is_told_whole_whatever_it_is():
    restored = Outcome(A, B, "restored", 1.23456, 30, 20, ("converted from CMYK to RGB",))
    assert restored.document() == {
        "input": "a.png",
        "output": "out/a.png",
        "status": "restored",
        "seconds": 1.235,
        "width": 30,
        "height": 20,
        "notes": ["converted from CMYK to RGB"],
        "error": None,
    }
    failed = Outcome(A, B, "failed", error="cannot read a.png: the file is empty").document()
    assert failed.keys() == restored.document().keys()
    assert failed["error"] == "cannot read a.png: the file is empty"
    assert json.loads(json.dumps(failed)) == failed


def test_totals_count_each_kind_and_the_pixels_of_what_was_restored():
    totals = Totals()
    for _ in range(3):
        totals.add(Outcome(A, B, "restored", 9.0, 1000, 500))
    totals.add(Outcome(A, B, "failed", error="no"))
    totals.add(Outcome(A, B, "skipped"))
    assert totals.document(2.0) == {
        "restored": 3,
        "failed": 1,
        "skipped": 1,
        "seconds": 2.0,
        "megapixels": 1.5,
        "megapixels_per_second": 0.75,
    }


def test_a_job_of_no_time_has_a_speed():
    assert Totals().document(0.0)["megapixels_per_second"] == 0
