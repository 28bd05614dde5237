"""Five views, worked out on films of few pixels."""

import pytest
import torch
from torch import Tensor

from cxr_xai.data.tta.contract import PLAIN
from cxr_xai.data.tta.none import NoTta
from cxr_xai.data.tta.shifts import Shifts
from cxr_xai.errors import UserError


def pixels(image: Tensor) -> Tensor:
    """Every pixel is a logit."""
    return image.flatten(1)


def dot(row: int, column: int) -> Tensor:
    film = torch.zeros(1, 1, 5, 5)
    film[0, 0, row, column] = 1
    return film


def test_a_dot_is_spread_over_itself_and_its_neighbors() -> None:
    mean = Shifts(0.1)(pixels, dot(2, 1)).reshape(5, 5)
    expected = torch.zeros(5, 5)
    for row, column in ((2, 1), (2, 2), (2, 0), (3, 1), (1, 1)):
        expected[row, column] = 0.2
    assert mean == pytest.approx(expected, abs=1e-6)


def test_what_leaves_the_film_is_lost_and_black_comes_in() -> None:
    assert Shifts(0.1)(pixels, dot(0, 0)).sum().item() == pytest.approx(3 / 5)


def test_mirrored_views_are_asked_for() -> None:
    mean = Shifts(0.1, horizontal_flip=True)(pixels, dot(2, 0)).reshape(5, 5)
    assert mean == pytest.approx(mean.flip(1), abs=1e-6)
    assert mean[2, 0].item() == pytest.approx(0.1)


@pytest.mark.parametrize(("size", "moved"), [(224, 4), (512, 10), (64, 1), (32, 1)])
def test_shifts_are_whole_pixels(size: int, moved: int) -> None:
    matrices = Shifts(0.02).matrices(size)
    assert (matrices[:, :, 2].abs().amax(dim=1) * size / 2).tolist() == pytest.approx([0, moved, moved, moved, moved])
    film = torch.rand(1, 1, size, size)
    seen: list[Tensor] = []
    Shifts(0.02)(lambda view: seen.append(view) or pixels(view)[:, :1], film)
    assert torch.equal(seen[0], film)
    assert torch.allclose(seen[1][..., moved:], film[..., :-moved], atol=1e-3), "to the right, nothing blurred"


def test_twice_the_same() -> None:
    films = torch.rand(3, 1, 32, 32)
    assert torch.equal(Shifts()(pixels, films), Shifts()(pixels, films))
    assert torch.equal(NoTta()(pixels, films), pixels(films))


def test_labels_tell_members_apart() -> None:
    labels = {NoTta().label, Shifts().label, Shifts(0.03).label, Shifts(horizontal_flip=True).label}
    assert len(labels) == 4
    assert PLAIN in labels


@pytest.mark.parametrize("shift", [0.0, -0.1, 0.2])
def test_a_shift_out_of_range_is_refused(shift: float) -> None:
    with pytest.raises(UserError, match=r"tta\.shift is .*; it must lie above 0 and up to 0\.1"):
        Shifts(shift)
