"""A Gaussian in the middle."""

import math

import pytest
import torch
from torch import nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.center import Center, center


def test_by_hand() -> None:
    # centers of three cells lie a third from the middle: exp(-(1/9) / (2/16)) = exp(-8/9)
    side = math.exp(-8 / 9)
    torch.testing.assert_close(center((1, 3)), torch.tensor([[side, 1, side]]))


@pytest.mark.parametrize("grid", [(7, 7), (8, 8), (3, 5)])
def test_symmetric_with_its_peak_in_the_middle(grid: tuple[int, int]) -> None:
    out = center(grid)
    assert out.shape == grid
    torch.testing.assert_close(out, out.flip(0))
    torch.testing.assert_close(out, out.flip(1))
    assert out[grid[0] // 2, grid[1] // 2] == out.max()


def test_narrower_with_a_smaller_sigma() -> None:
    assert center((7, 7), 0.1).sum() < center((7, 7), 0.3).sum()


def test_every_film_and_finding_has_the_same_map(small_model: nn.Module) -> None:
    out = Center(sigma=0.2).explain(small_model, torch.rand(2, 1, 64, 96), [3, 0]).attribution
    assert out.shape[:2] == (2, 2)
    assert (out == center((out.shape[2], out.shape[3]), 0.2)).all()


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan")])
def test_a_width_of_nothing_is_refused(sigma: float) -> None:
    with pytest.raises(UserError, match=r"explainer\.sigma .* above 0"):
        Center(sigma)
