"""Whether affinities tell damages apart: a linear probe names the degradation of single 16x16 patches.

    python benchmarks/routing_probe.py --data DIR --limit 24 --out probe.json

DIR holds photos, of which the held-out ones of `configs/held_out.txt` are used, that the network was never trained on:
two thirds of them train the probe, the rest test it, so that no photo is in both. Each photo is degraded three times:
its left half by one of the six degradations and its right half by another, by severity maps, so that both halves share
one image, one set of components and one context, and only what is local can tell them apart. A patch counts if its
degradation changes it at all: by a root mean square of 0.02 or more (a patch between two streaks of rain is not rainy);
40 % of those that count, drawn at random, are used.
The sixth kind is `clean`, or blur with `--sixth blur`.

The probe is multinomial logistic regression (scikit-learn, L2, C = 0.1) on standardised features. It gets affinities
alone, no features; or, to compare, pixels: raw ones, and statistics of the patch. One patch often lies between streaks
or flakes; two rows of features therefore add what the same numbers are, on average, over the 3x3 patches around it.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ceair.checkpoint import find_weights, load_network
from ceair.data.pairs import centre_crop
from ceair.degradations import compose
from ceair.explain import Explanation, explain
from ceair.files import sha256, write_atomically
from ceair.image import list_images, read_rgb
from ceair.models import UNet
from ceair.train.inputs import read_held_out

HELD_OUT = Path(__file__).parents[1] / "configs" / "held_out.txt"
PATCH = 16
VISIBLE = 0.02
SEVERITIES = {
    "noise": (0.3, 1.0),
    "rain": (0.4, 0.9),
    "haze": (0.3, 0.8),
    "snow": (0.5, 1.0),
    "low_light": (0.4, 0.9),
    "defocus": (0.4, 0.9),
}


def main() -> None:
    """Make the patches, train and test the probe on each kind of feature, print and write the accuracies."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    network = load_network(arguments.weights)
    kinds = [*list(SEVERITIES)[:5], "defocus" if arguments.sixth == "blur" else "clean"]
    paths = held_out_photos(arguments.data)[: arguments.limit]
    train = len(paths) * 2 // 3
    order = np.random.default_rng(0).permutation(len(paths))
    sets = [collect(network, [paths[i] for i in part], kinds) for part in (order[:train], order[train:])]
    accuracies = {}
    for name in sets[0][0]:
        (train_features, train_labels), (test_features, test_labels) = ((f[name], labels) for f, labels in sets)
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=3000))
        probe.fit(train_features, train_labels)
        found = probe.predict(test_features)
        accuracies[name] = {
            "features": train_features.shape[1],
            "accuracy": float((found == test_labels).mean()),
            "by_kind": {kind: float((found[test_labels == kind] == kind).mean()) for kind in kinds},
        }
        print(f"{name:55} {train_features.shape[1]:5} {100 * accuracies[name]['accuracy']:6.1f} %", flush=True)
    document = {
        "weights_sha256": sha256(find_weights(arguments.weights)),
        "kinds": kinds,
        "photos": {"train": train, "test": len(paths) - train},
        "patches": {"train": len(sets[0][1]), "test": len(sets[1][1])},
        "test_patches_by_kind": {kind: int((sets[1][1] == kind).sum()) for kind in kinds},
        "probes": accuracies,
    }
    write_atomically(arguments.out, f"{json.dumps(document, indent=2)}\n".encode())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", default="ceair-t")
    parser.add_argument("--sixth", choices=("clean", "blur"), default="clean")
    parser.add_argument("--limit", type=int, help="use so many photos only")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def held_out_photos(folder: Path) -> list[Path]:
    """The photos of a folder that the list of held-out images names."""
    stems = read_held_out(HELD_OUT)
    return [path for path in list_images(folder) if path.stem in stems]


