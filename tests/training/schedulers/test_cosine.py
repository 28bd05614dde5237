"""The cosine with its warm-up."""

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from cxr_xai.errors import UserError
from cxr_xai.training.schedulers.cosine import Cosine, cosine


def make_optimizer() -> torch.optim.Optimizer:
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.1, 0.02)]
    return torch.optim.SGD(groups, lr=0.1)


def rates(scheduler: torch.optim.lr_scheduler.LRScheduler, steps: int) -> list[list[float]]:
    found = []
    for _ in range(steps):
        found.append([group["lr"] for group in scheduler.optimizer.param_groups])
        scheduler.optimizer.step()
        scheduler.step()
    return found


def test_by_hand() -> None:
    assert [cosine(step, total=8, warmup=0, end=0.0) for step in (0, 4, 8, 9)] == pytest.approx([1, 0.5, 0, 0])
    assert [cosine(step, total=5, warmup=3, end=0.2) for step in range(6)] == pytest.approx(
        [0.25, 0.5, 0.75, 1, 0.6, 0.2]
    )


def test_it_rises_once_and_falls_once() -> None:
    shares = [cosine(step, total=100, warmup=10, end=0.0) for step in range(100)]
    assert shares.index(1.0) == 10
    assert shares[:11] == sorted(shares[:11])
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert min(shares) > 0, "every step learns"


def test_without_warm_up_it_is_torchs() -> None:
    ours = rates(Cosine(make_optimizer(), steps_per_epoch=5, epochs=4, end=0.0), 20)
    theirs = rates(CosineAnnealingLR(make_optimizer(), T_max=20), 20)
    torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), atol=1e-8, rtol=1e-6)


def test_groups_keep_their_proportion() -> None:
    for one, two in rates(Cosine(make_optimizer(), steps_per_epoch=3, epochs=4, warmup=0.3, end=0.1), 12):
        assert one == pytest.approx(5 * two)


def test_a_run_of_one_step_takes_it_at_the_full_rate() -> None:
    assert rates(Cosine(make_optimizer(), steps_per_epoch=1, epochs=1, warmup=0.9), 2) == [[0.1, 0.02], [0.0, 0.0]]


@pytest.mark.parametrize(("key", "value"), [("warmup", 1.0), ("warmup", -0.1), ("end", 1.5), ("end", -1.0)])
def test_other_than_shares_are_refused(key: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"^scheduler\.{key}={value}; it is "):
        Cosine(make_optimizer(), steps_per_epoch=3, epochs=4, **{key: value})
