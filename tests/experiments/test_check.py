"""Contradictory choices."""

import sys
from pathlib import Path
from typing import Any

import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.check import SCORE, check_choices
from cxr_xai.experiments.command import compose


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


def test_weights_that_saw_the_test_films_are_refused_early(tmp_path: Path) -> None:
    saw = tmp_path / "kaggle-densenet121-d121-tw.safetensors"
    saw.write_bytes(b"weights")

    def begin_with(weights: Path | str, source: str, split: str) -> None:
        settings = {"loss": {"needs": None}, "balancing": {"gives": None}, "keep": ["best"], "monitor": "val/loss"}
        reader = {"_target_": f"cxr_xai.data.readers.{source}.Reader"}
        settings |= {"model": {"weights": str(weights)}, "datamodule": {"reader": reader}, "trainer": {"max_epochs": 1}}
        check_choices(settings, {"loss": "bce", "balancing": "none", "split": split})

    with pytest.raises(UserError, match=r"rsna \(films of NIH\) was trained on films of nih.*\(split=official\); use"):
        begin_with(saw, "nih", "official")
    begin_with(saw, "phantom", "official")
    begin_with(saw, "nih", "file")  # whose scheme is in the file: the run looks
    begin_with(tmp_path / "nowhere.pt", "nih", "official")  # the network says so
    begin_with("imagenet", "nih", "official")


def test_weights_without_a_user_are_refused() -> None:
    with pytest.raises(UserError, match="balancing=pos_weight computes a pos_weight that loss=focal would not use"):
        check("focal", None, "pos_weight", "pos_weight")


@pytest.mark.parametrize("monitor", ["probe/iou/micro", "test/auroc/macro"])
def test_boxes_and_test_choose_no_checkpoint(monitor: str) -> None:
    with pytest.raises(UserError, match="only values of val"):
        check("bce", None, "none", None, monitor)


def monitors(split: dict[str, Any] | None = None, name: str = "patient", **callbacks: Any) -> None:
    settings = {
        "loss": {"needs": None},
        "balancing": {"gives": None},
        "keep": ["best"],
        "trainer": {"max_epochs": 3},
        "monitor": "val/loss",
        "split": {"selection": 0.5} if split is None else split,
        "callbacks": {"selection": {"weight": 0.5}, "checkpoint": {"monitor": SCORE, "mode": "max"}} | callbacks,
    }
    check_choices(settings, {"loss": "bce", "balancing": "none", "split": name})


def test_boxes_of_a_selection_fold_may_choose_the_checkpoint() -> None:
    monitors()
    monitors(split={"path": "split.csv"}, name="file")
    monitors(split={}, checkpoint={"monitor": "val/auroc/macro", "mode": "max"})
    monitors(split={}, checkpoint={"monitor": "val/auroc/Mass", "mode": "max"})


def test_a_run_keeps_its_best_weights() -> None:
    with pytest.raises(UserError, match=r"^callbacks\.checkpoint=null: a run needs it to keep its best weights"):
        monitors(split={}, checkpoint=None)


@pytest.mark.parametrize("monitor", ["val/foo", "val/auroc", "val/auroc/Lupus"])
def test_what_is_not_logged_chooses_nothing(monitor: str) -> None:
    with pytest.raises(UserError, match=rf"^monitor={monitor}: only values of val .*val/auroc/<finding>"):
        check("bce", None, "none", None, monitor)
    with pytest.raises(UserError, match=rf"^callbacks\.early_stopping\.monitor={monitor}: only values of val"):
        monitors(early_stopping={"monitor": monitor, "mode": "max"})


@pytest.mark.parametrize("key", ["checkpoint", "early_stopping"])
@pytest.mark.parametrize(
    ("monitor", "mode", "better"),
    [("val/auroc/macro", "min", ("large", "max")), ("val/loss", "max", ("small", "min"))],
)
def test_the_worst_epoch_is_not_chosen(key: str, monitor: str, mode: str, better: tuple[str, str]) -> None:
    size, add = better
    message = rf"^monitor={monitor}: a {size} value is better; add callbacks\.{key}\.mode={add}\.$"
    with pytest.raises(UserError, match=message):
        monitors(**{key: {"monitor": monitor, "mode": mode}})


def test_a_plateau_watches_in_the_right_direction() -> None:
    settings: dict[str, Any] = {"keep": ["best"], "trainer": {"max_epochs": 1}, "monitor": "val/auroc/macro"}
    settings |= {"loss": {"needs": None}, "balancing": {"gives": None}, "scheduler": {"mode": "min"}}
    with pytest.raises(UserError, match=r"a large value is better; add scheduler\.mode=max\.$"):
        check_choices(settings, {"loss": "bce", "balancing": "none"})
    for scheduler in ({"mode": "max"}, {"warmup": 0.1}):
        check_choices({**settings, "scheduler": scheduler}, {"loss": "bce", "balancing": "none"})


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (
            "guidance.needs=null",
            r"^guidance\.needs=null: guidance=energy has boxes, which is no option; leave it out\.$",
        ),
        ("guidance.needs=body", r"^guidance\.needs=body: guidance=energy has boxes"),
        ("loss.needs=pos_weight", r"^loss\.needs=pos_weight: loss=bce has null"),
        ("balancing.gives=pos_weight", r"^balancing\.gives=pos_weight: balancing=none has null"),
    ],
)
def test_what_a_member_says_of_itself_is_no_option(override: str, says: str) -> None:
    settings, choices = compose("train", ["split=patient", "guidance=energy"])
    check_choices(settings, choices)
    with pytest.raises(UserError, match=says):
        check_choices(*compose("train", ["split=patient", "guidance=energy", override]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"selection": None}, r"needs callbacks\.selection, which logs it and is switched off"),
        (
            {"checkpoint": {"monitor": SCORE, "mode": "min"}},
            r"a large score is better; add callbacks\.checkpoint\.mode=max",
        ),
        ({"split": {"selection": 0.0}}, r"split=patient sets none aside; add split\.selection=0\.5"),
        (
            {"split": {}, "name": "official"},
            r"split=official sets none aside; add split=patient \(or kfold\) split\.sel",
        ),
        (
            {"early_stopping": {"monitor": SCORE}},
            r"callbacks\.early_stopping\.monitor=selection/score: only values of val",
        ),
        (
            {"checkpoint": {"monitor": "probe/iou/micro", "mode": "max"}},
            r"callbacks\.checkpoint\.monitor=probe/iou/micro: ",
        ),
        ({"checkpoint": {"monitor": "selection/iou/macro", "mode": "max"}}, r"only values of val"),
    ],
)
def test_boxes_choose_in_no_other_way(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        monitors(**changes)
    assert "\n" not in str(caught.value)


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


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"keep": ["best"], "trainer": {"max_epochs": 1}, "monitor": "val/loss"}
    settings |= {"loss": {"needs": None}, "balancing": {"gives": None}, "compile": True}
    monkeypatch.setenv("CXX", sys.executable)
    check_choices(settings, {"loss": "bce", "balancing": "none"})
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        UserError, match=r"compile=true needs a C\+\+ compiler, and no-such-compiler is not there; install"
    ):
        check_choices(settings, {})
    with pytest.raises(UserError, match="compile=yes please; it must be true or false"):
        check_choices({**settings, "compile": "yes please"}, {})


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


def test_a_logger_whose_library_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxr_xai.experiments.check.find_spec", lambda name: None)
    check_choices(*compose("train"))
    with pytest.raises(UserError, match=r"logger=wandb needs wandb: pip install 'cxr-xai\[wandb\]', or use logger=csv"):
        check_choices(*compose("train", ["logger=wandb"]))
