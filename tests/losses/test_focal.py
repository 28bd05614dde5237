"""Focal loss."""

import math

import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from cxr_xai.errors import UserError
from cxr_xai.losses.bce import bce
from cxr_xai.losses.focal import Focal, focal


def test_by_hand() -> None:
    logits = torch.tensor([[math.log(3), math.log(3)]])  # probability 3/4
    loss = focal(logits, torch.tensor([[1.0, 0.0]]), gamma=2, alpha=0.25)
    expected = torch.tensor([[0.25 * (1 / 16) * math.log(4 / 3), 0.75 * (9 / 16) * math.log(4)]])
    torch.testing.assert_close(loss, expected)


def test_gamma_zero_is_cross_entropy() -> None:
    logits, target = torch.randn(5, 14), (torch.rand(5, 14) < 0.5).float()
    torch.testing.assert_close(focal(logits, target, gamma=0, alpha=None), bce(logits, target))


@pytest.mark.parametrize("gamma", [0, 1, 2, 5])
@pytest.mark.parametrize("alpha", [None, 0.25, 0.9])
def test_equals_torchvision(gamma: float, alpha: float | None) -> None:
    logits, target = torch.randn(20, 14) * 4, (torch.rand(20, 14) < 0.5).float()
    reference = sigmoid_focal_loss(logits, target, alpha=-1 if alpha is None else alpha, gamma=gamma)
    torch.testing.assert_close(focal(logits, target, gamma, alpha), reference, atol=1e-6, rtol=1e-4)


def test_easy_labels_fade() -> None:
    easy, hard = (
        focal(torch.tensor([[z]]), torch.ones(1, 1), 2, None) / bce(torch.tensor([[z]]), torch.ones(1, 1))
        for z in (3.0, -3.0)
    )
    assert easy < 0.01
    assert hard > 0.9


@pytest.mark.parametrize("alpha", [0, 1, 1.5, -0.1])
def test_an_alpha_that_erases_a_side_is_refused(alpha: float) -> None:
    with pytest.raises(UserError, match=r"loss\.alpha is .*1 would erase all negatives"):
        Focal(alpha=alpha)


@pytest.mark.parametrize("gamma", [-1, 0.5])
def test_an_impossible_gamma_is_refused(gamma: float) -> None:
    with pytest.raises(UserError, match=r"loss\.gamma is"):
        Focal(gamma=gamma)
