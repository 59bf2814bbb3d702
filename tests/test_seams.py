"""Tiles of a two-megapixel photo beside the full frame: the same picture, the same score, and no borders to be seen."""

import inspect
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from ceair.checkpoint import load_network
from ceair.degradations import compose
from ceair.metrics import psnr
from ceair.restore import Limits, Restorer
from ceair.tiles import spread_crops, tile_shape, windows

HEIGHT, WIDTH, TILE, MULTIPLE = 1152, 1728, 512, 16
OVERLAP = inspect.signature(Restorer).parameters["overlap"].default
LEVEL = 0.005  # what borders may stand out by; a step of one grey level does by nearly twice as much
SHAPE = tile_shape(HEIGHT, WIDTH, TILE, OVERLAP, MULTIPLE)


@dataclass
class Case:
    """A damaged photo, and what became of it at once and in tiles."""

    clean: np.ndarray
    whole: np.ndarray
    tiled: np.ndarray
    progress: list[float]


@pytest.fixture(scope="module")
def case() -> Case:
    data = pytest.importorskip("skimage.data")
    photo = torch.from_numpy(data.chelsea()).permute(2, 0, 1)[None].float() / 255
    clean = torch.nn.functional.interpolate(photo, (HEIGHT, WIDTH), mode="bicubic").clamp(0, 1)
    severities = {
        name: torch.full((1, 1, 1, 1), level) for name, level in (("haze", 0.3), ("rain", 0.4), ("noise", 0.3))
    }
    degraded = compose(clean, severities, torch.Generator().manual_seed(3))
    network, told = load_network("ceair-t"), []
    whole = Restorer(network, "cpu").restore_tensor(degraded)
    tiled = Restorer(network, "cpu", Limits(whole=TILE**2, tile=TILE), OVERLAP).restore_tensor(degraded, told.append)
    return Case(_last(clean), _last(whole), _last(tiled), told)


def _last(image: Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).contiguous().numpy()


def test_it_really_was_cut(case: Case) -> None:
    rows, columns = (len(windows(*sides, OVERLAP, MULTIPLE)) for sides in zip((HEIGHT, WIDTH), SHAPE, strict=True))
    assert len(case.progress) == rows * columns > 8
    assert not np.array_equal(case.whole, case.tiled)


def test_tiles_agree_with_the_full_frame(case: Case) -> None:
    assert psnr(case.tiled, case.whole) >= 45
    assert abs(psnr(case.tiled, case.clean) - psnr(case.whole, case.clean)) <= 0.05


@pytest.mark.parametrize("axis", [0, 1])
def test_no_border_stands_out(case: Case, axis: int) -> None:
    """Across the borders of tiles, and where fading begins and ends, neighbours differ as in the full frame.

    The full frame is asked, as what the photo shows there, and the network's own grid of 2 pixels, is no border.
    """
    length = case.tiled.shape[axis]
    borders = sorted(
        {
            edge + shift
            for start, stop, _ in windows(length, SHAPE[axis], OVERLAP, MULTIPLE)
            for edge, inwards in ((start, 1), (stop, -1))
            if 0 < edge < length
            for shift in (-1, inwards * OVERLAP // 4 - 1, inwards * 3 * OVERLAP // 4 - 1)
        }
    )
    assert len(borders) >= 4
    whole = _standing_out(case.whole, borders, axis)
    assert _standing_out(case.tiled, borders, axis) == pytest.approx(whole, rel=LEVEL)
    seam = case.tiled.copy()
    for index, border in enumerate(borders):
        seam[(slice(None),) * axis + (slice(border + 1, None),)] += (-1) ** index / 255
    assert _standing_out(seam, borders, axis) > (1 + LEVEL) * whole, "one grey level is seen"


def _standing_out(image: np.ndarray, borders: list[int], axis: int) -> float:
    """How much the neighbours across borders differ, of how much those up to 12 pixels away do."""
    steps = np.abs(np.diff(image, axis=axis)).mean(axis=(1 - axis, 2))
    near = {place + away for place in borders for away in range(-12, 13)} - set(borders)
    others = sorted(place for place in near if 0 <= place < len(steps))
    return float(steps[borders].mean() / steps[others].mean())


def test_tiles_that_know_only_themselves_do_not_agree() -> None:
    """What the tests above are about: without a shared context the same tiles differ by far more."""
    data = pytest.importorskip("skimage.data")
    photo = torch.from_numpy(data.chelsea()).permute(2, 0, 1)[None].float() / 255
    thickening = 0.6 * torch.linspace(0, 1, photo.shape[-1]).expand(1, 1, *photo.shape[-2:])
    hazy = compose(photo, {"haze": thickening}, torch.Generator().manual_seed(3))
    network = load_network("ceair-t")
    with torch.no_grad():
        left = network(hazy[..., :160])
        informed = network(hazy[..., :160], network.context(hazy[..., :288, :448]))
        whole = network(hazy[..., :288, :448])
    inner = (..., slice(0, 288), slice(0, 112))
    alone, shared = ((one[inner] - whole[inner]).square().mean() for one in (left, informed))
    assert shared < alone / 10


@pytest.mark.parametrize(
    ("height", "width"), [(1, 20_000), (20_000, 1), (3000, 4000), (1152, 1728), (33, 5000), (16, 16)]
)
@pytest.mark.parametrize(("side", "overlap", "multiple"), [(1024, 48, 16), (144, 48, 16), (512, 64, 64), (32, 8, 4)])
def test_tiles_are_no_larger_than_a_square_and_cover_the_image_in_fewer_pixels(
    height: int, width: int, side: int, overlap: int, multiple: int
) -> None:
    def pixels(high: int, wide: int) -> int:
        down, across = windows(height, high, overlap, multiple), windows(width, wide, overlap, multiple)
        assert max(row.stop - row.start for row in down) * max(one.stop - one.start for one in across) <= side**2
        return sum(row.stop - row.start for row in down) * sum(one.stop - one.start for one in across)

    high, wide = tile_shape(height, width, side, overlap, multiple)
    assert max(high, wide) <= 2 * side
    assert height * width <= pixels(high, wide) <= pixels(side, side)


@pytest.mark.parametrize(("height", "width"), [(1, 20_000), (20_000, 1), (3000, 4000), (512, 5000), (600, 600)])
@pytest.mark.parametrize("pixels", [1, 300_000, 2_000_000])
def test_crops_lie_evenly_within_the_image_and_within_their_share(height: int, width: int, pixels: int) -> None:
    places = spread_crops(height, width, 256, pixels, MULTIPLE)
    sizes = {(place.rows.stop - place.rows.start, place.columns.stop - place.columns.start) for place in places}
    assert len(sizes) == 1
    high, wide = sizes.pop()
    if height * width <= pixels:
        assert (high, wide, len(places)) == (height, width, 1)
        return
    assert (high, wide) == (min(256, height), min(256, width))
    assert len(places) == 1 or len(places) * high * wide <= pixels
    assert len(set(map(str, places))) == len(places)
    for place in places:
        for part, length in ((place.rows, height), (place.columns, width)):
            assert 0 <= part.start <= part.stop <= length
            assert part.start % MULTIPLE == 0
