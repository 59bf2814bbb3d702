"""The README of a folder of weights, written from their card: what the hub shows to people who look for a network."""

from collections.abc import Mapping
from typing import Any

TAGS = ("image-restoration", "all-in-one", "denoising", "deraining", "dehazing", "low-light", "pytorch")

_USE = """
## Use

```
pip install 'ceair[cpu]'
ceair restore photo.jpg -o clean.png --weights {place}
```

```python
import ceair

restorer = ceair.Restorer.from_pretrained("{place}")
image = restorer("photo.jpg")  # a path, Pillow image, array or tensor in; the same kind out
```

Nothing but the image is given to the network: no label, no prompt. Images of any size come back in their size; large
ones are worked on in tiles that share what the network knows of the whole image.
"""


def readme(card: Mapping[str, Any], place: str) -> str:
    """Markdown with the front matter that the hub reads.

    Args:
        card: what is known of the weights. All keys are optional but `preset`, the name of their network; `license` is
            an identifier of the hub's list, such as `apache-2.0`. Nothing is said about what the card does not hold.
        place: where users find the weights: `owner/name`, or the path of a folder.
    """
    from huggingface_hub import ModelCardData

    data = ModelCardData(
        license=card.get("license", "other"), library_name="ceair", pipeline_tag="image-to-image", tags=list(TAGS)
    )
    parts = (_head(card), _USE.format(place=place), _scores(card), _failures(card), _training(card), _terms(card))
    return f"---\n{data.to_yaml()}\n---\n\n" + "\n".join(part.strip() + "\n" for part in parts if part)


def scores_table(scores: Mapping[str, Any]) -> str:
    """A row for each condition of each set: images, PSNR in dB before and after, and SSIM in both conventions.

    The 95 % interval of the mean PSNR stands behind it if the card has it.
    """
    rows = ["| set | images | input PSNR | PSNR (95 %) | SSIM 7x7 | SSIM Gaussian |", "|---|---|---|---|---|---|"]
    for name, conditions in scores.items():
        for condition, score in conditions.items():
            title = name if condition == "pairs" else f"{name}, {condition}"
            before = "-" if score["input_psnr"] is None else f"{score['input_psnr']:.2f}"
            after = f"{score['psnr']:.2f}"
            if "psnr_interval_95" in score:
                low, high = score["psnr_interval_95"]
                after += f" ({low:.2f} to {high:.2f})"
            ssims = (f"{score[kind]:.4f}" for kind in ("ssim_uniform", "ssim_gaussian"))
            rows.append(f"| {' | '.join([title, str(score['images']), before, after, *ssims])} |")
    return "\n".join(rows)


def _head(card: Mapping[str, Any]) -> str:
    size = f" of {card['parameters'] / 1e6:.2f} M parameters" if "parameters" in card else ""
    return (
        f"# {card.get('name', card['preset'])}\n\n"
        f"Weights for `{card['preset']}`, a network{size} that restores photographs with noise, rain, haze, snow, low"
        " light or blur, alone or mixed, even or uneven. It is built on Continuous Expert Assembly (arXiv 2605.06127),"
        " as the software `ceair` reads that paper's abstract; the authors of the paper took no part in it."
    )


def _scores(card: Mapping[str, Any]) -> str:
    if not card.get("scores"):
        return ""
    return (
        "## Scores\n\nRGB, sides cropped to multiples of 16, floats; noise clipped and truncated to 8 bits. PSNR in dB."
        "\n\n" + scores_table(card["scores"])
    )


def _failures(card: Mapping[str, Any]) -> str:
    failures = card.get("known_failures", ())
    return "\n".join(["## Known failures", "", *(f"- {failure}" for failure in failures)]) if failures else ""


def _training(card: Mapping[str, Any]) -> str:
    runs = [
        f"- {run['steps']:,} steps in {run['minutes']:g} minutes"
        + (f", commit `{run['commit']}`" if "commit" in run else "")
        + (f"; {run['share']:g} of it is in the weights that came of it" if "share" in run else "")
        for run in card.get("runs", ())
    ]
    if not runs:
        return ""
    hardware = f" on {card['hardware']}" if "hardware" in card else ""
    return "\n".join(["## Training", "", f"Runs{hardware}; all settings are in `config.json`:", "", *runs])


def _terms(card: Mapping[str, Any]) -> str:
    lines = ["## Terms", "", card.get("licence", f"License: {card.get('license', 'not stated')}.")]
    data = card.get("data", ())
    if data:
        lines += ["", "| trained on | images | source | terms as the source states them |", "|---|---|---|---|"]
    for row in data:
        cells = (row["folder"], row["files"], row["source"], row["terms as the source states them"])
        lines.append(f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |")
    return "\n".join(lines)
