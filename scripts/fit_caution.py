"""Fit what `--cautious` judges by to a file of weights, and write it beside it; to be run anew whenever weights change.

    python scripts/fit_caution.py --data DIR
    python scripts/fit_caution.py --data DIR --weights my.safetensors

DIR holds `clean/`, and if there are any `lol/` and `reds_blur/` with `input/` and `target/`; only images that
`configs/held_out.txt` names are used, which the network was not trained on, and none of a test set. Each photo is
judged clean and with each kind of damage, as it is restored. Logistic regression tells one from the other; the odds
at which the gate closes and opens are chosen by six-fold cross-validation over photos: so that undamaged images stay as
they are as far as possible, while noise, rain and real low light lose 0.03 dB or less on average and all other damages
0.1 dB or less: real damage is less like itself than ours, so this leaves room.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ceair.caution import Caution, evidence, moments
from ceair.checkpoint import find_weights
from ceair.degradations import compose
from ceair.files import sha256, write_atomically
from ceair.image import list_images, read_rgb
from ceair.restore import Restorer
from ceair.train.inputs import read_held_out

HELD_OUT = Path(__file__).parents[1] / "configs" / "held_out.txt"
DAMAGES: tuple[tuple[str, Mapping[str, tuple[float, float]]], ...] = (
    ("clean", {}),
    ("noise", {"noise": (0.2, 0.4)}),
    ("noise", {"noise": (0.4, 1.0)}),
    ("sensor noise", {"sensor_noise": (0.1, 0.7)}),
    ("rain", {"rain": (0.2, 0.5)}),
    ("rain", {"rain": (0.4, 0.9)}),
    ("haze", {"haze": (0.1, 0.4)}),
    ("haze", {"haze": (0.4, 0.9)}),
    ("snow", {"snow": (0.3, 1.0)}),
    ("darkened", {"low_light": (0.3, 0.9)}),
    ("blur", {"defocus": (0.1, 0.5)}),
    ("jpeg", {"jpeg": (0.2, 0.9)}),
    ("haze and rain", {"haze": (0.2, 0.6), "rain": (0.2, 0.6)}),
)
MOST_LOSS = dict.fromkeys(("noise", "rain", "low light"), 0.03)
MOST_LOSS |= dict.fromkeys(("haze", "snow", "darkened", "haze and rain", "blur", "jpeg", "sensor noise"), 0.1)
"""Mean PSNR in dB that each kind may lose."""

CAP = 60.0
"""PSNR in dB that an image counts with at most, as one that stays as it is has an infinite one."""

PIXELS, VIEW = 384, 272  # the longer side of a photo that is scaled, and the shorter one of a crop that is not
PENALTY = 0.02  # C of scikit-learn's logistic regression


@dataclass(frozen=True)
class Case:
    """An image as it was judged: its evidence, and what its PSNR is made of when a share of the change is applied."""

    scene: str
    kind: str
    evidence: np.ndarray
    error: float
    overlap: float
    change: float

    def psnr(self, share: float) -> float:
        """In dB, of the image with this share of its change."""
        square = self.error - 2 * share * self.overlap + share * share * self.change
        return -10 * float(np.log10(max(square, 1e-7)))


def main() -> None:
    """Judge all cases, choose the gate, fit to all of them, and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", default="ceair-t")
    parser.add_argument("--engine", default="auto")
    arguments = parser.parse_args()
    path = find_weights(arguments.weights)
    cases = list(collect(Restorer.from_pretrained(path, engine=arguments.engine, precision="fp32"), arguments.data))
    odds = cross_validated(cases)
    low, high = choose_gate(cases, odds)
    report(cases, odds, low, high)
    fitted = fit(cases)
    caution = Caution(
        mean=rounded(fitted[0].mean_),
        deviation=rounded(fitted[0].scale_),
        weights=rounded(fitted[1].coef_[0]),
        bias=float(fitted[1].intercept_[0]),
        low=low,
        high=high,
        weights_sha256=sha256(path),
    )
    write_atomically(path.with_suffix(".caution.json"), f"{json.dumps(caution.as_json(), indent=1)}\n".encode())


def collect(restorer: Restorer, data: Path) -> Iterator[Case]:
    """Every held-out image, clean and with every damage."""
    stems = read_held_out(HELD_OUT)
    for path in list_images(data / "clean"):
        if path.stem in stems:
            yield from photo_cases(restorer, path)
    for folder, kind in (("lol", "low light"), ("reds_blur", "blur")):
        for path in list_images(data / folder / "target") if (data / folder).is_dir() else []:
            if path.stem in stems:
                clean = tensor(read_rgb(path))
                yield judged(restorer, f"{folder}/{path.stem}", "clean", clean, clean)
                degraded = next((data / folder / "input").glob(f"{path.stem}.*"))
                yield judged(restorer, f"{folder}/{path.stem}", kind, tensor(read_rgb(degraded)), clean)


