"""Choices that contradict each other, refused before anything heavy is imported."""

import os
import shutil
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cxr_xai.errors import UserError
from cxr_xai.experiments.command import CONF
from cxr_xai.files import hash_file
from cxr_xai.findings import FINDINGS

if TYPE_CHECKING:
    from cxr_xai.models.known_weights import Known

SCORE = "selection/score"
"""What `callbacks.selection` logs: AUROC on val and localization in the selection fold."""

CHECKPOINTS = ("best", "last")
"""What a finished run may keep; the best one is what its numbers were made with."""

DECLARED = {"loss": "needs", "balancing": "gives", "guidance": "needs"}
"""What a member says of itself, which is no option of it."""

BETTER = {"val/loss": "min"} | {f"val/auroc/{name}": "max" for name in ("macro", *FINDINGS)}
"""What val may choose by, and whether a small or a large value is better."""

OUT_OF_TURN = ("sampler", "smote")
"""Balancings that draw films again, or blend them with others."""

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
    _check_steps(settings["trainer"])
    _check_length(settings["trainer"])
    _check_compiler(settings.get("compile", False))
    replicates = settings.get("bootstrap", 1)
    if not isinstance(replicates, int) or isinstance(replicates, bool) or replicates < 1:
        raise UserError(f"bootstrap={_show(replicates)}; it must be a whole number, 1 or more.")
    _check_plan(settings.get("scheduler", {}), settings["trainer"]["max_epochs"])
    _check_declared(settings, choices)
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
    check_monitors(settings, choices)
    _check_films(settings, choices)
    _check_logger(settings)
    _check_weights(settings, choices)
    if settings.get("plan") is not None:
        from cxr_xai.artifacts.plan import read_plan  # pandas comes with it, and --help does without

        read_plan(settings["plan"])


def _check_films(settings: Mapping[str, Any], choices: Mapping[str, str]) -> None:
    """Refuse labels that nobody can train on, and streams of films where some are needed out of turn."""
    datamodule = settings.get("datamodule", {})
    if datamodule.get("reader", {}).get("labels", "mined") == "adjudicated":
        raise UserError(
            "datamodule.reader.labels=adjudicated knows one finding of a few thousand films: they are for "
            "scripts/evaluate.py; train with labels=mined."
        )
    if datamodule.get("shards") is None:
        return
    mixed = f"transform.mixup={settings['transform']['mixup']}" if settings["transform"].get("mixup") else ""
    if out_of_turn := mixed or (f"balancing={choices['balancing']}" if choices["balancing"] in OUT_OF_TURN else ""):
        raise UserError(
            f"{out_of_turn} needs films out of turn, and datamodule.shards reads them in turn; use balancing=none or "
            "pos_weight and transform.mixup=0, or datamodule.shards=null."
        )


def _check_declared(settings: Mapping[str, Any], choices: Mapping[str, str]) -> None:
    """Refuse to say of a member what it does not say of itself: everything that is refused or certified rests on it."""
    for group, key in DECLARED.items():
        path = CONF / group / f"{choices.get(group)}.yaml"
        if group not in settings or not path.is_file():
            continue
        declared, given = (place.get(key) for place in (yaml.safe_load(path.read_text()), settings[group]))
        if given != declared:
            raise UserError(
                f"{group}.{key}={_show(given)}: {group}={choices[group]} has {_show(declared)}, which is no option; "
                "leave it out."
            )


def _check_logger(settings: Mapping[str, Any]) -> None:
    """Refuse a logger whose library is missing."""
    target = ((settings.get("logger") or {}).get("extra") or {}).get("_target_", "")
    if ".wandb." in target and find_spec("wandb") is None:
        raise UserError("logger=wandb needs wandb: pip install 'cxr-xai[wandb]', or use logger=csv.")


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
    if masks is None and datamodule != "phantom":
        raise UserError(NO_MASKS)
    if masks not in (None, "atlas") and not Path(masks).is_dir():
        raise UserError(f"guidance.masks={masks} is no folder; give one with a label image <image id>.png a film.")


