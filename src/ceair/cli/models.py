"""`ceair models`."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer


def models(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """The presets: what each is for, how large it is, and whether its weights come with the package."""
    from ceair.checkpoint import BUNDLED
    from ceair.cost import count
    from ceair.models import PRESETS

    documents: list[dict[str, Any]] = []
    for preset in PRESETS.values():
        size = preset.network.stem_stride * 2 ** (len(preset.network.widths) - 1)
        documents.append(
            {
                "preset": preset.name,
                "purpose": preset.purpose,
                "parameters": count(preset.network, size, size).parameters,
                "bundled": (BUNDLED / f"{preset.name}.safetensors").is_file(),
                "scores": _scores(preset.name),
            }
        )
    if as_json:
        print(json.dumps(documents, indent=2))
        return
    for document in documents:
        weights = "weights come with the package" if document["bundled"] else "no weights come with the package"
        print(f"{document['preset']}  {document['parameters'] / 1e6:.2f} M parameters, {weights}")
        print(f"    for {document['purpose']}")
        for name, value in _lines(document["scores"]):
            print(f"    {name}: {value}")


def _scores(name: str) -> dict[str, Any]:
    """The `scores` of the card beside bundled weights; none where there is no card."""
    from ceair.checkpoint import BUNDLED
    from ceair.errors import WeightsError

    card = BUNDLED / f"{name}.json"
    try:
        scores = json.loads(card.read_text(encoding="utf-8")).get("scores", {}) if card.is_file() else {}
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"the card {card} is damaged: {error}") from error
    return dict(scores)


def _lines(scores: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """One line for each condition of each data set, with all of its numbers."""
    lines, numbers = [], []
    for name, value in scores.items():
        if isinstance(value, Mapping):
            lines += _lines(value, f"{above} {name}".strip())
        else:
            numbers.append(f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}")
    return [(above, ", ".join(numbers)), *lines] if numbers else lines
