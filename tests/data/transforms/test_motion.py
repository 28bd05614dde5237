"""How far films may move."""

import math

import pytest
import torch
from torch import Tensor

from cxr_xai.data.transforms.motion import Motion
from cxr_xai.errors import UserError

ROWS = torch.arange(600)


def spans(drawn: Tensor, largest: float) -> None:
    assert drawn.abs().max() <= largest * 1.0001
    assert drawn.min() < -0.95 * largest
    assert drawn.max() > 0.95 * largest


def test_draws_stay_within_their_largest_changes() -> None:
    matrices = Motion(rotation=10, translation=0.1).draw(0, 0, ROWS)
    spans(torch.rad2deg(torch.atan2(matrices[:, 0, 1], matrices[:, 0, 0])), 10)
    spans(matrices[:, 0, 2], 0.2)
    spans(matrices[:, 1, 2], 0.2)
    matrices = Motion(scale=0.25).draw(0, 0, ROWS)
    spans(matrices[:, 0, 0].log(), math.log(1.25))
    assert (matrices[:, 0, 1] == 0).all()
    spans(torch.rad2deg(torch.atan(Motion(shear=5).draw(0, 0, ROWS)[:, 0, 1])), 5)


def test_without_settings_nothing_moves() -> None:
    assert torch.equal(Motion().draw(0, 0, ROWS[:2]), torch.eye(2, 3).expand(2, -1, -1))


def test_the_heart_stays_left_unless_asked() -> None:
    assert (torch.linalg.det(Motion(rotation=180, shear=30).draw(0, 0, ROWS)[:, :, :2]) > 0).all()
    flipped = torch.linalg.det(Motion(horizontal_flip=True).draw(0, 0, ROWS)[:, :, :2]) < 0
    assert abs(flipped.float().mean() - 0.5) < 4 * 0.5 / len(ROWS) ** 0.5


def test_one_setting_does_not_change_the_draws_of_another() -> None:
    plain, more = Motion(rotation=10).draw(0, 3, ROWS), Motion(10, 0.1, horizontal_flip=True).draw(0, 3, ROWS)
    torch.testing.assert_close(plain[:, 1, :2], more[:, 1, :2])


@pytest.mark.parametrize(
    ("name", "value"),
    [("rotation", -1), ("rotation", 181), ("translation", 0.3), ("scale", 1.5), ("shear", 40), ("scale", math.nan)],
)
def test_out_of_range(name: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"transform\.{name} is {value:g}; it must lie between"):
        Motion(**{name: value})


def test_the_middle_of_the_film_stays_in_view() -> None:
    Motion(translation=0.25)
    Motion(scale=1.0)
    with pytest.raises(UserError, match=r"transform\.scale=0\.5 with transform\.translation=0\.2 can push"):
        Motion(scale=0.5, translation=0.2)
