"""Contradictory choices."""

from pathlib import Path
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


def check_guidance(
    member: str, needs: str, split: str = "patient", source: str = "nih", pool: str = "all", **changes: Any
) -> None:
    settings: dict[str, Any] = {
        "loss": {"needs": None},
        "balancing": {"gives": None},
        "keep": ["best"],
        "monitor": "val/loss",
        "trainer": {"max_epochs": 1},
        "guidance": {"needs": needs, **({"masks": None} if needs == "regions" else {"annotated_fraction": 1.0})},
        "split": {"pool": pool},
        "transform": {},
    }
    for group, values in changes.items():
        settings[group] = {**settings[group], **values}
    choices = {"loss": "bce", "balancing": "none", "guidance": member, "split": split, "datamodule": source}
    check_choices(settings, choices)


@pytest.mark.parametrize("member", ["energy", "energy_area", "l1", "rrr"])
def test_boxes_are_no_training_data_where_the_test_list_is_kept_whole(member: str) -> None:
    ways = r"split=patient or split=kfold .*guidance=regions or guidance=body, which need no boxes"
    with pytest.raises(UserError, match=rf"^guidance={member} trains on boxes, and split=official .*{ways}"):
        check_guidance(member, "boxes", "official")
    with pytest.raises(UserError, match=rf"split=kfold split\.pool=train_val .*{ways}"):
        check_guidance(member, "boxes", "kfold", pool="train_val")
    check_guidance(member, "boxes", "patient")
    check_guidance(member, "boxes", "kfold")
    check_guidance(member, "boxes", "file")


def test_the_body_is_known_under_every_split_and_in_blends() -> None:
    check_guidance("body", "body", "official", transform={"mixup": 0.4})


@pytest.mark.parametrize(("member", "needs"), [("rrr", "boxes"), ("regions", "regions")])
def test_films_that_are_blended_have_no_place_for_a_finding(member: str, needs: str) -> None:
    with pytest.raises(UserError, match=rf"guidance={member} .*transform\.mixup=0\.4 .*mixup=0, or guidance=body"):
        check_guidance(member, needs, source="phantom", transform={"mixup": 0.4})


@pytest.mark.parametrize("fraction", [-0.1, 1.5, "all", None, True, float("nan")])
def test_a_fraction_is_one(fraction: Any) -> None:
    shown = "null" if fraction is None else fraction
    with pytest.raises(UserError, match=rf"guidance\.annotated_fraction={shown}; it must lie between 0"):
        check_guidance("energy", "boxes", guidance={"annotated_fraction": fraction})
    check_guidance("energy", "boxes", guidance={"annotated_fraction": 0})


def test_regions_must_be_somewhere(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"come without; use guidance\.masks=FOLDER .* or guidance\.masks=atlas"):
        check_guidance("regions", "regions")
    with pytest.raises(UserError, match=r"guidance\.masks=nowhere is no folder"):
        check_guidance("regions", "regions", guidance={"masks": "nowhere"})
    check_guidance("regions", "regions", source="phantom")
    for masks in ("atlas", str(tmp_path)):
        check_guidance("regions", "regions", "official", guidance={"masks": masks})
