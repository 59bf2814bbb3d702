"""Write the photos that come with the page, from photographs that scikit-image ships.

    python scripts/web_examples.py

It writes clean photos to `src/ceair/web/photos`, and small versions of the examples that are made of them to `small`
there.

Their terms: `astronaut` is NASA's, public domain; `chelsea` (Stefan van der Walt), `coffee` (Rachel Michetti) and
`rocket` (SpaceX) are CC0.
"""

import argparse

from PIL import Image
from skimage import data

from ceair.web.examples import EXAMPLES, PHOTOS, make


def main() -> None:
    """Write each clean photo as a JPEG of good quality, then the small ones."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    (PHOTOS / "small").mkdir(parents=True, exist_ok=True)
    photos = {
        "astronaut": data.astronaut()[:384, 16:496],
        "chelsea": data.chelsea(),
        "coffee": data.coffee(),
        "rocket": data.rocket(),
    }
    for name, pixels in photos.items():
        image = Image.fromarray(pixels)
        image.thumbnail((512, 512), Image.Resampling.LANCZOS)
        image.save(PHOTOS / f"{name}.jpg", quality=92, subsampling=0, optimize=True)
    for example in EXAMPLES:
        image = Image.fromarray(make(example))
        image.thumbnail((300, 300), Image.Resampling.LANCZOS)
        image.save(example.small, quality=85, optimize=True)


if __name__ == "__main__":
    main()
