"""An average worked out by hand, in the model when it is looked at and out of it when training goes on."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning import Callback, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cxr_xai.artifacts.checkpoint import AVERAGE
from cxr_xai.callbacks.ema import Ema, average_into, warm_decay
from cxr_xai.errors import UserError


class Climber(lightning.LightningModule):
    """One weight that rises by 1 at every step, from 0; BatchNorm sees films that are all 1; one weight is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Module()
        self.model.weight = nn.Parameter(torch.zeros(()))
        self.model.frozen = nn.Parameter(torch.tensor(0.1), requires_grad=False)
        self.model.norm = nn.BatchNorm1d(1)
        self.validated: list[float] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.model.norm(batch)
        loss: Tensor = -self.model.weight
        return loss

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.validated.append(self.model.weight.item())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD([self.model.weight], lr=1.0)


class Look(Callback):
    """Notes the weight where maps are made, and where training goes on."""

    def __init__(self) -> None:
        self.explained: list[float] = []
        self.trained: list[float] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.explained.append(pl_module.model.weight.item())

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.trained.append(pl_module.model.weight.item())


def fit(ema: Ema, *others: Callback, **options: Any) -> tuple[Climber, Trainer]:
    module, films = Climber(), torch.ones(4, 1)
    trainer = Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[ema, *others],
        **options,
    )
    trainer.fit(module, DataLoader(films, batch_size=2), DataLoader(films, batch_size=4))
    return module, trainer


def average_by_hand(values: list[float], decay: float, begin: float = 0.0) -> float:
    for step, value in enumerate(values, start=1):
        share = min(decay, (1 + step) / (10 + step))
        begin = share * begin + (1 - share) * value
    return begin


@pytest.mark.filterwarnings("ignore:.*num_workers|.*log_every_n_steps|.*bottleneck:UserWarning")
def test_the_average_is_looked_at_and_the_raw_weights_train_on() -> None:
    look = Look()
    module, _ = fit(Ema(0.2), look)
    first, second = average_by_hand([1, 2], 0.2), average_by_hand([1, 2, 3, 4], 0.2)
    assert look.trained == [0, 1, 2, 3]
    assert look.explained == pytest.approx([first, second])
    assert module.validated == pytest.approx([first, second])
    assert module.model.weight.item() == 4, "a longer run goes on from here"


@pytest.mark.filterwarnings("ignore:.*num_workers|.*log_every_n_steps|.*bottleneck:UserWarning")
def test_checkpoints_hold_both_and_statistics_are_averaged(tmp_path: Path) -> None:
    class Save(Callback):
        def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
            trainer.save_checkpoint(tmp_path / "best", weights_only=True)

        def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
            trainer.save_checkpoint(tmp_path / "last", weights_only=False)

    fit(Ema(0.2), Save())
    best, last = (torch.load(tmp_path / name, weights_only=True) for name in ("best", "last"))
    assert AVERAGE not in best
    assert best["state_dict"]["model.weight"].item() == pytest.approx(average_by_hand([1, 2, 3, 4], 0.2))
    means = [1 - 0.9**step for step in (1, 2, 3, 4)]  # BatchNorm's own momentum of .1
    assert best["state_dict"]["model.norm.running_mean"].item() == pytest.approx(average_by_hand(means, 0.2))
    assert best["state_dict"]["model.norm.num_batches_tracked"].item() == 4
    assert last["state_dict"]["model.weight"].item() == 2
    assert last[AVERAGE]["model.weight"].item() == pytest.approx(average_by_hand([1, 2], 0.2))
    assert last[AVERAGE].keys() == last["state_dict"].keys()
    assert torch.equal(last[AVERAGE]["model.frozen"], torch.tensor(0.1)), "to the last bit"


@pytest.mark.filterwarnings("ignore:.*num_workers|.*log_every_n_steps|.*bottleneck:UserWarning")
def test_batches_of_one_optimizer_step_count_once() -> None:
    module, _ = fit(Ema(0.2), accumulate_grad_batches=2)
    assert module.validated == pytest.approx([average_by_hand([1], 0.2), average_by_hand([1, 2], 0.2)])


def test_the_decay_warms_up() -> None:
    assert [warm_decay(0.9, step) for step in (1, 10, 79, 81, 1000)] == pytest.approx(
        [2 / 11, 11 / 20, 80 / 89, 0.9, 0.9]
    )


def test_an_average_moves_in_place() -> None:
    average, weights = {"w": torch.zeros(2), "n": torch.tensor(3)}, {"w": torch.ones(2), "n": torch.tensor(7)}
    kept = average["w"]
    average_into(average, weights, 0.75)
    assert kept.tolist() == [0.25, 0.25]
    assert average["n"].item() == 7


@pytest.mark.parametrize("decay", [-0.1, 1.0, 1.5])
def test_a_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(UserError, match=r"callbacks\.ema\.decay is .*; it must be at least 0 and below 1"):
        Ema(decay)
