"""Choices that contradict each other, refused before anything heavy is imported."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxr_xai.errors import UserError

CHECKPOINTS = ("best", "last")
"""What a finished run may keep; the best one is what its numbers were made with."""


NO_MASKS = (
    "guidance=regions needs to know the regions of each film, and these data come without; use guidance.masks=FOLDER "
    "with a label image <image id>.png for each film, or guidance.masks=atlas, which is approximate."
)


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
    _check_length(settings["trainer"])
    replicates = settings.get("bootstrap", 1)
    if not isinstance(replicates, int) or isinstance(replicates, bool) or replicates < 1:
        raise UserError(f"bootstrap={_show(replicates)}; it must be a whole number, 1 or more.")
    needs, gives = settings["loss"]["needs"], settings["balancing"]["gives"]
    loss, balancing = f"loss={choices['loss']}", f"balancing={choices['balancing']}"
    if needs and needs != gives:
        raise UserError(f"{loss} needs a {needs}, and {balancing} gives none; use balancing={needs}, or loss=bce.")
    if gives and needs != gives:
        raise UserError(
            f"{balancing} computes a {gives} that {loss} would not use; use loss=weighted_bce, or balancing=none."
        )
    if settings.get("guidance", {}).get("needs"):
        _check_guidance(settings, choices)
    if not str(settings["monitor"]).startswith("val/"):
        raise UserError(
            f"monitor={settings['monitor']}: only values of val may choose checkpoints (val/loss, val/auroc/macro); "
            "boxes and test are for scoring."
        )
    if settings.get("plan") is not None:
        from cxr_xai.artifacts.plan import read_plan  # pandas comes with it, and --help does without

        read_plan(settings["plan"])


def _check_guidance(settings: Mapping[str, Any], choices: Mapping[str, str]) -> None:
    """Refuse guidance whose evidence is not there, as far as the settings tell."""
    guidance, chosen = settings["guidance"], f"guidance={choices['guidance']}"
    needs, split = guidance["needs"], choices["split"]
    pool = settings["split"].get("pool", "all")
    if needs == "boxes" and (split == "official" or pool == "train_val"):
        where = f"split={split}" + (f" split.pool={pool}" if pool == "train_val" else "")
        raise UserError(
            f"{chosen} trains on boxes, and {where} keeps the published test list whole, where all boxes are; use "
            "split=patient or split=kfold (split.pool=all), or guidance=regions or guidance=body, which need no boxes."
        )
    if needs in ("boxes", "regions") and settings["transform"].get("mixup"):
        raise UserError(
            f"{chosen} needs to know where a finding is, and transform.mixup={settings['transform']['mixup']} blends "
            "two films; use transform.mixup=0, or guidance=body."
        )
    if needs == "regions":
        _check_masks(guidance["masks"], choices["datamodule"])
    fraction = guidance.get("annotated_fraction", 1)
    if not isinstance(fraction, int | float) or isinstance(fraction, bool) or not 0 <= fraction <= 1:
        raise UserError(f"guidance.annotated_fraction={_show(fraction)}; it must lie between 0 (no box) and 1 (all).")


def _check_masks(masks: str | None, datamodule: str) -> None:
    """Refuse regions that are nowhere."""
    if masks is None and datamodule == "nih":
        raise UserError(NO_MASKS)
    if masks not in (None, "atlas") and not Path(masks).is_dir():
        raise UserError(f"guidance.masks={masks} is no folder; give one with a label image <image id>.png a film.")


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
