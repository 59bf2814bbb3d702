"""Plain tables on stdout, the same in a terminal, a file and a pipe; or as Markdown or LaTeX."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum

Rows = Sequence[Sequence[str]]


class Format(str, Enum):
    """How a table is written."""

    table = "table"
    markdown = "markdown"
    latex = "latex"


def show(header: Sequence[str], rows: Rows, form: Format = Format.table) -> None:
    """Print rows of as many cells as the header has: the first column flush left, the others flush right."""
    print("\n".join(_WRITERS[form](header, rows)))


def _plain(header: Sequence[str], rows: Rows) -> list[str]:
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    written = []
    for line in lines:
        first, *others = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        written.append("  ".join([line[0].ljust(len(first)), *others]))
    return written


def _markdown(header: Sequence[str], rows: Rows) -> list[str]:
    rule = ["---", *["---:"] * (len(header) - 1)]
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in (header, rule, *rows)]
    return [f"| {' | '.join(line)} |" for line in escaped]


def _latex(header: Sequence[str], rows: Rows) -> list[str]:
    special = str.maketrans({sign: f"\\{sign}" for sign in "&%$#_{}"})
    lines = [" & ".join(cell.translate(special) for cell in line) + r" \\" for line in (header, *rows)]
    columns = "l" + "r" * (len(header) - 1)
    return [rf"\begin{{tabular}}{{{columns}}}", r"\hline", lines[0], r"\hline", *lines[1:], r"\hline", r"\end{tabular}"]


_WRITERS: Mapping[Format, Callable[[Sequence[str], Rows], list[str]]] = {
    Format.table: _plain,
    Format.markdown: _markdown,
    Format.latex: _latex,
}
