"""Bar charts as SVG: plain text that any browser draws, sharp at every size, without a plotting library."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

COLOURS = ("#2166ac", "#be2028", "#e08a1e", "#3a8f5c", "#7b4fa3", "#5f6b76")
"""Of the series of a chart, in turn; they are told apart by the colour-blind, too."""

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 230, 54, 8, 34, 34
_STYLE = "font-family:system-ui,sans-serif;font-size:11px"


def bar_chart(title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]], unit: str = "") -> str:
    """Groups of bars, one group for each label and in it one bar for each series; negative ones go down from 0.

    Args:
        series: the numbers of each series, as many as labels.
        unit: what the numbers are, written beside their axis.
    """
    values = [value for numbers in series.values() for value in numbers]
    low, high = min(0.0, *values), max(0.0, *values)
    step = _step(high - low or 1.0)
    low, high = step * _down(low / step), step * -_down(-high / step) or step
    inner = _HEIGHT - _TOP - _BOTTOM

    def place(value: float) -> float:
        return _TOP + inner * (high - value) / (high - low)

    parts = [f'<text x="{_LEFT}" y="14" font-weight="600">{escape(title)}</text>']
    parts += _grid(low, high, step, place, unit)
    group = (_WIDTH - _LEFT - _RIGHT) / max(1, len(labels))
    for index, label in enumerate(labels):
        left = _LEFT + index * group
        parts.append(
            f'<text x="{left + group / 2:.1f}" y="{_HEIGHT - _BOTTOM + 14}" text-anchor="middle">{escape(label)}</text>'
        )
        wide = 0.8 * group / len(series)
        for number, (name, numbers) in enumerate(series.items()):
            top, bottom = sorted((place(numbers[index]), place(0.0)))
            parts.append(
                f'<rect x="{left + 0.1 * group + number * wide:.1f}" y="{top:.1f}" width="{wide:.1f}"'
                f' height="{max(bottom - top, 0.4):.1f}" fill="{COLOURS[number % len(COLOURS)]}">'
                f"<title>{escape(name)}, {escape(label)}: {numbers[index]:.4g}</title></rect>"
            )
    if len(series) > 1:
        parts += _legend(list(series))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-label="{escape(title)}" style="{_STYLE}" fill="#30363c">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _grid(low: float, high: float, step: float, place: Callable[[float], float], unit: str) -> list[str]:
    parts = []
    for index in range(round((high - low) / step) + 1):
        value = low + index * step
        y, colour = place(value), "#8a939b" if abs(value) < step / 2 else "#dfe3e6"
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="{colour}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>')
    middle = _TOP + (_HEIGHT - _TOP - _BOTTOM) / 2
    parts.append(f'<text transform="translate(12 {middle:.0f}) rotate(-90)" text-anchor="middle">{escape(unit)}</text>')
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    parts, x = [], _LEFT
    for number, name in enumerate(names):
        parts.append(f'<rect x="{x}" y="{_HEIGHT - 12}" width="9" height="9" fill="{COLOURS[number % len(COLOURS)]}"/>')
        parts.append(f'<text x="{x + 13}" y="{_HEIGHT - 4}">{escape(name)}</text>')
        x += 26 + 7 * len(name)
    return parts


def _step(span: float) -> float:
    """A round number of which about five make the span."""
    power = 1.0
    while power > span:
        power /= 10
    while power * 10 <= span:
        power *= 10
    return next(power * factor for factor in (0.2, 0.25, 0.5, 1, 2, 2.5) if span / (power * factor) <= 5.5)


def _down(value: float) -> int:
    """The largest whole number that is no larger, but for rounding errors."""
    return math.floor(value + 1e-9)
