"""What sweep.json says, and how it grows."""

import copy
from pathlib import Path
from typing import Any

import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.contrasts import choose_question
from cxr_xai.experiments.sweep.cells import Ablation, Cell
from cxr_xai.experiments.sweep.plan import Plan, Planned, Request, Steps
from cxr_xai.experiments.sweep.record import FILE, describe_sweep, extend, read_if_there, read_sweep, write_sweep
from cxr_xai.files import write_json

ARMS = {"none": ["loss=bce"], "focal": ["loss=focal"]}
CHOICES = {"datamodule": "nih", "model": "resnet50", "loss": "bce", "balancing": "none", "split": "kfold"}


def planned(arm: str, fold: int, seed: int = 0, epochs: int = 4) -> Planned:
    settings = {
        "paths": {"outputs": "outputs"},
        "name": "x",
        "seed": seed,
        "split": {"fold": fold},
        "trainer": {"max_epochs": epochs},
    }
    point = {"seed": str(seed), "fold": str(fold)}
    return Planned(Cell(arm, point, (f"arm={arm}",)), settings, {**CHOICES, "loss": arm})


def record(*cells: Planned, steps: int = 7) -> dict[str, Any]:
    plan = Plan(Request("python scripts/train.py -m"), Ablation("balancing", "none", "focal", ARMS), list(cells))
    return describe_sweep(plan, {(): Steps(steps, {"none": steps})})


def test_cells_by_hand() -> None:
    said = record(planned("none", 0), planned("focal", 0))
    assert said["primary"] == {"arm": "focal", "against": "none", "metric": "auroc", "average": "macro"}
    assert said["arms"] == ARMS
    folder = planned("focal", 0).folder.path.name
    assert said["cells"][1] == {
        "arm": "focal",
        "fold": 0,
        "seed": 0,
        "axes": {},
        "epochs": 4,
        "steps": 7,
        "overrides": ["arm=focal"],
        "folder": folder,
    }


def test_without_arms_there_is_nothing_to_contrast() -> None:
    said = describe_sweep(Plan(Request("c"), None, [planned("none", 0)]), {})
    assert (said["ablation"], said["primary"], said["arms"], said["cells"][0]["steps"]) == (None, None, {}, None)


def test_arms_that_share_one_training_leave_the_contrast_to_the_leaderboard() -> None:
    arms = {"exact_cam": ["explainer=exact_cam"], "lime": ["explainer=lime"]}
    plan = Plan(Request("c"), Ablation("explainer", "exact_cam", "lime", arms), [planned("exact_cam", 0)])
    said = describe_sweep(plan, {})
    assert said["primary"] is None
    assert choose_question(["exact_cam"], None, said).contrasts == []  # what can be aggregated is


def test_a_second_launch_adds_seeds_and_raises_epochs(tmp_path: Path) -> None:
    old = record(planned("none", 0), planned("focal", 0))
    new = record(planned("none", 0, epochs=6), planned("none", 0, seed=1, epochs=6))
    joined = extend(old, new, tmp_path)
    assert [(c["arm"], c["seed"], c["epochs"]) for c in joined["cells"]] == [
        ("none", 0, 6),
        ("focal", 0, 4),
        ("none", 1, 6),
    ]


def test_the_same_launch_changes_nothing(tmp_path: Path) -> None:
    said = record(planned("none", 0))
    write_sweep(tmp_path, extend(read_if_there(tmp_path), said, tmp_path))
    before = (tmp_path / FILE).stat().st_mtime_ns
    write_sweep(tmp_path, extend(read_if_there(tmp_path), said, tmp_path))
    assert (tmp_path / FILE).stat().st_mtime_ns == before
    assert read_sweep(tmp_path) == said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ablation": "transform"}, "holds a sweep with ablation transform, not balancing; give this sweep a name"),
        ({"reference": "focal"}, "holds a sweep with reference focal, not none"),
        ({"primary": {"arm": "none", "against": "focal"}}, "primary none against focal, not focal against none"),
        ({"arms": {"none": ["loss=other"]}}, "holds an arm none made of loss=other"),
    ],
)
def test_another_sweep_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    said = record(planned("none", 0))
    with pytest.raises(UserError, match=message):
        extend({**copy.deepcopy(said), **change}, said, tmp_path)


def test_other_steps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds cells of 7 steps an epoch, and this launch has 9"):
        extend(record(planned("none", 0)), record(planned("none", 1), steps=9), tmp_path)


def test_a_folder_without_a_sweep_says_what_to_name(tmp_path: Path) -> None:
    assert read_if_there(tmp_path) is None
    with pytest.raises(UserError, match=r"holds no sweep \(sweep\.json\); name the folder"):
        read_sweep(tmp_path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / FILE, {"schema_version": 99})
    with pytest.raises(UserError, match="schema 99"):
        read_sweep(tmp_path)


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        read_sweep(tmp_path)
