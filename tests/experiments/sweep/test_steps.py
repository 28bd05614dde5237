"""Equal optimizer steps, by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.sweep.cells import Ablation, Cell
from cxr_xai.experiments.sweep.plan import Plan, Planned, Request
from cxr_xai.experiments.sweep.steps import Studies, count_processes, equalize, full_batches

ABLATION = Ablation("a", "small", "large", {"small": [], "large": []})


class Told(Studies):
    """Knows the training studies of each fold."""

    def __init__(self, *train: int) -> None:
        super().__init__()
        self.train = train

    def count(self, settings: Mapping[str, Any], part: str) -> int:
        return self.train[settings["split"]["fold"]]


def settings(fold: int = 0, batch_size: int = 10, epochs: int = 3, **trainer: Any) -> dict[str, Any]:
    return {
        "split": {"fold": fold},
        "datamodule": {"batch_size": batch_size},
        "trainer": {"max_epochs": epochs, "devices": 1, **trainer},
    }


def plan(*cells: tuple[str, dict[str, Any]]) -> Plan:
    made = [Planned(Cell(arm, {"fold": str(s["split"]["fold"])}), s, {}) for arm, s in cells]
    return Plan(Request(""), ABLATION, made)


def equal(found: Plan, *train: int) -> list[tuple[str, ...]]:
    """Return the overrides that each cell got."""
    seen: list[tuple[str, ...]] = []

    def compose(overrides: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
        seen.append(tuple(overrides))
        return {}, {}

    equalize(found, compose, Told(*train))
    return seen


def test_the_smallest_fold_of_the_reference_sets_the_steps() -> None:
    both = [(arm, settings(fold)) for fold in (0, 1) for arm in ("small", "large")]
    wanted = ("++trainer.limit_train_batches=4", "++trainer.max_steps=12", "callbacks.early_stopping=null")
    assert equal(plan(*both), 57, 49) == [wanted] * 4, "4 full batches of 10 in 49 studies, 3 epochs"


def test_accumulated_batches_make_whole_steps() -> None:
    cells = [(arm, settings(accumulate_grad_batches=2)) for arm in ("small", "large")]
    assert equal(plan(*cells), 57)[0][:2] == ("++trainer.limit_train_batches=4", "++trainer.max_steps=6")


def test_processes_share_the_studies() -> None:
    assert full_batches(settings(devices=2, num_nodes=2), Told(161)) == 4, "41 studies each"
    assert count_processes(settings(devices=3)) == 3


def test_a_limit_that_was_asked_for_holds() -> None:
    assert full_batches(settings(limit_train_batches=2), Told(57)) == 2
    assert full_batches(settings(limit_train_batches=0.5), Told(57)) == 2, "half of 5, as Lightning rounds"
    assert full_batches(settings(limit_train_batches=1.0), Told(57)) == 5


def test_an_arm_that_cannot_fill_the_batches_is_refused() -> None:
    cells = plan(("small", settings()), ("large", settings(batch_size=20)))
    with pytest.raises(UserError, match="arm large fills 2 batches an epoch and the reference small 5"):
        equal(cells, 57)


def test_no_full_batch_is_refused() -> None:
    with pytest.raises(UserError, match="arm small has no full batch"):
        equal(plan(("small", settings()), ("large", settings())), 9)


def test_other_epochs_are_refused() -> None:
    with pytest.raises(UserError, match=r"differ in trainer\.max_epochs \(\[3, 4\]\)"):
        equal(plan(("small", settings()), ("large", settings(epochs=4))), 57)


def test_without_arms_nothing_is_pinned() -> None:
    alone = Plan(Request(""), None, [Planned(Cell(None), settings(), {})])
    assert equalize(alone, lambda _: ({}, {}), Told(57)) == (alone, {})
