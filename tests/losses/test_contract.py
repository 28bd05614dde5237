"""What every loss promises; runs over all of ``conf/loss``."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.losses.contract import mean_known, mix, soften

HANDED = {"pos_weight": torch.linspace(0.5, 20, 14), "prevalence": torch.linspace(0.02, 0.4, 14)}
LN2, LN4, LN4_3 = math.log(2), math.log(4), math.log(4 / 3)
WORKED = {
    "bce": (LN4_3, LN4),
    "weighted_bce": (0.5 * LN4_3, LN4),
    "focal": (LN4_3 / 16, LN4 * 9 / 16),
    "bce_focal": (LN4_3 * 17 / 32, LN4 * 25 / 32),
    "asymmetric": (LN4_3, -(0.7**4) * math.log(0.3)),
}
"""Of each member as ``conf/loss`` has it, by hand: a positive and a negative of the first finding at p = 3/4."""


@pytest.fixture
def loss(loss_settings: dict[str, Any]) -> nn.Module:
    return build(loss_settings, "loss", HANDED)


def make(seed: int = 0, rows: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, 14, generator=generator, dtype=torch.float32) * 3
    return logits, (torch.rand(rows, 14, generator=generator) < 0.3).float()


def test_a_scalar_that_is_not_negative(loss: nn.Module) -> None:
    value = loss(*make())
    assert value.shape == ()
    assert value.dtype == torch.float32
    assert value > 0


def test_by_hand(loss_settings: dict[str, Any], loss: nn.Module) -> None:
    logits = torch.full((1, 14), math.log(3))
    for label, expected in zip((1.0, 0.0), WORKED[loss_settings["_target_"].split(".")[-2]], strict=True):
        target = torch.full((1, 14), torch.nan)
        target[0, 0] = label
        torch.testing.assert_close(loss(logits, target), torch.tensor(expected))


def test_mean_known_by_hand() -> None:
    loss = torch.tensor([[1.0, 2.0], [3.0, 100.0]])
    assert mean_known(loss, torch.tensor([[0.0, 1.0], [1.0, torch.nan]])) == 2
    assert mean_known(loss, torch.full((2, 2), torch.nan)) == 0


def test_the_order_of_studies_does_not_matter(loss: nn.Module) -> None:
    logits, target = make()
    target[2, 5] = torch.nan
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(loss(logits[order], target[order]), loss(logits, target))


def test_a_soft_label_is_a_share_of_both(loss: nn.Module) -> None:
    # Films of mixup and smote carry such labels; a member that asks whether a label is 1 would take them for absent.
    logits, target = make()
    soft = target * 0.7 + 0.2
    expected = 0.2 * loss(logits, torch.ones_like(target)) + 0.1 * loss(logits, torch.zeros_like(target))
    torch.testing.assert_close(loss(logits, soft), expected + 0.7 * loss(logits, target))
    unknown = soft.clone()
    unknown[0, :5] = torch.nan
    known = [loss(logits[n : n + 1], unknown[n : n + 1]) * count for n, count in enumerate((9, 14, 14, 14, 14))]
    torch.testing.assert_close(loss(logits, unknown), torch.stack(known).sum() / 65)


def test_smoothing_moves_labels_while_training_only(loss_settings: dict[str, Any], loss: nn.Module) -> None:
    logits, target = make()
    target[1, :5] = torch.nan
    smoothed = build({**loss_settings, "smoothing": 0.2}, "loss", HANDED)
    torch.testing.assert_close(smoothed(logits, target), loss(logits, target * 0.8 + 0.1))
    assert smoothed(logits, target) != loss(logits, target)
    torch.testing.assert_close(smoothed.eval()(logits, target), loss(logits, target))
    logits.requires_grad_()
    smoothed.train()(logits, target).backward()
    assert (logits.grad[target.isnan()] == 0).all()


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_smoothing_that_erases_labels_is_refused(loss_settings: dict[str, Any], smoothing: float) -> None:
    with pytest.raises(UserError, match=rf"^loss\.smoothing is {smoothing}; it must be 0 or more, and below 1"):
        build({**loss_settings, "smoothing": smoothing}, "loss", HANDED)


def test_labels_are_softened_and_mixed_by_hand() -> None:
    target = torch.tensor([[0.0, 1.0, 0.5, torch.nan]])
    softened = torch.tensor([[0.05, 0.95, 0.5, torch.nan]])
    torch.testing.assert_close(soften(target, 0.1), softened, equal_nan=True)
    assert soften(target, 0) is target
    mixed = mix(target, torch.tensor([[1.0, 2, 3, 4]]), torch.tensor([[10.0, 20, 30, 40]]))
    assert mixed.tolist() == [[10, 2, 16.5, 40]]


def test_unknown_labels_have_no_say_and_no_gradient(loss: nn.Module) -> None:
    logits, target = make()
    logits = logits.clamp(min=-2.5)  # asymmetric says nothing about easier negatives
    unknown = torch.zeros_like(target, dtype=torch.bool)
    unknown[1, 3] = unknown[4, :7] = True
    logits.requires_grad_()
    value = loss(logits, target.masked_fill(unknown, torch.nan))
    value.backward()
    assert value.isfinite()
    assert (logits.grad[unknown] == 0).all()
    assert (logits.grad[~unknown] != 0).all()
    changed = loss(logits.detach().masked_fill(unknown, 50.0), target.masked_fill(unknown, torch.nan))
    torch.testing.assert_close(changed, value.detach())


def test_the_mean_is_over_known_labels(loss: nn.Module) -> None:
    logits, target = make(rows=4)
    doubled = torch.cat([target, torch.full_like(target, torch.nan)])
    torch.testing.assert_close(loss(torch.cat([logits, logits]), doubled), loss(logits, target))


def test_nothing_known_gives_zero_with_a_gradient(loss: nn.Module) -> None:
    logits = make()[0].requires_grad_()
    value = loss(logits, torch.full_like(logits, torch.nan))
    value.backward()
    assert value == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("logit", [-100.0, 100.0, 0.0])
@pytest.mark.parametrize("autocast", [False, True])
def test_finite_at_any_logit_in_any_precision(
    loss: nn.Module, logit: float, dtype: torch.dtype, autocast: bool
) -> None:
    logits = torch.full((4, 14), logit, dtype=dtype, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        value = loss(logits, torch.tensor([0, 1, 0.3, torch.nan])[:, None].expand(-1, 14))
    value.backward()
    assert value.dtype == torch.float32
    assert value.isfinite()
    assert logits.grad.isfinite().all()


def test_under_bf16_autocast_as_in_full_precision(loss: nn.Module) -> None:
    logits, target = make()
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(logits, target)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(logits, target))


def test_the_gradient_is_the_slope(loss: nn.Module) -> None:
    # The loss works in float32, so slopes are measured over steps that float32 can see.
    logits, target = make(rows=1)
    logits.requires_grad_()
    loss(logits, target).backward()
    step = 1e-2
    for k in range(14):
        ahead, behind = (logits.detach().index_add(1, torch.tensor([k]), torch.full((1, 1), s)) for s in (step, -step))
        slope = (loss(ahead, target) - loss(behind, target)) / (2 * step)
        torch.testing.assert_close(slope, logits.grad[0, k], atol=2e-4, rtol=1e-2)


def test_right_is_cheaper_than_wrong(loss: nn.Module) -> None:
    target = make()[1]
    right = (2 * target - 1) * 3
    assert loss(right, target) < loss(torch.zeros_like(target), target) < loss(-right, target)


def test_positives_and_negatives_both_teach(loss: nn.Module) -> None:
    # A focal loss with alpha = 1 would leave negatives without a gradient.
    logits = torch.zeros(2, 14, requires_grad=True)
    loss(logits, torch.stack([torch.zeros(14), torch.ones(14)])).backward()
    assert (logits.grad[0] > 0).all()
    assert (logits.grad[1] < 0).all()
