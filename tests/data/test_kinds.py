"""What is said of the degradations of each square of a training image."""

import torch
from torch import Tensor

from ceair.data.kinds import present, squares, unknown
from ceair.degradations import DEGRADATIONS

NAMES = list(DEGRADATIONS)


def constant(value: float, height: int = 32, width: int = 48) -> Tensor:
    return torch.full((2, 3, height, width), value)


def test_a_clean_image_has_none() -> None:
    kinds = present(constant(0.5), constant(0.5), {})
    assert kinds.shape == (2, len(DEGRADATIONS), 2, 3)
    assert (kinds == 0).all()


def test_an_even_one_is_everywhere_and_the_others_nowhere() -> None:
    kinds = present(constant(0.5), constant(0.7), {"haze": torch.full((2, 1, 1, 1), 0.6)})
    for index, name in enumerate(NAMES):
        assert (kinds[:, index] == (1 if name == "haze" else 0)).all(), name


def test_it_is_said_square_by_square() -> None:
    right = torch.zeros(2, 1, 32, 48)
    right[..., 32:] = 0.8
    left = torch.zeros(2, 1, 32, 48)
    left[..., :16] = 0.5
    kinds = present(constant(0.5), constant(0.7), {"rain": right, "noise": left})
    assert kinds[0, NAMES.index("rain")].tolist() == [[0, 0, 1]] * 2
    assert kinds[0, NAMES.index("noise")].tolist() == [[1, 0, 0]] * 2


def test_what_cannot_be_seen_and_what_is_faint_is_not_known() -> None:
    severity = {"snow": torch.full((2, 1, 1, 1), 0.6)}
    degraded = constant(0.5)
    degraded[..., 16:] += 0.1
    kinds = present(degraded, constant(0.5), severity)
    assert (kinds[..., 0] == -1).all(), "no flake fell there"
    assert (kinds[:, NAMES.index("snow"), :, 1:] == 1).all()
    faint = present(constant(0.5), constant(0.7), {"snow": torch.full((2, 1, 1, 1), 0.1)})
    assert (faint[:, NAMES.index("snow")] == -1).all()
    assert (faint[:, NAMES.index("rain")] == 0).all()


def test_sides_that_are_no_multiple_of_a_square_are_covered() -> None:
    assert [squares(side) for side in (1, 16, 17, 32)] == [1, 1, 2, 2]
    assert present(constant(0.5, 20, 33), constant(0.5, 20, 33), {}).shape[-2:] == (2, 3)
    assert (unknown(constant(0.5, 20, 33)) == -1).all()
