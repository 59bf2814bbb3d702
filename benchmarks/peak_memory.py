"""Most memory that `ceair restore` holds for large images, and how long it takes, on the CPU.

    python benchmarks/peak_memory.py                    # 24 and 100 megapixels
    python benchmarks/peak_memory.py --megapixels 4     # something small, to see whether it works
    python benchmarks/peak_memory.py --ending .jpg --memory 1GB --json peaks.json

The images are made here. Each is restored by the command line in a process of its own, whose peak of resident memory
the system tells. The bars are 1.5 GB at 24 megapixels and 2.5 GB at 100; the exit code is 1 if one is missed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from restore_speed import photo

SIZES = {24: (6000, 4000), 100: (12_000, 8400)}
BARS = {24: 1.5e9, 100: 2.5e9}
# A process between this one and the command: a child's peak is never below what its parent held when it was started.
_BETWEEN = (
    "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]).returncode;"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024); sys.exit(done)"
)


def size_of(megapixels: int) -> tuple[int, int]:
    """Width and height: those of `SIZES`, or three by two."""
    height = round((megapixels * 1e6 * 2 / 3) ** 0.5)
    return SIZES.get(megapixels, (height * 3 // 2, height))


def measure(megapixels: int, ending: str, options: list[str]) -> dict[str, Any]:
    """Make an image, restore it, and tell what that took."""
    width, height = size_of(megapixels)
    with tempfile.TemporaryDirectory() as name:
        source, target = (Path(name) / f"{stem}{ending}" for stem in ("photo", "restored"))
        Image.fromarray(photo(width, height)).save(source, **({"compress_level": 1} if ending == ".png" else {}))
        command = [sys.executable, "-m", "ceair", "restore", str(source), "-o", str(target), *options]
        begin = time.monotonic()
        done = subprocess.run([sys.executable, "-c", _BETWEEN, *command], stdout=subprocess.PIPE, text=True, check=True)
        seconds = time.monotonic() - begin
        Image.MAX_IMAGE_PIXELS = None  # Pillow would warn of what was made here
        with Image.open(target) as image:
            assert image.size == (width, height)
    peak, bar = int(done.stdout), BARS.get(megapixels)
    facts = {"width": width, "height": height, "peak_bytes": peak, "seconds": round(seconds, 1), "bar": bar}
    return facts | {"within": bar is None or peak <= bar}


def main() -> None:
    """Measure, print one JSON document, and exit with 1 if a bar was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megapixels", type=int, nargs="+", default=[24, 100])
    parser.add_argument("--ending", default=".png", choices=(".png", ".jpg", ".tif", ".webp"))
    parser.add_argument("--memory", help="as of `ceair restore`")
    parser.add_argument("--engine", default="auto", help="as of `ceair restore`")
    parser.add_argument("--json", type=Path, help="also write the document to this file")
    arguments = parser.parse_args()
    options = ["--device", "cpu", "--engine", arguments.engine]
    options += ["--memory", arguments.memory] if arguments.memory else []
    images = [measure(megapixels, arguments.ending, options) for megapixels in arguments.megapixels]
    document = {"options": options, "ending": arguments.ending, "images": images}
    text = json.dumps(document, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    print(text)
    sys.exit(not all(image["within"] for image in images))


if __name__ == "__main__":
    main()
