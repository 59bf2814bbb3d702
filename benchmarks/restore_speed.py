"""How long restoring takes, in yardsticks (`yardstick.py`: a convolution in eager torch).

    python benchmarks/restore_speed.py                  # engines at 512x512, files of 12 megapixels, growth
    python benchmarks/restore_speed.py --skip-large     # without what takes minutes

Everything is timed in turns with the yardstick, on as many threads as torch takes by itself, and medians are told, so
that a busy or a slower machine changes the figures little. The images are photographs of noise and edges made here.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from yardstick import Yardstick

from ceair.checkpoint import load_network
from ceair.cli.process import keep_large_blocks
from ceair.engines import make_engine
from ceair.errors import CeairError
from ceair.restore import Restorer

ENGINES = (("torch", "fp32"), ("torch", "bf16"), ("onnx", "fp32"), ("openvino", "fp32"), ("openvino", "bf16"))
GROWTH = ((512, 512), (1024, 1024), (2000, 1500), (4000, 3000), (6000, 4000))


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def photo(width: int, height: int) -> np.ndarray:
    """A noisy picture of smooth shapes, RGB, made row by row."""
    generator = np.random.default_rng(0)
    image = np.empty((height, width, 3), np.uint8)
    columns = np.arange(width)[None, :, None]
    for top in range(0, height, 500):
        rows = np.arange(top, min(top + 500, height))[:, None, None]
        shapes = 120 + 60 * np.sin(rows / 97) * np.cos(columns / 61) + 30 * ((rows // 40 + columns // 40) % 2)
        noise = generator.normal(0, 15, (len(rows), width, 3))
        image[top : top + 500] = np.clip(shapes + noise, 0, 255).astype(np.uint8)
    return image


def time_engines(rounds: int, yardstick: Yardstick) -> dict[str, float]:
    """Yardsticks per 512x512 image of every engine that is installed."""
    image = torch.from_numpy(photo(512, 512)).permute(2, 0, 1)[None].float() / 255
    works: dict[str, Callable[[], object]] = {}
    for name, precision in ENGINES:
        try:
            engine = make_engine(load_network("ceair-t"), "cpu", name, precision)
        except CeairError as error:
            print(error, file=sys.stderr)
            continue
        works[engine.name] = lambda engine=engine: engine.restore(image)
    for work in works.values():
        work()
    ratios: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            unit = yardstick()
            taken = seconds(work)
            ratios[name].append(taken / ((unit + yardstick()) / 2))
    return {name: statistics.median(values) for name, values in ratios.items()}


def time_files(folder: Path, size: tuple[int, int], rounds: int, yardstick: Yardstick) -> float:
    """Yardsticks of the whole command `ceair restore` from a JPEG to a JPEG."""
    source, target = folder / "photo.jpg", folder / "restored.jpg"
    Image.fromarray(photo(*size)).save(source, quality=92)
    command = [sys.executable, "-m", "ceair", "restore", str(source), "-o", str(target), "--overwrite"]
    ratios = []
    for _ in range(rounds + 1):  # the first one may convert the network
        before = statistics.median(yardstick() for _ in range(5))
        taken = seconds(lambda: subprocess.run(command, check=True, capture_output=True))
        ratios.append(taken / ((before + statistics.median(yardstick() for _ in range(5))) / 2))
    return statistics.median(ratios[1:])


def growth(rounds: int, yardstick: Yardstick) -> tuple[dict[str, float], float]:
    """Yardsticks of an image in memory by its size, and the exponent of a power law through them."""
    restorer = Restorer.from_pretrained()
    taken: dict[str, list[float]] = {}
    images = {f"{width}x{height}": photo(width, height) for width, height in GROWTH}
    restorer(images["1024x1024"])
    restorer(images["2000x1500"])
    for _ in range(rounds):
        for name, image in images.items():
            unit = statistics.median(yardstick() for _ in range(3))
            spent = seconds(lambda image=image: restorer(image))
            unit = (unit + statistics.median(yardstick() for _ in range(3))) / 2
            taken.setdefault(name, []).append(spent / unit)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    logs = [math.log(width * height) for width, height in GROWTH], [math.log(value) for value in medians.values()]
    return medians, float(np.polyfit(*logs, 1)[0])


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--skip-large", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the document to this file")
    arguments = parser.parse_args()
    keep_large_blocks()
    with Yardstick() as yardstick:
        with Yardstick(keeping=True) as keeping:
            units = [(yardstick(), keeping()) for _ in range(9)]
        document: dict[str, object] = {
            "threads": torch.get_num_threads(),
            "yardstick_seconds": statistics.median(plain for plain, _ in units),
            "yardstick_seconds_keeping_blocks": statistics.median(kept for _, kept in units),
            "engines_512x512": time_engines(arguments.rounds, yardstick),
        }
        if not arguments.skip_large:
            with tempfile.TemporaryDirectory() as name:
                document["file_to_file_4000x3000"] = time_files(Path(name), (4000, 3000), 3, yardstick)
                document["growth"], document["exponent"] = growth(3, yardstick)
    text = json.dumps(document, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