def halves(clean: torch.Tensor, left: str, right: str, seed: int) -> torch.Tensor:
    """A photo whose left half has one degradation and whose right half another, rounded to 8 bits."""
    generator = torch.Generator().manual_seed(seed)
    side = (torch.arange(clean.shape[-1]) < clean.shape[-1] // 2).float().expand(1, 1, *clean.shape[-2:])
    severities = {}
    for kind, mask in ((left, side), (right, 1 - side)):
        if kind != "clean":
            low, high = SEVERITIES[kind]
            severities[kind] = mask * (low + (high - low) * float(torch.rand(1, generator=generator)))
    return (compose(clean, severities, generator) * 255).round() / 255


def collect(network: UNet, paths: Sequence[Path], kinds: Sequence[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """All features of all visible patches, by the features' name, and the patches' degradations."""
    rows: dict[str, list[np.ndarray]] = {}
    labels: list[str] = []
    for number, path in enumerate(paths):
        photo = centre_crop(read_rgb(path), 2 * PATCH)[:384, :512]
        clean = torch.from_numpy(photo.astype(np.float32) / 255).permute(2, 0, 1)[None]
        seed = int(np.random.default_rng([number, len(paths)]).integers(2**31))
        shuffled = [kinds[i] for i in np.random.default_rng(seed).permutation(len(kinds))]
        for pair in range(3):
            both = shuffled[2 * pair : 2 * pair + 2]
            degraded = halves(clean, both[0], both[1], seed + pair)
            pixels = np.rint(255 * degraded[0].permute(1, 2, 0).numpy()).astype(np.uint8)
            features = features_of(explain(network, pixels), pixels)
            columns = pixels.shape[1] // PATCH
            here = np.repeat(np.where(np.arange(columns) < columns // 2, *both)[None], pixels.shape[0] // PATCH, 0)
            change = blocks((degraded - clean)[0].permute(1, 2, 0).numpy() ** 2).mean(1) ** 0.5
            keep = (change >= VISIBLE) | (here.ravel() == "clean")
            keep &= np.random.default_rng(seed + pair).random(len(keep)) < 0.4
            for name, values in features.items():
                rows.setdefault(name, []).append(values[keep])
            labels += here.ravel()[keep].tolist()
    return {name: np.concatenate(values) for name, values in rows.items()}, np.array(labels)


def features_of(explanation: Explanation, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """The features of every 16x16 patch, row by row: of affinities and of pixels."""
    features = {}
    means, spreads, details = [], [], []
    for layer in explanation.layers:
        side = PATCH // layer.cell
        tokens = blocks(layer.affinities.transpose(1, 2, 0), side).reshape(-1, side, side, layer.rank)
        flat = tokens.reshape(len(tokens), -1, layer.rank)
        means.append(flat.mean(1))
        features[f"affinities of level {layer.level}, means"] = means[-1]
        spreads += [np.abs(flat).mean(1)] + ([flat.std(1)] if side > 1 else [])
        details += affinity_details(tokens)
    logarithms = [np.log(part + 1e-3) for part in spreads + details]
    every = np.concatenate(means + spreads + logarithms, 1)
    features["affinities of all levels, means"] = np.concatenate(means, 1)
    features["affinities of all levels, means, sizes and spreads"] = np.concatenate(means + spreads, 1)
    features["affinities of all levels, those, logarithms and detail"] = every
    columns = pixels.shape[1] // PATCH
    near = np.concatenate((every, around(every, columns)), 1)
    features["affinities of all levels, those, also of 48x48 pixels"] = near
    scaled = pixels.astype(np.float32) / 255
    statistics = pixel_statistics(scaled)
    features["raw pixels"] = blocks(scaled)
    features["statistics of the pixels"] = statistics
    features["statistics of the pixels, also of 48x48"] = np.concatenate((statistics, around(statistics, columns)), 1)
    return features


def affinity_details(tokens: np.ndarray) -> list[np.ndarray]:
    """How the affinities of each patch differ side by side, and how far they lie from its median."""
    side = tokens.shape[1]
    flat = tokens.reshape(len(tokens), -1, tokens.shape[-1])
    parts = []
    if side > 2:
        parts += [np.abs(np.diff(tokens, axis=axis)).mean((1, 2)) for axis in (1, 2)]
        parts += list(np.percentile(np.abs(flat - np.median(flat, 1, keepdims=True)), (50, 95), axis=1))
    if side > 4:
        diagonal = tokens[:, ::2, ::2] - tokens[:, 1::2, ::2] - tokens[:, ::2, 1::2] + tokens[:, 1::2, 1::2]
        parts.append(np.median(np.abs(diagonal).reshape(len(tokens), -1, tokens.shape[-1]), 1))
    return parts


def around(features: np.ndarray, columns: int) -> np.ndarray:
    """For each patch the mean of features over it and its eight neighbours, those at the border being repeated."""
    grid = features.reshape(-1, columns, features.shape[-1])
    rows = len(grid)
    padded = np.pad(grid, ((1, 1), (1, 1), (0, 0)), mode="edge")
    near = [padded[down : down + rows, right : right + columns] for down in range(3) for right in range(3)]
    return np.mean(near, axis=0).reshape(features.shape)


def blocks(image: np.ndarray, side: int = PATCH) -> np.ndarray:
    """The squares of an `h w c` image, each as a row."""
    height, width, channels = image.shape
    parts = image.reshape(height // side, side, width // side, side, channels)
    return parts.transpose(0, 2, 1, 3, 4).reshape(-1, side * side * channels)


def pixel_statistics(image: np.ndarray) -> np.ndarray:
    """What a hand-made detector would look at in each patch.

    Mean, deviation, least and most of each channel, saturation, the sizes of differences across and down, at one, two
    and four pixels, and of the diagonal detail.
    """
    patches = blocks(image).reshape(-1, PATCH, PATCH, 3)
    flat = patches.reshape(len(patches), -1, 3)
    grey = patches.mean(-1)
    parts = [flat.mean(1), flat.std(1), flat.min(1), flat.max(1), (flat.max(2) - flat.min(2)).mean(1, keepdims=True)]
    for step in (1, 2, 4):
        for difference in (grey[:, :, step:] - grey[:, :, :-step], grey[:, step:] - grey[:, :-step]):
            sizes = np.abs(difference).reshape(len(grey), -1)
            parts += [
                sizes.mean(1, keepdims=True),
                np.log(sizes.mean(1, keepdims=True) + 1e-3),
                sizes.max(1, keepdims=True),
            ]
    diagonal = grey[:, ::2, ::2] - grey[:, 1::2, ::2] - grey[:, ::2, 1::2] + grey[:, 1::2, 1::2]
    sizes = np.abs(diagonal).reshape(len(grey), -1)
    parts += [sizes.mean(1, keepdims=True), np.log(np.median(sizes, 1, keepdims=True) + 1e-3)]
    return np.concatenate(parts, 1)


if __name__ == "__main__":
    main()
