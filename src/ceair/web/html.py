"""The small pieces of HTML of the page; whatever comes from outside is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from ceair.web.figures import VISIBLE, Figures
from ceair.web.photo import Photo


def title(name: str, left: str, right: str) -> str:
    """What is compared: the name, and what lies on which side of the divider."""
    sides = f"<span>{escape(left)}</span><span>{escape(right)}</span>"
    return f'<div class="title"><h2>{escape(name)}</h2><p class="sides">{sides}</p></div>'


def note(text: str) -> str:
    """What just happened, or what to do, in one line."""
    return f'<p class="note" role="status">{escape(text)}</p>' if text else ""


def errors(sentences: Sequence[str], note_too: str = "") -> str:
    """What went wrong: one sentence each, announced by screen readers, and what happened nevertheless."""
    items = "".join(f"<li>{escape(_sentence(sentence))}</li>" for sentence in sentences)
    return (f'<ul class="errors" role="alert">{items}</ul>' if items else "") + note(note_too)


def figures(photo: Photo) -> str:
    """A table of what was changed, and how long it took."""
    found = photo.figures
    if found is None:
        return ""
    rows = [
        ("Brightness", f"{found.before.brightness:.0f}", f"{found.after.brightness:.0f}", "mean, 0 to 255"),
        ("Contrast", f"{found.before.contrast:.0f}", f"{found.after.contrast:.0f}", "standard deviation, of 255"),
        ("Grain", f"{found.before.grain:.1f}", f"{found.after.grain:.1f}", "noise and finest texture, of 255"),
    ]
    if found.truth is not None:
        before, after = (f"{score:.1f} dB" if score < 99 else "equal" for score in found.truth)
        rows.append(("Likeness", before, after, "PSNR to the clean photo"))
    return f"{_tiles(photo, found)}{_table(('', 'before', 'after', 'what it is'), rows)}{_facts(photo)}"


def overview(photos: Iterable[Photo]) -> str:
    """A table of several photos."""
    rows = [(photo.name, _state(photo)) for photo in photos]
    return f'<div class="overview">{_table(("photo", "what became of it"), rows)}</div>'


def code(command: str) -> str:
    """A command line to copy."""
    return (
        f"<p class='command'>The same on the command line:</p><pre class='command'><code>{escape(command)}</code></pre>"
    )


def _state(photo: Photo) -> str:
    if photo.error is not None:
        return _sentence(photo.error)
    return "waiting" if photo.seconds is None else f"restored in {photo.seconds:.1f} s"


def _tiles(photo: Photo, found: Figures) -> str:
    """The three numbers that say most, large."""
    tiles = [
        (f"{photo.seconds or 0:.1f} s", "to restore it"),
        (f"{found.changed:.0%}", f"of the pixels changed by more than {VISIBLE} of 255"),
        (f"{found.change:.1f}", "of 255 is the mean change"),
    ]
    items = "".join(f"<div><b>{value}</b><span>{text}</span></div>" for value, text in tiles)
    return f'<div class="tiles">{items}</div>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr><th scope='row'>{escape(first)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _facts(photo: Photo) -> str:
    return f'<p class="facts">{escape(" · ".join(photo.facts))}</p>'


def _sentence(text: str) -> str:
    """With a full stop, and in upper case at the start unless a file's name stands there."""
    text = text[:1].upper() + text[1:] if text.partition(" ")[0].isalpha() else text
    return text if text.endswith(".") else f"{text}."
