"""Draw the README's picture: each degraded photo above its restored one.

ceair restore examples/*.jpg -o restored/
python scripts/before_after.py --before examples --after restored --out docs/pictures/before_after.jpg
"""

import argparse
from pathlib import Path

from PIL import Image

from ceair.image import list_images

SIZE, GAP = (300, 300), 4


def main() -> None:
    """Write the picture; every photo of the first folder must have one of the same name in the second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--before", "--after", "--out"):
        parser.add_argument(name, type=Path, required=True)
    arguments = parser.parse_args()
    paths = list_images(arguments.before)
    sheet = Image.new("RGB", (len(paths) * (SIZE[0] + GAP) - GAP, 2 * SIZE[1] + GAP), "white")
    for column, path in enumerate(paths):
        for row, file in enumerate((path, arguments.after / path.name)):
            with Image.open(file) as photo:
                sheet.paste(_square(photo.convert("RGB")), (column * (SIZE[0] + GAP), row * (SIZE[1] + GAP)))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(arguments.out, quality=90)


def _square(photo: Image.Image) -> Image.Image:
    """The centre of a photo, cut and not scaled, so that the damage is seen pixel by pixel."""
    left, top = (photo.width - SIZE[0]) // 2, (photo.height - SIZE[1]) // 2
    return photo.crop((left, top, left + SIZE[0], top + SIZE[1]))


if __name__ == "__main__":
    main()
