"""Local equalization against hand work and OpenCV."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from cxr_xai.data.transforms.local_contrast import equalize_locally


def make_films(count: int, size: int) -> Tensor:
    """Blobs and grain, between gray levels 20 and 220."""
    random = np.random.default_rng(0)
    blobs = cv2.resize(random.random((14, 14, count)), (size, size), interpolation=cv2.INTER_LINEAR)
    levels = (20 + 200 * blobs + random.normal(0, 4, blobs.shape)).clip(0, 255).astype(np.uint8)
    return torch.from_numpy(levels.reshape(size, size, count)).permute(2, 0, 1)[:, None].contiguous()


def test_by_hand() -> None:
    """All tiles alike: 8 pixels of level 10, 8 of level 20; a bin may hold 4 × 16 / 256 → 1, so 14 are spread."""
    column = torch.tensor([10, 10, 20, 20], dtype=torch.uint8).repeat(8)
    out = equalize_locally(column.expand(1, 1, 32, 32), clip=4.0)
    at_10, at_20 = (1 + 14 * 11 / 256) / 16, (2 + 14 * 21 / 256) / 16
    torch.testing.assert_close(out, torch.tensor([at_10, at_10, at_20, at_20]).repeat(8).expand(1, 1, 32, 32))


@pytest.mark.parametrize("clip", [1.0, 2.0, 10.0])
@pytest.mark.parametrize("size", [1000, 1024])
def test_as_opencv_does(clip: float, size: int) -> None:
    """OpenCV rounds tables, gives the remainder of what it spreads to dark bins first, and weighs tiles by the corners
    of pixels instead of their centers: up to 3 of 255 levels on films of this size, half a level on average."""
    film = make_films(1, size)
    expected = cv2.createCLAHE(clip, (8, 8)).apply(film[0, 0].numpy()).astype(np.float32)
    difference = np.abs(equalize_locally(film, clip)[0, 0].numpy() * 255 - expected)
    assert np.abs(expected - film[0, 0].numpy()).mean() > 5
    assert difference.max() < 3
    assert difference.mean() < 0.5


def test_each_film_by_itself() -> None:
    films = make_films(3, 40)
    together = equalize_locally(films, 2.0)
    for number in range(3):
        assert torch.equal(equalize_locally(films[[number]], 2.0)[0], together[number])


def test_left_and_right_are_alike() -> None:
    films = make_films(2, 64)
    torch.testing.assert_close(equalize_locally(films.flip(-1), 2.0), equalize_locally(films, 2.0).flip(-1))


@pytest.mark.parametrize("size", [32, 33, 47])
def test_any_side(size: int) -> None:
    films = make_films(2, size)
    before = films.clone()
    out = equalize_locally(films, 2.0)
    assert out.shape == films.shape
    assert out.dtype == torch.float32
    assert out.min() >= 0
    assert out.max() <= 1
    assert torch.equal(films, before)
