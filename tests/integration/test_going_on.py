"""A run that is cut in mid-epoch goes on at the very step and ends as one that never was: every bit of it."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lightning import Callback

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.checkpoints import Checkpoints
from cxr_xai.errors import UserError
from cxr_xai.experiments.assemble import Parts, assemble, build_datamodule
from cxr_xai.experiments.resume import find_checkpoint, read_best
from cxr_xai.experiments.run import fit
from cxr_xai.signals import Interrupted

Compose = Callable[..., tuple[dict[str, Any], dict[str, str]]]
Run = Callable[..., Parts]
Same = Callable[[RunFolder, RunFolder], None]

STEPS = ("datamodule.batch_size=4", "callbacks.checkpoint.every_n_steps=2")  # 15 steps an epoch
DRAWN = ("datamodule.num_workers=1", "balancing=sampler", "transform=advanced", "transform.mixup=0.4")
BLENDED = ("balancing=smote", "balancing.findings=[Effusion]")
LIMITED = ("+trainer.limit_train_batches=9", "trainer.accumulate_grad_batches=2", "trainer.max_epochs=3")
GUIDED = ("datamodule.num_workers=1", "transform=standard", "split=patient", "guidance=energy")
PLATEAU = ("scheduler=plateau", "scheduler.patience=0", "scheduler.factor=0.5")
CLIPPED = (*LIMITED, "trainer.gradient_clip_val=0.5")
COSINE = (*CLIPPED, "scheduler=cosine", "scheduler.warmup=0.3", "optimizer=adamw", "datamodule.num_workers=1")
ONE_CYCLE = (*CLIPPED, "scheduler=one_cycle", "optimizer=sgd", "balancing=sampler")
STEPWISE = (*PLATEAU, "+trainer.max_steps=20", "trainer.max_epochs=-1", "callbacks.early_stopping=null")
RARELY = ("+trainer.check_val_every_n_epoch=2", "trainer.max_epochs=3")
AVERAGED = ("callbacks=ema", "callbacks.ema.decay=0.9")
OFTEN = ("+trainer.val_check_interval=0.34",)  # after every fifth batch
SELDOM = ("+trainer.val_check_interval=0.4",)  # after the sixth and the twelfth of fifteen
SELECTING = (
    "split=patient",
    "split.selection=0.5",
    "callbacks.checkpoint.monitor=selection/score",
    "callbacks.checkpoint.mode=max",
)
EVERYTHING = (*GUIDED, *AVERAGED, *SELECTING, "finetune=gradual")


class Cut(Exception):
    """Stands in for whatever ends a process."""


class At(Callback):
    """Does something before the batch that follows a step, or in the validation that follows an epoch."""

    def __init__(self, do: Callable[[], None], step: int | None = None, validation: int | None = None) -> None:
        self.do, self.step, self.validation = do, step, validation

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == self.step:
            self.do()

    def on_validation_batch_start(self, trainer: Any, *_: Any) -> None:
        if trainer.current_epoch == self.validation:
            self.do()


def cut() -> None:
    raise Cut


@pytest.fixture
def run(compose: Compose, tmp_path: Path) -> Run:
    """``run("name", *overrides, at=…)`` trains in the folder of that name, from where it is."""

    def train(name: str, *overrides: str, at: At | None = None) -> Parts:
        settings, choices = compose(*STEPS, *overrides)
        parts = assemble(settings, choices, RunFolder(tmp_path / name), build_datamodule(settings), "cell")
        if at is not None:
            parts.trainer.callbacks.insert(0, at)  # type: ignore[attr-defined]
        fit(parts, settings["seed"])
        return parts

    return train


@pytest.mark.parametrize(
    ("overrides", "steps"),
    [
        pytest.param(DRAWN, (5, 20), id="drawn"),
        pytest.param(LIMITED, (7,), id="limited"),
        pytest.param(COSINE, (8,), id="cosine"),
        pytest.param(ONE_CYCLE, (3, 11), id="one_cycle", marks=pytest.mark.slow),
        pytest.param(STEPWISE, (15, 18), id="stepwise"),
        pytest.param(AVERAGED, (5, 15, 20), id="averaged"),
        pytest.param(SELECTING, (6, 20), id="selecting"),
        pytest.param(SELDOM, (14, 29), id="seldom", marks=pytest.mark.slow),
        pytest.param(OFTEN, (6, 25), id="often", marks=pytest.mark.slow),
        pytest.param(BLENDED, (19,), id="blended", marks=pytest.mark.slow),
        pytest.param(GUIDED, (5, 20), id="guided", marks=pytest.mark.slow),
        pytest.param(EVERYTHING, (5, 20), id="everything", marks=pytest.mark.slow),
        pytest.param(RARELY, (20, 32), id="rarely", marks=pytest.mark.slow),
    ],
)
def test_cut_in_mid_epoch(run: Run, require_same: Same, overrides: tuple[str, ...], steps: tuple[int, ...]) -> None:
    whole = run("whole", *overrides)
    for step in steps:
        with pytest.raises(Cut):
            run("cut", *overrides, at=At(cut, step))
    require_same(whole.folder, run("cut", *overrides).folder)


def test_a_curve_planned_for_its_length_may_be_followed_in_portions(run: Run, require_same: Same) -> None:
    planned = ("scheduler=cosine", "scheduler.epochs=2")
    whole = run("whole", *planned)
    first = run("parts", *planned, "trainer.max_epochs=1")
    assert first.trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(5e-4, rel=0.1), "half of the way down"
    require_same(whole.folder, run("parts", *planned).folder)


def test_a_signal_lets_the_step_end(run: Run, require_same: Same) -> None:
    whole = run("whole")
    with pytest.raises(Interrupted, match=r"stopped by SIGUSR1 \(step 18, epoch 1\): the same command continues"):
        run("cut", "callbacks.checkpoint.every_n_steps=200", at=At(lambda: os.kill(os.getpid(), signal.SIGUSR1), 17))
    with pytest.raises(Interrupted, match=r"stopped by SIGTERM \(step 29, epoch 1\)"):
        run("cut", at=At(lambda: os.kill(os.getpid(), signal.SIGTERM), validation=1))
    require_same(whole.folder, run("cut").folder)


def test_the_one_before_is_used_where_the_last_is_torn(
    run: Run, require_same: Same, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = run("whole")
    with pytest.raises(Cut):
        run("cut", at=At(cut, 21))
    folder = RunFolder(whole.folder.path.with_name("cut"))
    folder.last.write_bytes(folder.last.read_bytes()[:-1000])
    capsys.readouterr()
    with pytest.raises(Cut):
        run("cut", at=At(cut, 21))
    printed = capsys.readouterr().out
    assert "last.ckpt is torn, or no checkpoint; going on from previous.ckpt" in printed
    assert "continuing after 19 steps, 1 finished epochs" in printed
    require_same(whole.folder, run("cut").folder)


def test_best_weights_in_place_of_the_last_do_not_do(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Cut):
        run("cut", at=At(cut, 21))
    parts = run("cut", at=At(cut))
    folder = parts.folder
    folder.last.write_bytes(folder.best.read_bytes())
    assert (found := find_checkpoint(parts)) is not None
    assert found.path == folder.previous
    assert "last.ckpt holds weights only; going on from previous.ckpt" in capsys.readouterr().out


def test_nothing_usable_is_an_error_and_not_a_new_start(run: Run) -> None:
    with pytest.raises(Cut):
        run("cut", at=At(cut, 1))
    parts = run("cut")  # nothing was written yet, so nothing is lost
    folder = parts.folder
    for path in (folder.last, folder.best):
        path.write_bytes(b"PK")
    folder.previous.unlink()
    message = r"last\.ckpt is torn, or no checkpoint and previous\.ckpt is missing, so the run cannot go on; fresh=true"
    with pytest.raises(UserError, match=message):
        find_checkpoint(parts)
    folder.last.unlink()
    with pytest.raises(UserError, match=r"last\.ckpt is missing and previous\.ckpt is missing.*fresh=true"):
        find_checkpoint(parts)
    with pytest.raises(UserError, match=r"best\.ckpt is torn, or no checkpoint, and only training .*fresh=true"):
        read_best(parts)


def test_fewer_epochs_than_are_finished_is_an_error(run: Run) -> None:
    run("whole")
    with pytest.raises(UserError, match=r"has 2 finished epochs and trainer\.max_epochs=1; use trainer\.max_epochs=2"):
        run("whole", "trainer.max_epochs=1")


def test_in_mid_epoch_the_number_of_processes_stays(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = run("whole", "trainer.max_epochs=1")
    with pytest.raises(Cut):
        run("cut", at=At(cut, 17))
    monkeypatch.setattr(type(parts.trainer), "world_size", 2)
    assert find_checkpoint(parts) is not None, "between epochs they may be more"
    with pytest.raises(
        UserError, match=r"cut in mid-epoch with 1 processes, and now there are 2; use trainer\.devices"
    ):
        find_checkpoint(replace(parts, folder=RunFolder(parts.folder.path.with_name("cut"))))


def test_early_stopping_stays_stopped(run: Run) -> None:
    overrides = ("callbacks.early_stopping.patience=1", "+callbacks.early_stopping.min_delta=9", "trainer.max_epochs=9")
    stopped = run("whole", *overrides)
    assert stopped.trainer.current_epoch == 2
    before = stopped.folder.last.read_bytes()
    again = run("whole", *overrides)
    assert again.trainer.current_epoch == 2
    assert again.folder.last.read_bytes() == before


@pytest.mark.parametrize("number", [0, -3])
def test_an_interval_below_one_is_refused(number: int, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"callbacks\.checkpoint\.every_n_steps is {number}; it must be 1 or more"):
        Checkpoints(RunFolder(tmp_path), {}, "val/loss", every_n_steps=number)


def test_a_monitor_that_nothing_logs_is_named(run: Run) -> None:
    with pytest.raises(UserError, match=r"monitor=val/auc: nothing of this name is logged; there are val/auroc/"):
        run("cut", "callbacks.checkpoint.monitor=val/auc", "trainer.max_epochs=1")
