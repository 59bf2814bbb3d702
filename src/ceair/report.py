"""What an evaluation says: rows of tables beside published ones, a CSV of all images, a JSON document."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ceair import system
from ceair.benchmark import Scored, average
from ceair.data.benchmarks import Benchmark
from ceair.data.published import Published, PublishedRow
from ceair.evaluate import METRICS

HEADER = ("condition", "images", "input PSNR", "PSNR", "PSNR 8-bit", "SSIM 7x7", "SSIM Gaussian", "LPIPS")
"""Of `rows`, without the interval; LPIPS is there only where it was asked for."""

SOURCES = (
    "told: gets the true degradation as an input; all others are blind.",
    "Source: R read in the method's own repository or that of the peer named, T copied from a table of the one named.",
    "SSIM: the window of the method's own code, ? unknown; the two differ by up to 0.01 on the same images.",
)
"""What the comparison's columns mean."""

_FILES = ("input", "target", "restored")


def rows(scored: Sequence[Scored], averaged: bool, intervals: bool) -> tuple[list[str], list[list[str]]]:
    """Header and a row for each condition, absent ones too; and one of the average if all are complete.

    Args:
        intervals: add a column with the 95 % interval of the mean PSNR.
    """
    metrics = [
        metric
        for metric in METRICS
        if metric != "lpips" or any(one.table and one.table.values(metric) for one in scored)
    ]
    header = HEADER[: 3 + len(metrics)]
    lines = [_row(one, metrics) for one in scored]
    mean = average(scored) if averaged else None
    if mean is not None:
        lines.append(["average", "", "", *(_number(mean.get(metric), _decimals(metric)) for metric in metrics)])
    if not intervals:
        return list(header), lines
    spreads = [_interval(one) for one in scored] + [""] * (len(lines) - len(scored))
    return [*header, "95 % of PSNR"], [[*line, spread] for line, spread in zip(lines, spreads, strict=True)]


def notes(scored: Sequence[Scored], averaged: bool) -> list[str]:
    """Sentences about what a table does not say itself."""
    states = {one.condition.status for one in scored}
    lines = [f"{one.condition.title}: {one.condition.absent}." for one in scored if one.condition.absent]
    if any(one.condition.expected is not None and one.condition.status == "incomplete" for one in scored):
        lines.append("Rows with `of` are of a part of the set, or of more than belongs to it.")
    if averaged and states != {"complete"}:
        lines.append("No average: it needs every column, complete.")
    tables = [one.table for one in scored if one.table is not None]
    if any(len(table.values("ssim_gaussian")) < len(table.results) for table in tables):
        lines.append("SSIM leaves out images smaller than its window (7 or 11 pixels).")
    return lines


def comparison(benchmark: Benchmark, scored: Sequence[Scored], name: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the published table, PSNR/SSIM, with ours below it in both conventions of SSIM."""
    header = ["method", "M parameters", *(column.title for column in benchmark.columns), "average"]
    lines = [_published(row, len(benchmark.columns)) for row in benchmark.published]
    mean = average(scored) or {}
    for window, metric in (("uniform", "ssim_uniform"), ("Gaussian", "ssim_gaussian")):
        cells = [_ours(one, metric) for one in scored]
        overall = f"{mean['psnr']:.2f}/{_ssim(mean.get(metric))}" if "psnr" in mean else "-"
        lines.append([f"{name} (ours)", "", *cells, overall, window, "this run", ""])
    return [*header, "SSIM", "source", "note"], lines


def document(settings: Mapping[str, Any], scored: Sequence[Scored], averaged: bool, device: str) -> dict[str, Any]:
    """All that was measured, and all that it depends on, as plain data without times, so that it can be made again."""
    return {
        "settings": dict(settings),
        "commit": system.commit(),
        "versions": system.versions(),
        "hardware": system.hardware(device),
        "seeds": {"noise": 0 if settings.get("legacy_noise") else "file name and sigma", "bootstrap": 0},
        "average": _finite(average(scored) if averaged else None),
        "conditions": [_condition(one) for one in scored],
    }


def table_of_images(scored: Sequence[Scored]) -> str:
    """A CSV with a line for every image: its condition, numbers, and SHA-256 of its files."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    files = [f"sha256_{role}" for role in _FILES]
    writer.writerow(["condition", "name", "height", "width", "input_psnr", *METRICS, *files])
    for one in scored:
        for result in one.table.results if one.table else ():
            numbers = [getattr(result.score, metric) for metric in METRICS]
            hashes = [result.files.get(role, "") for role in _FILES]
            place = [one.condition.name, result.name, result.height, result.width]
            writer.writerow(
                [*place, result.input_psnr, *("" if number is None else number for number in numbers), *hashes]
            )
    return stream.getvalue()


def _row(one: Scored, metrics: Sequence[str]) -> list[str]:
    condition, table = one.condition, one.table
    if table is None:
        return [condition.title, "absent", *["-"] * (1 + len(metrics))]
    whole = condition.expected or condition.available
    images = f"{len(condition.files)}" + (f" of {whole}" if condition.status == "incomplete" else "")
    means = (_number(table.mean(metric), _decimals(metric)) for metric in metrics)
    return [condition.title, images, _number(table.input_psnr, 2), *means]


def _interval(one: Scored) -> str:
    interval = one.table.interval("psnr") if one.table else None
    return f"{interval[0]:.2f}-{interval[1]:.2f}" if interval else "-"


def _condition(one: Scored) -> dict[str, Any]:
    condition = one.condition
    about = {"title": condition.title, "status": condition.status, "expected": condition.expected}
    if one.table is None:
        return {"condition": condition.name, **about, "reason": condition.absent}
    return {**about, "available": condition.available, "crop": condition.crop, **one.table.as_json()}


def _finite(means: Mapping[str, float] | None) -> dict[str, float | None] | None:
    if means is None:
        return None
    return {metric: mean if math.isfinite(mean) else None for metric, mean in means.items()}


def _published(row: PublishedRow, columns: int) -> list[str]:
    scores = [_pair(score) for score in row.scores] or ["-"] * columns
    return [row.method, row.parameters, *scores, _pair(row.average), row.window, row.source, row.note]


def _pair(score: Published) -> str:
    return f"{score.psnr:.2f}" if score.ssim is None else f"{score.psnr:.2f}/{_ssim(score.ssim)}"


def _ours(one: Scored, metric: str) -> str:
    if one.table is None:
        return "absent"
    mark = "" if one.condition.status == "complete" else " (part)"
    return f"{_number(one.table.mean('psnr'), 2)}/{_ssim(one.table.mean(metric))}{mark}"


def _ssim(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".removeprefix("0")


def _decimals(metric: str) -> int:
    return 2 if "psnr" in metric else 4


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{decimals}f}"
