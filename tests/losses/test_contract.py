"""What every loss promises; runs over all of ``conf/loss``."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cxr_xai.experiments.build import build


@pytest.fixture
def loss(loss_settings: dict[str, Any]) -> nn.Module:
    return build(loss_settings, "loss", {"pos_weight": torch.linspace(0.5, 20, 14)})


def make(seed: int = 0, rows: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, 14, generator=generator, dtype=torch.float32) * 3
    return logits, (torch.rand(rows, 14, generator=generator) < 0.3).float()


def test_a_scalar_that_is_not_negative(loss: nn.Module) -> None:
    value = loss(*make())
    assert value.shape == ()
    assert value.dtype == torch.float32
    assert value > 0


def test_unknown_labels_have_no_say_and_no_gradient(loss: nn.Module) -> None:
    logits, target = make()
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
def test_finite_at_any_logit_in_any_precision(loss: nn.Module, logit: float, dtype: torch.dtype) -> None:
    logits = torch.full((2, 14), logit, dtype=dtype, requires_grad=True)
    value = loss(logits, torch.stack([torch.zeros(14), torch.ones(14)]))
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
