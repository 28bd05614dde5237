"""Who steps a scheduler, and where it takes up again."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer
from torch import Tensor, nn
from torch.optim.lr_scheduler import MultiStepLR, OneCycleLR, ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

from cxr_xai.errors import UserError
from cxr_xai.training.schedulers.cosine import Cosine
from cxr_xai.training.schedulers.one_cycle import OneCycle
from cxr_xai.training.schedulers.start import start_scheduler

OURS = [partial(Cosine, epochs=4, warmup=0.3), partial(OneCycle, epochs=4)]


def make_optimizer(lr: float = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))]}], lr=lr, momentum=0.9)


def rates(scheduler: Any, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("make", [*OURS, partial(OneCycleLR, max_lr=0.1, epochs=4)])
def test_what_takes_steps_per_epoch_is_stepped_with_the_optimizer(make: Any) -> None:
    started = start_scheduler(make, make_optimizer(), None, "val/loss")
    assert started["interval"] == "step"


@pytest.mark.parametrize("make", [partial(MultiStepLR, milestones=[2]), ReduceLROnPlateau])
def test_others_go_by_epochs(make: Any) -> None:
    started = start_scheduler(make, make_optimizer(), None, "val/loss")
    assert (started["interval"], started["monitor"]) == ("epoch", "val/loss")


class Line(LightningModule):
    """Notes the rate that every step is taken with."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.line, self.make = nn.Linear(2, 1), make
        self.taken: list[float] = []

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        loss: Tensor = self.line(batch[0]).square().mean()
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.taken.append(optimizer.param_groups[0]["lr"])

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.line.parameters(), lr=0.1, momentum=0.9)
        return {"optimizer": optimizer, "lr_scheduler": start_scheduler(self.make, optimizer, self.trainer, "loss")}


@pytest.mark.parametrize("make", OURS)
@pytest.mark.parametrize(
    ("limits", "steps"),
    [
        ({}, 5),
        ({"accumulate_grad_batches": 2}, 3),  # the fifth batch makes a step of its own
        ({"limit_train_batches": 3}, 3),
        ({"limit_train_batches": 0.8, "accumulate_grad_batches": 3}, 2),
    ],
)
def test_the_trainer_tells_how_many_steps_an_epoch_has(make: Any, limits: dict[str, Any], steps: int) -> None:
    module = Line(make)
    trainer = Trainer(
        max_epochs=4,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **limits,
    )
    trainer.fit(module, DataLoader(TensorDataset(torch.ones(10, 2)), batch_size=2))
    assert trainer.global_step == trainer.estimated_stepping_batches == 4 * steps
    assert module.taken == rates(make(make_optimizer(), steps_per_epoch=steps), 4 * steps)


@pytest.mark.parametrize("make", OURS)
def test_a_scheduler_takes_up_where_it_was(make: Any) -> None:
    whole = make(make_optimizer(), steps_per_epoch=6)
    expected = rates(whole, 24)
    cut = make(make_optimizer(), steps_per_epoch=6)
    rates(cut, 7)
    again = make(make_optimizer(), steps_per_epoch=6)
    again.optimizer.load_state_dict(cut.optimizer.state_dict())
    again.load_state_dict(cut.state_dict())
    assert rates(again, 17) == expected[7:]


@pytest.mark.parametrize("make", OURS)
def test_with_other_steps_per_epoch_it_keeps_its_epoch(make: Any) -> None:
    before = make(make_optimizer(), steps_per_epoch=20)
    rates(before, 40)
    again = make(make_optimizer(), steps_per_epoch=10)
    again.load_state_dict(before.state_dict())
    rates(again, 1)
    assert rates(again, 19) == rates(make(make_optimizer(), steps_per_epoch=10), 40)[21:]


@pytest.mark.parametrize("make", OURS)
def test_a_checkpoint_of_it_loads_as_weights_do(make: Any, tmp_path: Path) -> None:
    state = make(make_optimizer(), steps_per_epoch=3).state_dict()
    torch.save(state, tmp_path / "state.ckpt")
    assert torch.load(tmp_path / "state.ckpt", weights_only=True) == state


@pytest.mark.parametrize("make", [Cosine, OneCycle])
def test_a_plan_of_no_length_is_refused(make: Any) -> None:
    with pytest.raises(UserError, match=r"^scheduler\.epochs=0; a plan has 1 epoch or more"):
        make(make_optimizer(), steps_per_epoch=3, epochs=0)
