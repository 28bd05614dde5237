"""Contradictory choices."""

from typing import Any

import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.check import check_choices


def check(
    loss: str, needs: str | None, balancing: str, gives: str | None, monitor: str = "val/loss", **trainer: Any
) -> None:
    settings = {"loss": {"needs": needs}, "balancing": {"gives": gives}, "keep": ["best", "last"], "monitor": monitor}
    settings["trainer"] = {"max_epochs": 3, **trainer}
    check_choices(settings, {"loss": loss, "balancing": balancing})


def test_matching_choices_pass() -> None:
    check("bce", None, "none", None)
    check("weighted_bce", "pos_weight", "pos_weight", "pos_weight")


def test_a_loss_without_its_weights_is_refused() -> None:
    with pytest.raises(UserError, match="loss=weighted_bce needs a pos_weight, and balancing=none gives none"):
        check("weighted_bce", "pos_weight", "none", None)


def test_weights_without_a_user_are_refused() -> None:
    with pytest.raises(UserError, match="balancing=pos_weight computes a pos_weight that loss=focal would not use"):
        check("focal", None, "pos_weight", "pos_weight")


@pytest.mark.parametrize("monitor", ["probe/iou/micro", "test/auroc/macro"])
def test_boxes_and_test_choose_no_checkpoint(monitor: str) -> None:
    with pytest.raises(UserError, match="only values of val"):
        check("bce", None, "none", None, monitor)


@pytest.mark.parametrize(("key", "value"), [("ablation", {"arms": {}}), ("sweep", {"seed": {}}), ("dry_run", True)])
def test_what_is_about_many_runs_needs_m(key: str, value: object) -> None:
    with pytest.raises(UserError, match=f"{key}= is about many runs; add -m"):
        check_choices({key: value}, {})


@pytest.mark.parametrize("kept", [[], ["last"], ["best", "previous"]])
def test_the_best_checkpoint_is_kept(kept: list[str]) -> None:
    with pytest.raises(UserError, match="name best and"):
        check_choices({"keep": kept}, {})


@pytest.mark.parametrize("replicates", ["abc", 0, True, 1.5])
def test_replicates_are_counted_before_anything_is_trained(replicates: Any) -> None:
    settings = {"keep": ["best"], "trainer": {"max_epochs": 1}, "bootstrap": replicates}
    with pytest.raises(UserError, match=f"bootstrap={replicates}; it must be a whole number, 1 or more"):
        check_choices(settings, {})


@pytest.mark.parametrize("epochs", [None, -1, 0, 2.5])
def test_epochs_are_counted(epochs: float | None) -> None:
    shown = "null" if epochs is None else epochs
    with pytest.raises(UserError, match=rf"^trainer\.max_epochs={shown}; it must be a whole number, 1 or more\.$"):
        check("bce", None, "none", None, max_epochs=epochs)


@pytest.mark.parametrize("batches", [0, -1, 1.5, None, True])
def test_batches_to_a_step_are_counted(batches: Any) -> None:
    with pytest.raises(UserError, match=r"^trainer\.accumulate_grad_batches=.+; it must be a whole number, 1 or more"):
        check("bce", None, "none", None, accumulate_grad_batches=batches)


@pytest.mark.parametrize("limit", [0, -1.0, "much", True])
def test_a_limit_that_clips_nothing_is_refused(limit: Any) -> None:
    with pytest.raises(UserError, match=rf"^trainer\.gradient_clip_val={limit}; it must be above 0, or null"):
        check("bce", None, "none", None, gradient_clip_val=limit)


def test_no_epochs_behind_the_end_of_a_curve() -> None:
    settings: dict[str, Any] = {"keep": ["best"], "trainer": {"max_epochs": 4}, "scheduler": {"epochs": 3}}
    with pytest.raises(UserError, match=r"^scheduler\.epochs=3 ends .* before trainer\.max_epochs=4; leave it "):
        check_choices(settings, {})
    settings |= {"loss": {"needs": None}, "balancing": {"gives": None}, "monitor": "val/loss"}
    for planned in ({"epochs": 4}, {"epochs": 9}, {"milestones": [1]}):
        check_choices({**settings, "scheduler": planned}, {"loss": "bce", "balancing": "none"})


@pytest.mark.parametrize(
    "trainer",
    [
        {"max_steps": 4},
        {"max_steps": 0},
        {"max_steps": None},
        {"max_steps": 4, "limit_train_batches": 4},
        {"max_steps": 12, "limit_train_batches": 4, "accumulate_grad_batches": 2},
        {"max_steps": 12, "limit_train_batches": 0.5},
    ],
)
def test_steps_that_would_end_a_run_within_its_epochs_are_refused(trainer: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"^trainer\.max_steps=\w+ would end the run within its epochs; .*max_epochs"):
        check("bce", None, "none", None, **trainer)


def test_steps_that_a_sweep_pins_pass() -> None:
    check("bce", None, "none", None, max_steps=-1)
    check("bce", None, "none", None, max_steps=12, limit_train_batches=4)
    check("bce", None, "none", None, max_steps=6, limit_train_batches=4, accumulate_grad_batches=2)


def test_validation_keeps_to_epochs() -> None:
    with pytest.raises(UserError, match=r"trainer\.check_val_every_n_epoch=null .*use 1 or more"):
        check("bce", None, "none", None, check_val_every_n_epoch=None)