def selects_by_boxes(settings: Mapping[str, Any]) -> bool:
    """Whether boxes of the selection fold choose the epoch."""
    return (settings["callbacks"].get("checkpoint") or {}).get("monitor") == SCORE


def check_monitors(settings: Mapping[str, Any], choices: Mapping[str, str]) -> None:
    """Refuse a value that must not choose: val may; boxes may choose the checkpoint alone, by the selection fold.

    Raises:
        UserError: names the value and what to set.
    """
    callbacks = settings.get("callbacks", {"checkpoint": settings})
    if not callbacks.get("checkpoint"):
        raise UserError("callbacks.checkpoint=null: a run needs it to keep its best weights; leave it on.")
    watched: dict[str, Mapping[str, Any]] = {"": {"monitor": settings["monitor"]}}
    watched |= {f"callbacks.{key}.": callbacks.get(key) or {} for key in ("early_stopping", "checkpoint")}
    watched["scheduler."] = {**watched[""], **settings.get("scheduler", {})}
    for place, watcher in watched.items():
        if (monitor := watcher.get("monitor")) == SCORE and place == "callbacks.checkpoint.":
            _check_selection(settings, choices)
        elif monitor is not None and monitor not in BETTER:
            raise UserError(
                f"{place}monitor={monitor}: only values of val may choose checkpoints (val/loss, val/auroc/macro, "
                "val/auroc/<finding>); boxes and test are for scoring, and boxes of a selection fold for "
                f"callbacks.checkpoint.monitor={SCORE}."
            )
        elif monitor is not None and watcher.get("mode", BETTER[monitor]) != BETTER[monitor]:
            size = {"max": "large", "min": "small"}[BETTER[monitor]]
            raise UserError(f"monitor={monitor}: a {size} value is better; add {place}mode={BETTER[monitor]}.")


def _check_selection(settings: Mapping[str, Any], choices: Mapping[str, str]) -> None:
    """Refuse to choose by boxes where there is no selection fold; whether a file has one is seen when it is read."""
    what = f"callbacks.checkpoint.monitor={SCORE}"
    if not settings["callbacks"].get("selection"):
        raise UserError(f"{what} needs callbacks.selection, which logs it and is switched off.")
    if settings["callbacks"]["checkpoint"]["mode"] != "max":
        raise UserError(f"{what}: a large score is better; add callbacks.checkpoint.mode=max.")
    if not settings["split"].get("selection", choices["split"] == "file"):
        way_out = "" if "selection" in settings["split"] else "split=patient (or kfold) "
        raise UserError(
            f"{what} needs boxes of patients who are in no reported number, and split={choices['split']} sets none "
            f"aside; add {way_out}split.selection=0.5."
        )


def _check_weights(settings: Mapping[str, Any], choices: Mapping[str, str]) -> None:
    """Refuse files that are known to have seen the test films of a source; runs look closer, once they have its split.

    Raises:
        UserError: from `require_unseen`.
    """
    from cxr_xai.models.known_weights import NO_FILE, require_unseen

    weights = settings.get("model", {}).get("weights", "none")
    path, split = Path(str(weights)), choices.get("split", "file")
    if weights in NO_FILE or not path.is_file() or split == "file":
        return
    source = str(settings["datamodule"]["reader"]["_target_"]).split(".")[-2]
    if (known := _recognize(path)) is not None:
        require_unseen(path, known.trained_on, source, split, known.name)


@cache
def _recognize(path: Path) -> "Known | None":
    """Return what is known of a file of weights, read once: a sweep checks every cell, and weights are large."""
    from cxr_xai.models.known_weights import find_known

    return find_known(path, hash_file(path))


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


def _check_compiler(compiled: Any) -> None:
    """Refuse to compile where nothing can: the first step would say it in fifty lines."""
    if not isinstance(compiled, bool):
        raise UserError(f"compile={_show(compiled)}; it must be true or false.")
    name = os.environ.get("CXX", "g++")
    if compiled and shutil.which(name) is None:
        raise UserError(
            f"compile=true needs a C++ compiler, and {name} is not there; install it, or set CXX, or use compile=false."
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
