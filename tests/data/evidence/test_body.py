"""The body on drawn films, and on the phantom's, whose outline is known."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from cxr_xai.data.evidence.body import BORDER, SIDE, BodyEvidence, find_body, grow
from cxr_xai.data.transforms.advanced import AdvancedTransform
from cxr_xai.data.transforms.geometry import make_identity, warp_masks
from cxr_xai.data.transforms.none import NoTransform
from cxr_xai.types import Batch

BODY = slice(26, 102), slice(20, 108)


def draw_film(air: float = 0.05, letter: bool = True) -> Tensor:
    """``(1, 1, 128, 128)``: a gray trunk with two dark lungs, air around it down to the lower edge, a letter in it."""
    film = torch.full((128, 128), air)
    film[26:, BODY[1]] = 0.6
    for left in (30, 70):
        film[40:90, left : left + 28] = 0.08
    film[:, 60:68] = film[:, 60:68].clamp(min=0.9) if air < 0.5 else 0.9
    film[:26, 60:68] = air
    if letter:
        film[8:18, 8:18] = 1
    return film[None, None]


def outside(film: Tensor, matrices: Tensor | None = None) -> Tensor:
    body = find_body(film, make_identity(len(film)) if matrices is None else matrices)
    return ~body[0]


def test_growth_stays_within_and_goes_around_corners() -> None:
    within = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    within[0, 0, 0, :6] = within[0, 0, :6, 5] = within[0, 0, 7, 7] = True
    seed = torch.zeros_like(within)
    seed[0, 0, 0, 0] = seed[0, 0, 4, 1] = True
    assert torch.equal(grow(seed, within, 32), within & (torch.arange(8) != 7))
    assert grow(seed, within, 3).sum() == 4, "no further than so many steps"


def test_air_and_letters_are_outside_lungs_are_not() -> None:
    found = outside(draw_film())
    assert found[4:9, 4:9].all(), "the letter"
    assert found[:12].all()
    assert not found[14:60, 11:53].any(), "trunk and lungs"


def test_a_film_without_air_loses_its_border_alone() -> None:
    width = round(BORDER * SIDE)
    found = outside(draw_film(air=0.5, letter=False))
    assert not found[width:-width, width:-width].any()
    assert found[0].all() and found[:, -1].all()  # noqa: PT018
    assert outside(torch.full((1, 1, 64, 64), 0.3)).float().mean() < 0.2, "a blank film"


@pytest.mark.parametrize(("shift", "factor", "gamma"), [(0.2, 1, 1), (0, 0.5, 1), (0, 1, 0.7), (0.1, 0.8, 1.3)])
def test_the_gray_scale_does_not_matter(shift: float, factor: float, gamma: float) -> None:
    film = draw_film()
    changed = (film**gamma * factor + shift).clamp(0, 1)
    assert (outside(changed) != outside(film)).float().mean() < 0.01


def test_the_border_moves_with_the_film() -> None:
    half = torch.tensor([[[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]])
    small = torch.zeros(1, 1, 128, 128)
    small[..., 32:96, 32:96] = 0.5
    found = outside(small, half)
    assert found[:17].all(), "what is no film, and its border"
    assert not found[18:46, 18:46].any()


def test_every_film_and_finding_is_known_synthetic_ones_too() -> None:
    films = torch.cat([draw_film(), draw_film(air=0.5)])
    known = BodyEvidence(NoTransform().matrices)(Batch(torch.tensor([3, 10**6]), films, torch.zeros(2, 14)), (8, 8), 0)
    assert len(known) == 28
    assert known.mask.shape == (28, 8, 8)
    assert (known.row.tolist(), known.finding.tolist()) == ([0] * 14 + [1] * 14, [*range(14), *range(14)])
    assert torch.equal(known.mask[0], known.mask[13])
    assert known.mask[0, 0, 0] == 0
    assert known.mask[0, 4, 4] == 1


def test_as_on_the_film_before_it_was_changed() -> None:
    """Noise, gaps, gamma and motion: the body found on the served film is the moved body of the stored one."""
    films = (draw_film().repeat(8, 1, 1, 1) * 255).to(torch.uint8)
    batch = Batch(torch.arange(8), films, torch.zeros(8, 14))
    transform = AdvancedTransform(erasing=0.0)
    served, matrices = transform(batch, 0), transform.matrices(batch.index, 0)
    before = find_body(films / 255, make_identity(8))[:, None]
    differ = find_body(served.image, matrices) ^ warp_masks(before, matrices)[:, 0]
    assert differ.float().mean(dim=(1, 2)).max() < 0.08


@pytest.mark.slow
def test_real_lungs_stay_in_the_body(shared: Path) -> None:
    """The middle of each lung field of every real film, but for the one that shows a small film on white paper."""
    names = sorted((shared / "nih-chestxray14" / "images_001" / "images").glob("*.png"))
    films = np.stack(
        [cv2.resize(cv2.imread(str(p), cv2.IMREAD_GRAYSCALE), (128, 128), interpolation=cv2.INTER_AREA) for p in names]
    )
    body = find_body(torch.from_numpy(films)[:, None] / 255, make_identity(len(films)))
    lungs = torch.cat([body[:, 20:40, 16:26], body[:, 20:40, 40:48]], dim=2).float().mean(dim=(1, 2))
    assert (lungs > 0.9).float().mean() > 0.97
