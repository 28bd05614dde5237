"""Rotation, brightness and contrast: drawn, then applied."""

import pytest
import torch

from cxr_xai.data.transforms.geometry import make_rotation
from cxr_xai.data.transforms.standard import StandardTransform
from cxr_xai.errors import UserError
from cxr_xai.types import Batch

ROWS = torch.arange(400)


def make_batch(image: torch.Tensor) -> Batch:
    return Batch(torch.arange(len(image)), image.to(torch.uint8), torch.zeros(len(image), 14))


def test_draws_stay_within_their_largest_changes() -> None:
    matrices, shift, factor = StandardTransform(rotation=10, brightness=0.2, contrast=0.3).draw(ROWS, 0)
    degrees = torch.rad2deg(torch.atan2(matrices[:, 0, 1], matrices[:, 0, 0]))
    for drawn, largest in ((degrees, 10), (shift, 0.2), (factor - 1, 0.3)):
        assert drawn.abs().max() <= largest * 1.0001
        assert drawn.min() < -0.9 * largest
        assert drawn.max() > 0.9 * largest


def test_the_heart_stays_left_unless_asked() -> None:
    matrices, _, _ = StandardTransform().draw(ROWS, 0)
    assert (torch.linalg.det(matrices[:, :, :2]) > 0).all()
    flipped, _, _ = StandardTransform(horizontal_flip=True).draw(ROWS, 0)
    assert abs((torch.linalg.det(flipped[:, :, :2]) < 0).float().mean() - 0.5) < 0.1


def test_switching_the_flip_on_does_not_change_the_other_draws() -> None:
    plain, flipped = (StandardTransform(horizontal_flip=on).draw(ROWS, 3) for on in (False, True))
    torch.testing.assert_close(plain[1:], flipped[1:])
    torch.testing.assert_close(plain[0][:, 1], flipped[0][:, 1])


def test_nothing_asked_nothing_changed() -> None:
    batch = make_batch(torch.randint(0, 256, (3, 1, 16, 16)))
    out = StandardTransform(rotation=0, brightness=0, contrast=0)(batch, 0)
    torch.testing.assert_close(out.image, batch.image / 255, atol=1e-5, rtol=0)


def test_brightness_and_contrast_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    transform = StandardTransform()
    still = make_rotation(torch.zeros(1), torch.zeros(1, dtype=torch.bool))
    monkeypatch.setattr(transform, "draw", lambda index, epoch: (still, torch.tensor([0.1]), torch.tensor([0.5])))
    image = torch.tensor([0.0, 51, 102, 255]).view(1, 1, 2, 2)  # shares 0, .2, .4, 1; mean .4
    out = transform(make_batch(image), 0).image.flatten()
    torch.testing.assert_close(out, torch.tensor([0.3, 0.4, 0.5, 0.8]), atol=1e-5, rtol=0)


def test_epochs_and_seeds_differ() -> None:
    draws = [StandardTransform(seed=seed).draw(ROWS[:2], epoch)[1] for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(draw.tolist()) for draw in draws}) == 4


@pytest.mark.parametrize("name", ["rotation", "brightness", "contrast"])
def test_negative_changes_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="cannot be negative"):
        StandardTransform(**{name: -0.1})


def test_no_film_becomes_its_negative() -> None:
    assert (StandardTransform(contrast=1).draw(ROWS, 0)[2] >= 0).all()
    with pytest.raises(UserError, match=r"transform\.contrast is 1\.5; above 1"):
        StandardTransform(contrast=1.5)
