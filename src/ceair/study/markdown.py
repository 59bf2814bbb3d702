"""The tables of a study in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from ceair.study.tables import GROUP_TITLES, HARD, REFERENCE

Part = Mapping[str, Any]


def sections(tables: Mapping[str, Any]) -> dict[str, str]:
    """Every table by its name, such as `main-quality`, in the order in which they are read."""
    found = {}
    for name, part in tables["parts"].items():
        found[f"{name}-quality"] = quality(part, "psnr", tables["costs"])
        found[f"{name}-ssim"] = quality(part, "ssim_uniform", tables["costs"])
        if any(one["cea_minus"] for one in part["variants"].values()):
            found[f"{name}-differences"] = differences(part)
        if any(len(one["seeds"]) > 1 for one in part["variants"].values()):
            found[f"{name}-seeds"] = seeds(part)
        found[f"{name}-conditions"] = conditions(part, "psnr")
        found[f"{name}-conditions-ssim"] = conditions(part, "ssim_uniform")
        if len(ranks(part)) > 1:
            found[f"{name}-ranks"] = rank_sweep(part, tables["costs"])
    found["costs"] = cost(tables)
    return found


def quality(part: Part, metric: str, costs: Mapping[str, Any]) -> str:
    """What each variant scores in each group, with 95 % intervals; the best of a group is bold."""
    titles = _titles(part)
    best = {title: max(_mean(one, metric, title) for one in part["variants"].values()) for title in titles}
    rows = []
    for name, one in part["variants"].items():
        cells = [_with_interval(one["means"][metric][title], _decimals(metric), best[title]) for title in titles]
        rows.append([f"`{name}`", str(len(one["seeds"])), f"{costs[name]['parameters']:,}", *cells])
    return table(["variant", "seeds", "parameters", *titles], rows)


def differences(part: Part) -> str:
    """PSNR of CEA minus that of each other variant, with 95 % intervals and p."""
    titles = _titles(part)
    rows = []
    for name, one in part["variants"].items():
        if one["cea_minus"]:
            cells = [_signed(one["cea_minus"]["psnr"][title]) for title in titles]
            rows.append([f"`{REFERENCE}` - `{name}`", str(len(one["shared_seeds"])), *cells])
    return table(["PSNR, dB", "seeds", *titles], rows)


def seeds(part: Part) -> str:
    """PSNR of each seed, of the variants that have several."""
    titles = _titles(part)
    rows = []
    for name, one in part["variants"].items():
        if len(one["seeds"]) < 2:
            continue
        for seed, means in one["psnr_by_seed"].items():
            rows.append([f"`{name}`", str(seed), *(f"{means[title]:.2f}" for title in titles)])
    return table(["variant", "seed", *titles], rows)


def conditions(part: Part, metric: str) -> str:
    """The mean of each condition, a column for each variant; the best is bold."""
    variants = part["variants"]
    rows = []
    for name, one in part["conditions"].items():
        values = [_mean(variant, metric, name) for variant in variants.values()]
        cells = [_bold(f"{value:.{_decimals(metric)}f}", value == max(values)) for value in values]
        before = [f"{one['input_psnr']:.2f}"] if metric == "psnr" else []
        rows.append([one["group"], name.replace("_", " "), str(one["images"]), *before, *cells])
    head = ["input"] if metric == "psnr" else []
    return table(["group", "condition", "images", *head, *(f"`{name}`" for name in variants)], rows)


def ranks(part: Part) -> list[str]:
    """The variants that differ from CEA in nothing but their rank, CEA itself included, by rank."""
    names = [name for name in part["variants"] if name == REFERENCE or name.startswith("rank-")]
    return sorted(names, key=lambda name: part["variants"][name]["rank"])


def rank_sweep(part: Part, costs: Mapping[str, Any]) -> str:
    """PSNR by rank."""
    titles = _titles(part)
    rows = []
    for name in ranks(part):
        one, price = part["variants"][name], costs[name]
        cells = [_with_interval(one["means"]["psnr"][title], 2, None) for title in titles]
        rows.append([str(one["rank"]), f"{price['parameters']:,}", f"{price['multiply_adds'] / 1e6:.0f} M", *cells])
    return table(["rank", "parameters", "multiply-adds", *titles], rows)


def cost(tables: Mapping[str, Any]) -> str:
    """What each variant costs, beside what it scores in the first part that has it."""
    costs = tables["costs"]
    base = costs.get("none")
    rows = []
    for name, price in costs.items():
        part = next(part for part in tables["parts"].values() if name in part["variants"])
        title = HARD if HARD in part["groups"] else _titles(part)[0]
        share = price["multiply_adds"] / price["bare_multiply_adds"] - 1
        relative = f"{price['seconds'] / base['seconds']:.2f}" if base else "-"
        rows.append(
            [
                f"`{name}`",
                f"{price['parameters']:,}",
                f"{price['multiply_adds'] / 1e6:.0f} M",
                f"{share:+.1%}",
                f"{1000 * price['seconds']:.1f}",
                relative,
                f"{_mean(part['variants'][name], 'psnr', title):.2f} ({part['steps']} steps)",
            ]
        )
    head = ["variant", "parameters", "multiply-adds", "of which conditioning", "ms", "time over `none`"]
    return table([*head, f"PSNR, {HARD}"], rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines).replace("| --- ", "|---").replace("|--- |", "|---|")


def _titles(part: Part) -> list[str]:
    return [title for title in GROUP_TITLES if title in part["groups"]]


def _mean(variant: Mapping[str, Any], metric: str, title: str) -> float:
    return float(variant["means"][metric][title]["mean"])


def _decimals(metric: str) -> int:
    return 2 if metric == "psnr" else 4


def _with_interval(one: Mapping[str, Any], decimals: int, best: float | None) -> str:
    mean = _bold(f"{one['mean']:.{decimals}f}", one["mean"] == best)
    if one["interval_95"] is None:
        return mean
    low, high = one["interval_95"]
    return f"{mean} [{low:.{decimals}f}, {high:.{decimals}f}]"


def _signed(one: Mapping[str, Any]) -> str:
    if one["interval_95"] is None:
        return f"{one['mean']:+.2f}"
    low, high = one["interval_95"]
    return f"{one['mean']:+.2f} [{low:+.2f}, {high:+.2f}], p {one['p']:.4f}"


def _bold(text: str, whether: bool) -> str:
    return f"**{text}**" if whether else text
