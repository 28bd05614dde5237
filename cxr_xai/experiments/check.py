"""Choices that contradict each other, refused before anything heavy is imported."""

from collections.abc import Mapping
from typing import Any

from cxr_xai.errors import UserError

CHECKPOINTS = ("best", "last")
"""What a finished run may keep; the best one is what its numbers were made with."""


def check_choices(settings: Mapping[str, Any], choices: Mapping[str, str]) -> None:
    """Refuse what contradicts itself: a loss and a balancing that do not fit, a sweep without -m, a wrong plan.

    Args:
        settings: the resolved configuration.
        choices: the chosen member of each group.

    Raises:
        UserError: names both choices and a way out.
    """
    if asked := [key for key in ("ablation", "sweep", "dry_run") if settings.get(key)]:
        raise UserError(f"{asked[0]}= is about many runs; add -m: python scripts/train.py -m {asked[0]}=…")
    if "best" not in (kept := settings["keep"]) or not set(kept) <= set(CHECKPOINTS):
        raise UserError(f"keep={kept}: name best and, so that more epochs can be added, last.")
    _check_steps(settings["trainer"])
    _check_length(settings["trainer"])
    replicates = settings.get("bootstrap", 1)
    if not isinstance(replicates, int) or isinstance(replicates, bool) or replicates < 1:
        raise UserError(f"bootstrap={_show(replicates)}; it must be a whole number, 1 or more.")
    _check_plan(settings.get("scheduler", {}), settings["trainer"]["max_epochs"])
    needs, gives = settings["loss"]["needs"], settings["balancing"]["gives"]
    loss, balancing = f"loss={choices['loss']}", f"balancing={choices['balancing']}"
    if needs and needs != gives:
        raise UserError(f"{loss} needs a {needs}, and {balancing} gives none; use balancing={needs}, or loss=bce.")
    if gives and needs != gives:
        raise UserError(
            f"{balancing} computes a {gives} that {loss} would not use; use loss=weighted_bce, or balancing=none."
        )
    if not str(settings["monitor"]).startswith("val/"):
        raise UserError(
            f"monitor={settings['monitor']}: only values of val may choose checkpoints (val/loss, val/auroc/macro); "
            "boxes and test are for scoring."
        )
    if settings.get("plan") is not None:
        from cxr_xai.artifacts.plan import read_plan  # pandas comes with it, and --help does without

        read_plan(settings["plan"])


def _check_length(trainer: Mapping[str, Any]) -> None:
    """Refuse what would end a run elsewhere than after its epochs, for these are what tells a complete one."""
    epochs = trainer["max_epochs"]
    if not isinstance(epochs, int) or epochs < 1:
        raise UserError(f"trainer.max_epochs={_show(epochs)}; it must be a whole number, 1 or more.")
    steps, batches = trainer.get("max_steps", -1), trainer.get("limit_train_batches")
    pinned = isinstance(batches, int) and steps == epochs * batches / (trainer.get("accumulate_grad_batches") or 1)
    if steps != -1 and not pinned:
        raise UserError(
            f"trainer.max_steps={_show(steps)} would end the run within its epochs; leave it out and use "
            "trainer.max_epochs, with trainer.limit_train_batches for shorter ones."
        )
    if trainer.get("check_val_every_n_epoch", 1) is None:
        raise UserError(
            "trainer.check_val_every_n_epoch=null would count batches over epochs, from where no run can go on; use 1 "
            "or more."
        )


def _show(value: Any) -> str:
    return "null" if value is None else str(value)


def _check_steps(trainer: Mapping[str, Any]) -> None:
    """Refuse what the trainer would take and not do: no batches to a step, a limit that clips nothing."""
    batches, limit = trainer.get("accumulate_grad_batches", 1), trainer.get("gradient_clip_val")
    if not isinstance(batches, int) or isinstance(batches, bool) or batches < 1:
        raise UserError(f"trainer.accumulate_grad_batches={_show(batches)}; it must be a whole number, 1 or more.")
    if limit is not None and (not isinstance(limit, int | float) or isinstance(limit, bool) or limit <= 0):
        raise UserError(f"trainer.gradient_clip_val={limit}; it must be above 0, or null to clip nothing.")


def _check_plan(scheduler: Mapping[str, Any], epochs: int) -> None:
    """Refuse epochs behind the end of a learning rate's curve, which would be another curve in a longer run."""
    planned = scheduler.get("epochs")
    if isinstance(planned, int) and planned < epochs:
        raise UserError(
            f"scheduler.epochs={planned} ends the learning rate's curve before trainer.max_epochs={epochs}; leave it "
            "out for a run of that length, or use scheduler=plateau, to which epochs can be added."
        )
