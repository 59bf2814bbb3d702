"""The plots of a study, as PNG and SVG."""

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # before anything looks for a screen

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ceair.files import write_atomically
from ceair.study.markdown import ranks
from ceair.study.tables import GROUP_TITLES, HARD, REFERENCE

Part = Mapping[str, Any]
Plot = Callable[[], Figure | None]

# Okabe and Ito's colours, which people with any kind of colour vision tell apart; CEA has the strongest.
_COLOURS = (
    "#D55E00",
    "#0072B2",
    "#009E73",
    "#E69F00",
    "#CC79A7",
    "#56B4E9",
    "#000000",
    "#999999",
    "#7A5195",
    "#8C6D31",
)
_MARKERS = "osD^vPX<>*"
_STYLE: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "ceair"}


def draw(output: Path, tables: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Write every plot that the results allow, as `output/NAME.png` and `.svg`; returns the paths."""
    paths = []
    for name, plot in _plots(tables, results).items():
        with matplotlib.rc_context(_STYLE):
            figure = plot()
            if figure is None:
                continue
            for ending in ("png", "svg"):
                content = io.BytesIO()
                stamp = {"Software": None} if ending == "png" else {"Date": None}
                figure.savefig(content, format=ending, dpi=150, bbox_inches="tight", metadata=stamp)
                paths.append(output / f"{name}.{ending}")
                write_atomically(paths[-1], content.getvalue())
    return paths


def _plots(tables: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> dict[str, Plot]:
    found: dict[str, Plot] = {}
    for name, part in tables["parts"].items():
        own = [result for result in results if result["part"] == name]
        found[f"{name}-quality"] = partial(quality, part)
        found[f"{name}-differences"] = partial(differences, part)
        found[f"{name}-conditions"] = partial(conditions, part)
        found[f"{name}-curves"] = partial(curves, own)
        found[f"{name}-cost"] = partial(cost, part, tables["costs"])
        found[f"{name}-ranks"] = partial(rank_sweep, part)
    return found


def quality(part: Part) -> Figure:
    """PSNR of each variant in each group, with 95 % intervals."""
    figure, _ = _intervals(part, list(part["variants"]), lambda one: one["means"]["psnr"], "PSNR, dB")
    return figure


def differences(part: Part) -> Figure | None:
    """PSNR of CEA minus that of each other variant, by group, with 95 % intervals: right of zero CEA wins."""
    names = [name for name, one in part["variants"].items() if one["cea_minus"]]
    if not names:
        return None
    figure, panels = _intervals(part, names, lambda one: one["cea_minus"]["psnr"], "CEA minus it, dB")
    for axes in panels:
        axes.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    return figure


def _intervals(
    part: Part, names: Sequence[str], read: Callable[[Part], Mapping[str, Any]], label: str
) -> tuple[Figure, list[Axes]]:
    """A panel for each group, in it the interval of each of these variants, one below the other."""
    titles, every = _titles(part), list(part["variants"])
    figure, panels = _panels(len(titles), 0.32 * len(names) + 1.0)
    for axes, title in zip(panels, titles, strict=True):
        for place, name in enumerate(names):
            _interval(axes, read(part["variants"][name])[title], place, name, every)
        axes.set(title=title, xlabel=label)
    _name_rows(panels, names)
    return figure, panels


def conditions(part: Part) -> Figure | None:
    """PSNR of CEA minus that of each other variant in each condition."""
    names = [name for name, one in part["variants"].items() if one["cea_minus"]]
    if not names:
        return None
    rows, every = list(part["conditions"]), list(part["variants"])
    figure = Figure(figsize=(7.5, 0.27 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color="0.6", linewidth=0.8)
    for name in names:
        values = [part["variants"][name]["cea_minus"]["psnr"][row]["mean"] for row in rows]
        axes.plot(values, range(len(rows)), linestyle="", label=name, **_look(name, every))
    groups = [part["conditions"][row]["group"] for row in rows]
    for place in range(1, len(rows)):
        if groups[place] != groups[place - 1]:
            axes.axhline(place - 0.5, color="0.85", linewidth=0.8)
    labels = [f"{row.replace('_', ' ')} ({group})" for row, group in zip(rows, groups, strict=True)]
    axes.set_yticks(range(len(rows)), labels)
    axes.set(xlabel="PSNR of CEA minus that of the other, dB", ylim=(len(rows) - 0.5, -0.5))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def curves(results: Sequence[Mapping[str, Any]]) -> Figure:
    """Training loss, and the mean PSNR on held-out samples of all kinds, by step; seeds have line styles."""
    figure, panels = _panels(2, 3.0, share=False)
    variants = list(dict.fromkeys(result["variant"] for result in results))
    seeds = sorted({result["seed"] for result in results})
    for result in results:
        name, first = result["variant"], result["seed"] == seeds[0]
        look = {"color": _look(name, variants)["color"], "linestyle": "-" if first else "--", "linewidth": 1.2}
        for axes, curve in zip(panels, (result["curves"].get("train/loss", []), _validation(result)), strict=True):
            axes.plot([step for step, _ in curve], [value for _, value in curve], label=name if first else None, **look)
    panels[0].set(xlabel="step", ylabel="training loss", yscale="log")
    panels[0].yaxis.set_major_formatter("{x:.3g}")
    panels[0].yaxis.set_minor_formatter("{x:.3g}")
    panels[1].set(xlabel="step", ylabel="PSNR on held-out samples, dB")
    title = f"dashed: seeds after {seeds[0]}" if len(seeds) > 1 else None
    panels[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), title=title)
    return figure


def cost(part: Part, costs: Mapping[str, Any]) -> Figure:
    """PSNR of the two hard groups together against parameters, multiply-adds and time."""
    title = HARD if HARD in part["groups"] else _titles(part)[0]
    names = list(part["variants"])
    figure, panels = _panels(3, 3.0)
    views = (("parameters", 1e-3, "thousand parameters"), ("multiply_adds", 1e-6, "million multiply-adds"),
             ("seconds", 1e3, "ms, one thread"))  # fmt: skip
    for axes, (key, scale, label) in zip(panels, views, strict=True):
        for name in names:
            value = part["variants"][name]["means"]["psnr"][title]["mean"]
            axes.plot(scale * costs[name][key], value, linestyle="", label=name, **_look(name, names))
        axes.set(xlabel=label)
        axes.margins(0.12)
    panels[0].set_ylabel(f"PSNR, {title}, dB")
    panels[-1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def rank_sweep(part: Part) -> Figure | None:
    """PSNR by rank, a line for each group."""
    names = ranks(part)
    if len(names) < 2:
        return None
    titles = _titles(part)
    figure, panels = _panels(len(titles), 2.6, share=False)
    numbers = [part["variants"][name]["rank"] for name in names]
    for axes, title in zip(panels, titles, strict=True):
        ones = [part["variants"][name]["means"]["psnr"][title] for name in names]
        axes.plot(numbers, [one["mean"] for one in ones], marker="o", markersize=4, color=_COLOURS[0])
        axes.set_xscale("log", base=2)
        axes.set_xticks(numbers, [str(number) for number in numbers])
        axes.set(title=title, xlabel="rank")
    panels[0].set_ylabel("PSNR, dB")
    return figure


def _panels(count: int, height: float, share: bool = True) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(max(7.5, 2.4 * count), height), layout="constrained")
    return figure, list(figure.subplots(1, count, sharey=share, squeeze=False)[0])


def _interval(axes: Axes, one: Mapping[str, Any], place: int, name: str, names: Sequence[str]) -> None:
    look = _look(name, names)
    if one["interval_95"]:
        axes.plot(one["interval_95"], [place, place], color=look["color"], linewidth=1.5)
    axes.plot(one["mean"], place, linestyle="", **look)


def _name_rows(panels: Sequence[Axes], names: Sequence[str]) -> None:
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.5, -0.5)


def _look(name: str, names: Sequence[str]) -> dict[str, Any]:
    """Colour and marker of a variant; CEA's are always the first."""
    order = [REFERENCE, *(other for other in names if other != REFERENCE)]
    index = order.index(name)
    return {"color": _COLOURS[index % len(_COLOURS)], "marker": _MARKERS[index % len(_MARKERS)], "markersize": 5}


def _validation(result: Mapping[str, Any]) -> list[tuple[int, float]]:
    """The mean over the kinds of held-out samples, at each step that has them all."""
    kinds = [dict(curve) for tag, curve in result["curves"].items() if tag.startswith("validation/")]
    steps = sorted(set.intersection(*(set(kind) for kind in kinds))) if kinds else []
    return [(step, sum(kind[step] for kind in kinds) / len(kinds)) for step in steps]


def _titles(part: Part) -> list[str]:
    return [title for title in GROUP_TITLES if title in part["groups"]]
