"""The asymmetric loss and its gradient, against the equations of the paper."""

import math

import numpy as np
import pytest
import torch

from cxr_xai.errors import UserError
from cxr_xai.losses.asymmetric import Asymmetric, asymmetric
from cxr_xai.losses.bce import bce
from cxr_xai.losses.focal import focal

ALL = np.concatenate([np.linspace(-8, 8, 40), [-100, 100]])


def slopes(target: float, gamma_pos: float, gamma_neg: float, margin: float) -> np.ndarray:
    logits = torch.tensor(ALL, dtype=torch.float32).requires_grad_()
    asymmetric(logits, torch.full_like(logits, target), gamma_pos, gamma_neg, margin).sum().backward()
    gradient: np.ndarray = logits.grad.numpy()
    return gradient


def test_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0, math.log(3), -math.log(39)]])  # probabilities 1/2, 1/2, 3/4, 1/40
    loss = asymmetric(logits, torch.tensor([[1.0, 0.0, 0.0, 0.0]]), gamma_pos=1, gamma_neg=2, margin=0.05)
    expected = [0.5 * math.log(2), -(0.45**2) * math.log(0.55), -(0.7**2) * math.log(0.3), 0.0]
    torch.testing.assert_close(loss, torch.tensor([expected]))


@pytest.mark.parametrize(("gamma_neg", "margin"), [(4, 0.05), (2, 0.2), (1, 0), (0, 0)])
def test_the_gradient_of_negatives_is_that_of_the_paper(gamma_neg: float, margin: float) -> None:
    p = 1 / (1 + np.exp(-ALL))
    q = np.maximum(p - margin, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = q**gamma_neg * (1 / (1 - q) - gamma_neg * np.log(1 - q) / q) * p * (1 - p)
    if margin:
        expected[q == 0] = 0
    expected[ALL == 100] = 1.0 if not margin else 0.0  # p rounds to 1
    np.testing.assert_allclose(slopes(0.0, 0, gamma_neg, margin), expected, rtol=2e-4, atol=1e-6)


def test_the_gradient_of_positives_is_that_of_the_paper() -> None:
    p = 1 / (1 + np.exp(-ALL))
    expected = (1 - p) ** 2 * (2 * p * np.log(p) - (1 - p))
    np.testing.assert_allclose(slopes(1.0, 2, 4, 0.05), expected, rtol=2e-4, atol=1e-6)


def test_negatives_that_are_probably_mislabeled_fade() -> None:
    # Above some probability the gradient of a negative falls again, other than that of cross-entropy or focal loss.
    gradient = slopes(0.0, 0, 4, 0.05)[:40]
    assert gradient.argmax() < 30
    assert gradient[-1] < gradient.max() / 10
    assert (gradient >= 0).all()


def test_equal_powers_and_no_margin_are_focal_loss_and_none_cross_entropy() -> None:
    logits, target = torch.randn(20, 14) * 4, torch.rand(20, 14).round(decimals=1)
    torch.testing.assert_close(asymmetric(logits, target, 2, 2, 0), focal(logits, target, 2, None))
    torch.testing.assert_close(asymmetric(logits, target, 0, 0, 0), bce(logits, target), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["gamma_pos", "gamma_neg"])
@pytest.mark.parametrize("gamma", [-1.0, 0.5])
def test_an_impossible_power_is_refused(name: str, gamma: float) -> None:
    with pytest.raises(UserError, match=rf"^loss\.{name} is {gamma}; it must be 0 or at least 1"):
        Asymmetric(**{name: gamma})


@pytest.mark.parametrize("margin", [-0.1, 1.0])
def test_an_impossible_margin_is_refused(margin: float) -> None:
    with pytest.raises(UserError, match=rf"^loss\.margin is {margin}; it must be 0 or more, and below 1"):
        Asymmetric(margin=margin)
