"""Focal loss."""

import math

import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.losses.bce import BCE, bce
from cxr_xai.losses.focal import Focal, focal, make_alpha


def test_by_hand() -> None:
    logits = torch.tensor([[math.log(3), math.log(3)]])  # probability 3/4
    loss = focal(logits, torch.tensor([[1.0, 0.0]]), gamma=2, alpha=0.25)
    expected = torch.tensor([[0.25 * (1 / 16) * math.log(4 / 3), 0.75 * (9 / 16) * math.log(4)]])
    torch.testing.assert_close(loss, expected)


def test_gamma_zero_is_cross_entropy() -> None:
    values = []
    for loss in (Focal(gamma=0, alpha=None), BCE()):
        logits = torch.linspace(-100, 100, 28).reshape(2, 14).requires_grad_()
        target = torch.linspace(0, 1, 28).reshape(14, 2).T.clone()  # hard and soft
        target[1, ::3] = torch.nan
        value = loss(logits, target)
        value.backward()
        values.append((value, logits.grad))
    torch.testing.assert_close(*values, atol=1e-7, rtol=1e-6)
    logits, target = torch.randn(50, 14) * 5, (torch.rand(50, 14) < 0.5).float()
    torch.testing.assert_close(focal(logits, target, 0, None), bce(logits, target), atol=1e-6, rtol=1e-6)


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


def test_alpha_may_differ_between_findings() -> None:
    logits = torch.zeros(2, 2)
    loss = focal(logits, torch.tensor([[1.0, 1.0], [0.0, 0.0]]), gamma=0, alpha=torch.tensor([0.25, 0.9]))
    torch.testing.assert_close(loss, math.log(2) * torch.tensor([[0.25, 0.9], [0.75, 0.1]]))


def test_alpha_by_prevalence_lets_both_sides_weigh_alike() -> None:
    prevalence = torch.tensor([0.1] * 13 + [0.0])
    alpha = make_alpha("prevalence", prevalence)
    torch.testing.assert_close(alpha, torch.tensor([0.9] * 13 + [0.9999]))
    target = torch.zeros(10, 14)
    target[0] = 1
    logits = torch.zeros(10, 14, requires_grad=True)
    Focal(0, "prevalence", prevalence=prevalence)(logits, target).backward()
    gradient = logits.grad[:, :13]
    torch.testing.assert_close(gradient[0], -gradient[1:].sum(dim=0))
    with pytest.raises(UserError, match="needs the prevalence of the training part"):
        Focal(alpha="prevalence")


def test_alpha_as_the_command_line_gives_it() -> None:
    settings = {"_target_": "cxr_xai.losses.focal.Focal", "gamma": 2}
    weights = [n / 15 for n in range(1, 15)]
    torch.testing.assert_close(build({**settings, "alpha": weights}, "loss").alpha, torch.tensor(weights))
    assert build({**settings, "alpha": 0.25}, "loss").alpha == 0.25
    assert build(settings, "loss").alpha is None
    with pytest.raises(UserError, match=r"^loss\.alpha='often': expected "):
        build({**settings, "alpha": "often"}, "loss")


@pytest.mark.parametrize("alpha", [0, 1, 1.5, -0.1, [0.5] * 13 + [1]])
def test_an_alpha_that_erases_a_side_is_refused(alpha: float | list[float]) -> None:
    with pytest.raises(UserError, match=r"loss\.alpha is .*1 would erase all negatives"):
        Focal(alpha=alpha)


def test_an_alpha_for_other_findings_is_refused() -> None:
    with pytest.raises(UserError, match=r"loss\.alpha has 2 entries; give one for each of the 14 findings"):
        Focal(alpha=[0.2, 0.3])


@pytest.mark.parametrize("gamma", [-1, 0.5])
def test_an_impossible_gamma_is_refused(gamma: float) -> None:
    with pytest.raises(UserError, match=r"loss\.gamma is"):
        Focal(gamma=gamma)