def photo_cases(restorer: Restorer, path: Path) -> Iterator[Case]:
    """A photo, scaled down or cropped, clean and with each damage."""
    seed = int(hashlib.md5(path.stem.encode(), usedforsecurity=False).hexdigest()[:7], 16)
    clean = tensor(view(read_rgb(path), np.random.default_rng(seed)))
    for number, (kind, ranges) in enumerate(DAMAGES):
        generator = torch.Generator().manual_seed(seed + number)
        severities = {
            name: torch.full((1, 1, 1, 1), low + (high - low) * float(torch.rand(1, generator=generator)))
            for name, (low, high) in ranges.items()
        }
        degraded = (compose(clean, severities, generator) * 255).round() / 255 if ranges else clean
        yield judged(restorer, path.stem, kind, degraded, clean)


def view(photo: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A photo scaled to a longer side of 384 pixels, or a crop of 272x384 at full resolution."""
    height, width = photo.shape[:2]
    if random.integers(2):
        high, wide = min(height, VIEW), min(width, PIXELS)
        top, left = random.integers(0, height - high + 1), random.integers(0, width - wide + 1)
        return photo[top : top + high, left : left + wide]
    scale = min(1.0, PIXELS / max(height, width))
    return cv2.resize(photo, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)


def judged(restorer: Restorer, scene: str, kind: str, degraded: torch.Tensor, clean: torch.Tensor) -> Case:
    """One image, restored."""
    restored = restorer.restore_tensor(degraded)
    change, missing = (restored - degraded).double(), (clean - degraded).double()
    numbers = (missing.square().mean(), (change * missing).mean(), change.square().mean())
    return Case(scene, kind, evidence(moments(degraded, restored)[0]).numpy(), *map(float, numbers))


def tensor(pixels: np.ndarray) -> torch.Tensor:
    """An 8-bit image as a batch of one."""
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None]


def fit(cases: list[Case]) -> Pipeline:
    """The logistic regression that tells damaged from clean."""
    regression = LogisticRegression(C=PENALTY, max_iter=3000, class_weight="balanced")
    pipeline = make_pipeline(StandardScaler(), regression)
    return pipeline.fit(np.stack([case.evidence for case in cases]), [case.kind != "clean" for case in cases])


def cross_validated(cases: list[Case]) -> np.ndarray:
    """The odds, as logarithms, that each case gets from regressions fitted to other scenes."""
    odds = np.zeros(len(cases))
    for train, test in GroupKFold(6).split(odds, groups=[case.scene for case in cases]):
        fitted = fit([cases[index] for index in train])
        odds[test] = fitted.decision_function(np.stack([cases[index].evidence for index in test]))
    return odds


def choose_gate(cases: list[Case], odds: np.ndarray) -> tuple[float, float]:
    """The odds at which the gate begins to open and is open that keep clean images best within the allowed losses."""
    best = (-np.inf, -6.0, -5.0)
    for low in np.arange(-6, 2, 0.25):
        for span in (0.5, 1.0, 2.0):
            kept, losses = outcome(cases, odds, low, low + span)
            if all(losses.get(kind, 0.0) <= most for kind, most in MOST_LOSS.items()):
                best = max(best, (kept, float(low), float(low + span)))
    return best[1:]


def outcome(cases: list[Case], odds: np.ndarray, low: float, high: float) -> tuple[float, dict[str, float]]:
    """The mean PSNR of clean images, none counting more than `CAP`, and what each kind loses on average."""
    shares = ((odds - low) / (high - low)).clip(0, 1)
    kept = [min(case.psnr(share), CAP) for case, share in zip(cases, shares, strict=True) if case.kind == "clean"]
    losses: dict[str, list[float]] = {}
    for case, share in zip(cases, shares, strict=True):
        if case.kind != "clean":
            losses.setdefault(case.kind, []).append(case.psnr(1) - case.psnr(share))
    return float(np.mean(kept)), {kind: float(np.mean(values)) for kind, values in losses.items()}


def report(cases: list[Case], odds: np.ndarray, low: float, high: float) -> None:
    """Print what the gate does to held-out images."""
    before = np.mean([min(case.psnr(1), CAP) for case in cases if case.kind == "clean"])
    kept, losses = outcome(cases, odds, low, high)
    print(f"{len(cases)} cases; the gate opens between {low:g} and {high:g}; clean images, capped at {CAP:g} dB:")
    print(f"  {before:.2f} dB without, {kept:.2f} dB with caution (cross-validated)")
    for kind, loss in sorted(losses.items()):
        print(f"  {kind:15} loses {loss:6.2f} dB")


def rounded(values: np.ndarray) -> tuple[float, ...]:
    """Six digits are enough."""
    return tuple(float(f"{value:.6g}") for value in values)


if __name__ == "__main__":
    main()
