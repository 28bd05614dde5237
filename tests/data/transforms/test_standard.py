"""Rotation, brightness and contrast: drawn, then applied."""

import pytest
import torch

from cxr_xai.data.transforms.standard import StandardTransform
from cxr_xai.errors import UserError
from cxr_xai.types import Batch

ROWS = torch.arange(400)


def make_batch(image: torch.Tensor) -> Batch:
    return Batch(torch.arange(len(image)), image.to(torch.uint8), torch.zeros(len(image), 14))


def test_draws_stay_within_their_largest_changes() -> None:
    transform = StandardTransform(rotation=10, brightness=0.2, contrast=0.3)
    matrices, (shift, factor) = transform.matrices(ROWS, 0), transform.draw_tone(ROWS, 0)
    degrees = torch.rad2deg(torch.atan2(matrices[:, 0, 1], matrices[:, 0, 0]))
    for drawn, largest in ((degrees, 10), (shift, 0.2), (factor - 1, 0.3)):
        assert drawn.abs().max() <= largest * 1.0001
        assert drawn.min() < -0.9 * largest
        assert drawn.max() > 0.9 * largest


def test_the_heart_stays_left_unless_asked() -> None:
    assert (torch.linalg.det(StandardTransform().matrices(ROWS, 0)[:, :, :2]) > 0).all()
    flipped = torch.linalg.det(StandardTransform(horizontal_flip=True).matrices(ROWS, 0)[:, :, :2]) < 0
    assert abs(flipped.float().mean() - 0.5) < 0.1


def test_nothing_asked_nothing_changed() -> None:
    batch = make_batch(torch.randint(0, 256, (3, 1, 16, 16)))
    out = StandardTransform(rotation=0, brightness=0, contrast=0)(batch, 0)
    torch.testing.assert_close(out.image, batch.image / 255, atol=1e-5, rtol=0)


def test_a_film_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    transform = StandardTransform()
    quarter = torch.tensor([[[0.0, 1, 0], [-1, 0, 0]]])  # counter-clockwise
    monkeypatch.setattr(transform, "matrices", lambda index, epoch: quarter)
    monkeypatch.setattr(transform, "draw_tone", lambda index, epoch: (torch.tensor([0.1]), torch.tensor([0.5])))
    image = torch.tensor([0.0, 51, 102, 255]).view(1, 1, 2, 2)  # shares 0, .2, .4, 1; mean .4
    out = transform(make_batch(image), 0).image.flatten()
    torch.testing.assert_close(out, torch.tensor([0.4, 0.8, 0.3, 0.5]), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "value"), [("rotation", -1), ("brightness", -0.1), ("brightness", 0.6), ("contrast", -0.1)]
)
def test_out_of_range(name: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"transform\.{name} is {value:g}; it must lie between 0 and"):
        StandardTransform(**{name: value})


def test_no_film_becomes_its_negative() -> None:
    assert (StandardTransform(contrast=1).draw_tone(ROWS, 0)[1] >= 0).all()
    with pytest.raises(UserError, match=r"transform\.contrast is 1\.5; .*their negatives"):
        StandardTransform(contrast=1.5)
