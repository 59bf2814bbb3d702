"""The report as one HTML page that holds everything it shows: it asks nothing of any network."""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from PIL import Image

from ceair.explain.pictures import RGB
from ceair.explain.report import Report

_SIDE = 480  # the longer side of a picture on the page, in pixels

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #30363c; background: #fff; max-width: 1180px; margin: 0 auto;
  padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-top: 1px solid #dfe3e6;
  padding-top: 1rem; }
.grid { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr)); }
.small { grid-template-columns: repeat(auto-fill, minmax(min(46%, 130px), 1fr)); }
figure { margin: 0; } figcaption { font-size: .85rem; }
img { width: 100%; display: block; border: 1px solid #dfe3e6; }
.wide { overflow-x: auto; } .wide svg { min-width: 520px; width: 100%; max-width: 760px; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .5rem; text-align: right; border-bottom: 1px solid #dfe3e6; white-space: nowrap; }
th:first-child { text-align: left; } summary { cursor: pointer; margin: .8rem 0; }
.key { display: inline-block; width: 9rem; height: .8rem; vertical-align: middle; border: 1px solid #dfe3e6; }
.signed { background: linear-gradient(90deg, #06265c, #2166ac, #8cbce4, #fff, #f6a680, #be2028, #5c0218); }
.amount { background: linear-gradient(90deg, #fff, #fdd06e, #e05c34, #800e48, #220434); }
"""

_CAPTIONS = {
    "principal": "ranks in colour: one colour, one treatment",
    "energy": "size of the update",
    "additive": "additive part: positive affinities",
    "subtractive": "subtractive part: negative affinities",
    "shared-routing": "how much of the marked pixel's update each pixel gets (red: the same, blue: its opposite)",
    "sources": "where its directions were read: white as from an even look, red more (dark: twice), blue less",
}


def html_page(report: Report, title: str) -> str:
    """The page of a report; `title` names the image."""
    document = report.document
    percent = {name: 100 * value for name, value in document["change"].items()}
    body = [
        f"<h1>What was changed in {escape(title)}</h1>",
        f"<p>{document['width']} x {document['height']} pixels. On average a sample changed by"
        f" {percent['mean_absolute']:.2f} % of the full range (at most {percent['largest']:.1f} %):"
        f" {percent['added']:.2f} % were added and {percent['removed']:.2f} % removed.</p>",
        _grid(_figure(report.pictures[name], text) for name, text in _TOP),
        "<p>Signed maps: <span class='key signed'></span> from negative by 0 (white) to positive."
        " Sizes: <span class='key amount'></span> from 0 to much. Affinities of one layer share one scale.</p>",
    ]
    if document["tiled"]:
        body.append("<p>The image was read in tiles that share the components of the whole image.</p>")
    for layer in document["layers"]:
        body += _layer(report, layer)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta http-equiv='Content-Security-Policy'"
        " content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<link rel='icon' href='data:,'><title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


_TOP = (
    ("degraded", "the image"),
    ("restored", "restored"),
    ("change", "the change: red was added, blue was removed (luma)"),
)


def _layer(report: Report, layer: dict[str, Any]) -> Iterable[str]:
    name = f"level-{layer['level']}"
    yield f"<h2>Level {layer['level']}: one token for each {layer['stride']} x {layer['stride']} pixels</h2>"
    energy = layer["energy"] or 1.0
    yield (
        f"<p>The update is {100 * layer['relative_energy'] ** 0.5:.2g} % as large as the features that it is added to."
        f" Its additive part alone has {100 * layer['additive_energy'] / energy:.0f} %, its subtractive part"
        f" {100 * layer['subtractive_energy'] / energy:.0f} % of its energy. The weight that was made for this image,"
        f" A<sup>T</sup>B, has an effective rank of {layer['effective_rank']:.2f} of {layer['rank']}.</p>"
    )
    shown = [key for key in _CAPTIONS if f"{name}/{key}" in report.pictures]
    yield _grid(_figure(report.pictures[f"{name}/{key}"], _CAPTIONS[key]) for key in shown)
    yield f"<div class='wide'>{report.charts[f'{name}/ranks']}</div>"
    if "compared" in layer:
        yield f"<div class='wide'>{report.charts[f'{name}/regions']}</div>"
        yield f"<div class='wide'>{_table(layer['compared'])}</div>"
    ranks = (_figure(report.pictures[f"{name}/rank-{rank}"], f"rank {rank}") for rank in range(layer["rank"]))
    yield f"<details open><summary>Affinities to each rank</summary>{_grid(ranks, 'grid small')}</details>"


def _table(compared: dict[str, Any]) -> str:
    rows = compared["regions"]
    names = [row["region"] for row in rows]
    head = ["region", "energy", "additive", "subtractive", *(f"apart from {name}" for name in names)]
    lines = [
        [row["region"], *(f"{row[key]:.3g}" for key in head[1:4]), *(f"{value:.2f}" for value in apart)]
        for row, apart in zip(rows, compared["differences"], strict=True)
    ]
    affinities = [
        [f"rank {rank}", *(f"{row['affinities'][rank]:.3f}" for row in rows)]
        for rank in range(len(rows[0]["affinities"]))
    ]
    return (
        _rows(head, lines)
        + "<p>Apart: the difference of the mean updates of two regions, in units of the image's update.</p>"
        + "<details><summary>Mean affinity of each rank</summary>"
        + _rows(["rank", *names], affinities)
        + "</details>"
    )


def _rows(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr><th>{escape(line[0])}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in line[1:]) + "</tr>"
        for line in lines
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def _grid(figures: Iterable[str], kind: str = "grid") -> str:
    return f"<div class='{kind}'>" + "".join(figures) + "</div>"


def _figure(picture: RGB, caption: str) -> str:
    text = escape(caption)
    return f"<figure><img src='{_data(picture)}' alt='{text}'><figcaption>{text}</figcaption></figure>"


def _data(picture: RGB) -> str:
    """A picture within the page, as PNG or JPEG, whichever is smaller."""
    image = Image.fromarray(picture)
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    files = {}
    for kind, options in (("png", {}), ("jpeg", {"quality": 85, "subsampling": 0})):
        file = io.BytesIO()
        image.save(file, kind, **options)
        files[kind] = file.getvalue()
    kind = min(files, key=lambda name: len(files[name]))
    return f"data:image/{kind};base64,{base64.b64encode(files[kind]).decode()}"
