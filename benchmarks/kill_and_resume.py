"""Kills `ceair restore` with SIGKILL at random moments and repeats the command until it ends by itself.

    python benchmarks/kill_and_resume.py [--kills 20] [--images 120] [--json FILE]

After each kill every result is read: it must be whole. At the end there must be one for each image, the same as
those of a run that nobody disturbed, and nothing else. The network changes nothing, so that the time goes to files.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

_SIZE = (400, 300)
_COMMAND = """
import sys
sys.path.insert(0, {here!r})
from fuzzing.checks import make_unchanged_restorer
import ceair.cli.restore as command
from ceair.cli import main
sys.argv = ["ceair", "restore", "in", "-o", "out"]
command.make_restorer = lambda *_: make_unchanged_restorer()
main()
"""


def make_images(folder: Path, count: int) -> dict[str, np.ndarray]:
    """Noise, which takes long to write, in files of several formats; names and pixels."""
    folder.mkdir()
    made = {}
    for index in range(count):
        name = f"{index:03d}{('.png', '.tif', '.bmp')[index % 3]}"
        made[name] = np.random.default_rng(index).integers(0, 256, (*_SIZE, 3), np.uint8)
        Image.fromarray(made[name]).save(folder / name)
    return made


def check(folder: Path, made: dict[str, np.ndarray]) -> int:
    """How many results there are; each must be whole."""
    there = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    for path in there:
        with Image.open(path) as image:
            assert np.array_equal(np.asarray(image), made[path.name]), f"{path.name} is not whole"
    return len(there)


def kill_and_resume(kills: int, images: int, seed: int = 0) -> dict[str, Any]:
    """Kill the command so often, let it end, and say how many results there were after each time."""
    command = [sys.executable, "-c", _COMMAND.format(here=str(Path(__file__).parent))]
    moments = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = make_images(folder / "in", images)
        begin = time.monotonic()
        counts, killed, restarts = [], 0, []
        while killed < kills:
            done = check(folder / "out", made)
            if done == images:  # it was too fast for so many kills: once more from the start
                shutil.rmtree(folder / "out")
                restarts.append(len(counts))
                done = 0
            share = (images - done) / (kills - killed + 1)
            process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # It is killed once it has done about its share, so that it is at work, and a random moment later.
            goal = min(images - 1, done + moments.randrange(1, max(2, round(share * 2))))
            while process.poll() is None and _results(folder / "out") < goal:
                time.sleep(0.002)
            time.sleep(moments.random() * 0.03)
            process.kill()
            killed += process.wait() != 0
            counts.append(check(folder / "out", made))
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        assert check(folder / "out", made) == images, "results are missing"
        assert sorted(path.name for path in (folder / "out").iterdir()) == sorted(made), "something else is left"
        facts = {"kills": killed, "images": images, "whole_after_each": counts, "begun_again_before": restarts}
        return facts | {"seconds": time.monotonic() - begin}


def _results(folder: Path) -> int:
    return sum(not path.name.startswith(".") for path in folder.iterdir()) if folder.is_dir() else 0


def main() -> None:
    """Run it and print one JSON document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the document to this file")
    arguments = parser.parse_args()
    text = json.dumps(kill_and_resume(arguments.kills, arguments.images, arguments.seed), indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
