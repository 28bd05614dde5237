"""Every cell composed, and what cannot run refused before anything starts."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from cxr_xai.errors import UserError
from cxr_xai.experiments.command import CONF, compose, explain_error
from cxr_xai.experiments.sweep.plan import Plan, Request, make_plan, read_explainers


def compose_cell(overrides: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    return compose_once(tuple(overrides))


@cache
def compose_once(overrides: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        return compose("train", overrides)
    except Exception as error:
        raise UserError(explain_error(error, "train")) from error


def plan(fixed: Sequence[str] = (), own: Sequence[str] = (), **commas: Sequence[str]) -> Plan:
    """Plan as the sweeper does, from the files of the groups."""
    sections: dict[str, Any] = {}
    name = None
    for override in own:
        group, _, members = override.partition("=")
        if group == "ablation":
            name = members
            sections["ablation"] = OmegaConf.to_container(OmegaConf.load(CONF / "ablation" / f"{name}.yaml"))
        elif group == "sweep":
            for member in members.strip("[]").split(","):
                loaded: Any = OmegaConf.to_container(OmegaConf.load(CONF / "sweep" / f"{member}.yaml"), resolve=False)
                sections.setdefault("sweep", {}).update(loaded["sweep"])
    return make_plan(Request("", own, fixed, commas, name, sections), compose_cell)


def test_arms_folds_and_seeds_by_hand() -> None:
    found = plan(["split.k=2"], ["ablation=transform", "sweep=[cross_validation,seeds]", "sweep.seed.count=2"])
    rows = [(p.cell.arm, p.fold, p.settings["seed"], p.settings["arm"]) for p in found.cells]
    assert rows == [(arm, f, s, arm) for s in (0, 1) for f in (0, 1) for arm in ("none", "standard", "advanced")]
    assert len({p.folder.path for p in found.cells}) == 12
    assert {p.settings["split"]["k"] for p in found.cells} == {2}
    assert found.home == Path("outputs/demo")


def test_arms_that_are_split_in_other_ways_are_refused() -> None:
    arms = {"plain": ["loss=bce"], "guided": ["loss=focal", "split.selection=0.5"]}
    section = {"reference": "plain", "primary": "guided", "arms": arms}
    request = Request("", fixed=["split=patient"], ablation="mine", sections={"ablation": section})
    with pytest.raises(
        UserError, match=r"arms plain and guided are split in other ways: split\.selection is 0\.0 in one"
    ):
        make_plan(request, compose_cell)
    arms["plain"].append("split.selection=0.5")
    assert len(make_plan(request, compose_cell).cells) == 2


def test_one_explainer_does_not_choose_the_epoch_for_all() -> None:
    selecting = ["callbacks.checkpoint.monitor=selection/score", "callbacks.checkpoint.mode=max"]
    with pytest.raises(UserError, match=r"ablation=explainer trains one network for all .*choose by a value of val"):
        plan(["split=patient", "split.selection=0.5", *selecting], ["ablation=explainer"])


def test_commas_alone() -> None:
    found = plan(loss=["bce", "focal"], seed=["3", "4"])
    assert [(p.choices["loss"], p.settings["seed"]) for p in found.cells] == [
        ("bce", 3),
        ("bce", 4),
        ("focal", 3),
        ("focal", 4),
    ]
    assert found.cells[0].others == (("loss", "bce"),)


def test_arms_of_guidance_differ_in_nothing_else() -> None:
    arms = OmegaConf.to_container(OmegaConf.load(CONF / "ablation" / "guidance.yaml"))["arms"]  # type: ignore[index,call-overload]
    rest = {arm: {o for o in overrides if o != f"guidance={arm}"} for arm, overrides in arms.items()}
    assert len(set(map(frozenset, rest.values()))) == 1, "divided alike, and the same boxes set aside"
    assert rest["none"] == {"split=patient", "split.selection=0.5"}
    assert all(len(overrides) == 3 for overrides in arms.values()), "each names its own member"


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "ablation").glob("*.yaml")))
def test_every_ablation_composes(name: str) -> None:
    found = plan(own=[f"ablation={name}"])
    assert found.ablation is not None
    assert [p.cell.arm for p in found.cells] == list(found.ablation.trained)


@pytest.mark.parametrize(
    ("fixed", "own", "commas", "message"),
    [
        (["lr=1"], ["ablation=transform"], {}, "none: no configuration key 'lr' in train.yaml"),
        ([], [], {"loss": ["bce", "weighted_bce"]}, "loss=weighted_bce: loss=weighted_bce needs a pos_weight"),
        ([], [], {"datamodule.num_workers": ["0", "2"]}, "are the same run, phantom-.*they differ in no setting"),
        ([], [], {"seed": ["1", "1"]}, "seed 1 and seed 1 are the same run"),
        ([], [], {"name": ["a", "b"]}, "name=a,b: one value, please"),
        ([], [], {"sweep": ["seeds", "cross_validation"]}, r"sweep=\[cross_validation,seeds\] crosses two"),
        (["balancing=smote"], ["ablation=balancing"], {}, "balancing=smote: ablation=balancing sets balancing, too"),
        (["split=patient"], ["sweep=cross_validation"], {}, "split=patient: the folds of sweep= sets split, too"),
        ([], ["sweep=seeds", "sweep.seed.count=0"], {}, "sweep.seed.count is 0; it must be 1 or more"),
    ],
)
def test_a_mistake_ends_in_a_line(fixed: list[str], own: list[str], commas: dict[str, list[str]], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        plan(fixed, own, **commas)
    assert "\n" not in str(caught.value)


def test_arms_that_differ_in_the_explainer_alone_share_one_training() -> None:
    found = plan(own=["ablation=explainer"])
    assert found.ablation is not None
    assert [p.cell.arm for p in found.cells] == ["exact_cam"]
    explainers = read_explainers(found.ablation, found.cells[0], compose_cell)
    assert list(explainers) == list(found.ablation.arms)
    assert explainers["grad_cam_earlier"]["layer"] == -2
    assert explainers["grad_cam"]["layer"] == -1


def test_one_other_key_and_every_arm_is_trained() -> None:
    section = {
        "reference": "exact_cam",
        "primary": "other",
        "arms": {"exact_cam": ["explainer=exact_cam"], "other": ["explainer=center", "loss=focal"]},
    }
    found = make_plan(Request("", ablation="mine", sections={"ablation": section}), compose_cell)
    assert [p.cell.arm for p in found.cells] == ["exact_cam", "other"]


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        (["explainer=exact_cam"], "exact_cam and other are the same explainer"),
        (["explainer=exact_kam"], "other: explainer=exact_kam: no such member"),
    ],
)
def test_explainers_that_cannot_be_are_refused_before_anything_starts(arm: list[str], message: str) -> None:
    section = {
        "reference": "exact_cam",
        "primary": "other",
        "arms": {"exact_cam": ["explainer=exact_cam"], "other": arm},
    }
    with pytest.raises(UserError, match=message):
        make_plan(Request("", ablation="mine", sections={"ablation": section}), compose_cell)
