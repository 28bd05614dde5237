"""The cycle, beside torch's own."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from cxr_xai.errors import UserError
from cxr_xai.training.schedulers.one_cycle import OneCycle


def make_optimizer(kind: Any = torch.optim.Adam, **options: Any) -> torch.optim.Optimizer:
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.1, 0.02)]
    optimizer: torch.optim.Optimizer = kind(groups, lr=0.1, **options)
    return optimizer


def follow(scheduler: OneCycleLR, steps: int) -> list[tuple[float, float]]:
    """Return rates and moments of both groups."""
    found = []
    for _ in range(steps):
        for group in scheduler.optimizer.param_groups:
            found.append((group["lr"], group["momentum"] if "momentum" in group else group["betas"][0]))
        scheduler.optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("make", [make_optimizer, lambda: make_optimizer(torch.optim.SGD, momentum=0.9, nesterov=True)])
def test_it_is_torchs_with_the_optimizers_rates_as_peaks(make: Any) -> None:
    ours = follow(OneCycle(make(), steps_per_epoch=5, epochs=4), 20)
    theirs = follow(OneCycleLR(make(), max_lr=[0.1, 0.02], total_steps=20), 20)
    assert ours == theirs
    assert max(ours)[0] == pytest.approx(0.1, rel=1e-3)


def test_after_the_plan_it_stays() -> None:
    scheduler = OneCycle(make_optimizer(), steps_per_epoch=5, epochs=2)
    last = follow(scheduler, 10)[-2:]
    assert follow(scheduler, 7) == last * 7
    assert last[0][0] == pytest.approx(0.1 / 25 / 1e4)


@pytest.mark.parametrize("steps", range(1, 13))
@pytest.mark.parametrize("pct_start", [0.1, 0.3, 0.5, 1 / 3, 0.9])
def test_any_length_has_a_curve(steps: int, pct_start: float) -> None:
    # Torch divides by 0 where the first step is the whole rise, as with 10 steps and 0.1.
    taken = follow(OneCycle(make_optimizer(), steps_per_epoch=steps, epochs=1, pct_start=pct_start), steps)
    assert all(0 < lr <= 0.1 + 1e-9 and 0.85 - 1e-9 <= moment <= 0.95 + 1e-9 for lr, moment in taken)


@pytest.mark.parametrize(
    ("key", "value"), [("pct_start", 0.0), ("pct_start", 1.0), ("div_factor", 0.0), ("final_div_factor", -1.0)]
)
def test_impossible_values_are_refused(key: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"^scheduler\.{key}={value}; it "):
        OneCycle(make_optimizer(), steps_per_epoch=3, epochs=4, **{key: value})


def test_without_momentum_there_is_nothing_to_cycle() -> None:
    with pytest.raises(ValueError, match="must support momentum or beta1"):
        OneCycle(make_optimizer(torch.optim.Adagrad), steps_per_epoch=3, epochs=4)
    OneCycle(make_optimizer(torch.optim.Adagrad), steps_per_epoch=3, epochs=4, cycle_momentum=False)
