"""Labels counted as they are served, on every rank, beside what was expected."""

from types import SimpleNamespace
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from torch import Tensor

from cxr_xai.callbacks.frequencies import Frequencies, count_labels
from cxr_xai.findings import FINDINGS
from cxr_xai.types import Batch

NAN = torch.nan
EXPECTED = SimpleNamespace(drawn_prevalence=np.linspace(0, 0.26, 14))


def batch(*rows: list[float], device: str = "cpu") -> Batch:
    """Studies whose first findings are ``rows``; the other findings are absent."""
    target = torch.zeros(len(rows), 14)
    for number, row in enumerate(rows):
        target[number, : len(row)] = torch.tensor(row)
    return Batch(torch.arange(len(rows)), torch.zeros(len(rows), 1, 32, 32), target.to(device))


class Module:
    """What the callback needs of a LightningModule."""

    def __init__(self) -> None:
        self.logged: dict[str, float] = {}

    def log_dict(self, values: dict[str, float], **options: Any) -> None:
        self.logged |= values


class Trainer:
    """What the callback needs of a trainer: ``ranks`` that all serve the same."""

    def __init__(self, ranks: int = 1) -> None:
        self.strategy, self.ranks, self.reduced = self, ranks, 0

    def reduce(self, counts: Tensor, reduce_op: str) -> Tensor:
        assert reduce_op == "sum"
        self.reduced += 1
        return counts * self.ranks


def run_epoch(callback: Frequencies, batches: list[Batch], trainer: Any) -> dict[str, float]:
    module: Any = Module()
    callback.on_train_epoch_start(trainer, module)
    for number, served in enumerate(batches):
        callback.on_train_batch_start(trainer, module, served, number)
    assert trainer.reduced == 0, "ranks wait for each other once, at the end"
    callback.on_train_epoch_end(trainer, module)
    logged: dict[str, float] = module.logged
    return logged


@pytest.mark.parametrize("ranks", [1, 2])
def test_shares_of_known_labels_over_the_epoch(ranks: int) -> None:
    batches = [batch([1, NAN, NAN], [0, 1, NAN]), batch([0, 0, NAN])]
    logged = run_epoch(Frequencies(EXPECTED), batches, Trainer(ranks))
    realized = [logged[f"train/frequency/{name}"] for name in FINDINGS]
    np.testing.assert_allclose(realized, [1 / 3, 1 / 2, np.nan] + [0] * 11)
    assert [logged[f"train/frequency_expected/{name}"] for name in FINDINGS] == pytest.approx(np.linspace(0, 0.26, 14))
    assert len(logged) == 28


def test_epochs_are_counted_apart() -> None:
    callback = Frequencies(EXPECTED)
    for share, rows in ((0.5, [[1], [0]]), (0.0, [[0]])):
        logged = run_epoch(callback, [batch(*rows)], Trainer())
        assert logged["train/frequency/Atelectasis"] == share


@pytest.mark.parametrize("rank", [0, 1])
def test_a_cut_in_mid_epoch_loses_no_label(rank: int) -> None:
    trainer: Any = Trainer(ranks=2)
    trainer.is_global_zero, trainer.root_device = rank == 0, "cpu"
    before, after, checkpoint = Frequencies(EXPECTED), Frequencies(EXPECTED), dict[str, Any]()
    before.on_save_checkpoint(trainer, Module(), checkpoint)  # type: ignore[arg-type]
    assert checkpoint == {}
    before.on_train_batch_start(trainer, Module(), batch([1], [0]), 0)  # type: ignore[arg-type]
    before.on_save_checkpoint(trainer, Module(), checkpoint)  # type: ignore[arg-type]
    after.on_load_checkpoint(trainer, Module(), checkpoint)  # type: ignore[arg-type]
    assert checkpoint["frequencies"][:, 0].tolist() == [2, 4], "what both ranks counted"
    if rank == 0:
        assert after._counts is not None
        assert after._counts[:, 0].tolist() == [2, 4]
    else:
        assert after._counts is None, "one rank holds them all"


def test_an_epoch_without_batches_logs_nothing() -> None:
    assert run_epoch(Frequencies(EXPECTED), [], Trainer()) == {}


def test_soft_labels_count_by_their_value() -> None:
    logged = run_epoch(Frequencies(EXPECTED), [batch([0.3, 1]), batch([0.7, 0.25])], Trainer())
    assert logged["train/frequency/Atelectasis"] == pytest.approx(0.5)
    assert logged["train/frequency/Cardiomegaly"] == pytest.approx(0.625)


def test_counting_never_waits_for_the_device() -> None:
    """A meta tensor has no values: whatever asked for one would fail."""
    callback, module = Frequencies(EXPECTED), Module()
    for number in range(3):
        callback.on_train_batch_start(Trainer(), module, batch([1], device="meta"), number)  # type: ignore[arg-type]


def test_half_precision_targets_do_not_lose_counts() -> None:
    served = torch.ones(3001, 2, dtype=torch.bfloat16)  # bfloat16 counts to 256
    assert count_labels(served).tolist() == [[3001, 3001], [3001, 3001]]


def test_in_a_real_fit_what_was_served_is_logged() -> None:
    class Constant(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.level = torch.nn.Parameter(torch.zeros(14))

        def training_step(self, served: Batch, number: int) -> Tensor:
            return (self.level - served.target).square().nansum()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.0)

    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        callbacks=[Frequencies(EXPECTED)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = torch.utils.data.DataLoader([batch([1, NAN], [0, NAN]), batch([1, 0])], batch_size=None)
    trainer.fit(Constant(), loader)
    metrics = trainer.callback_metrics
    assert metrics["train/frequency/Atelectasis"] == pytest.approx(2 / 3)
    assert metrics["train/frequency/Cardiomegaly"] == 0
    assert metrics["train/frequency_expected/Hernia"] == pytest.approx(0.26)
