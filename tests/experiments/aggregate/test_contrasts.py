"""What is compared with what, and that effects are found where they are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.plan import parse_plan
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.arms import name_arms
from cxr_xai.experiments.aggregate.cells import find_cells
from cxr_xai.experiments.aggregate.contrasts import COLUMNS, Contrasts, Question, add, choose_question, compare
from cxr_xai.experiments.aggregate.pool import Pool, read_pool
from cxr_xai.experiments.aggregate.refuse import require_sound_folds, require_whole_design
from cxr_xai.report.protocol import PlanShown
from cxr_xai.stats.permutation import permutations_needed

SWEEP = {"reference": "b", "primary": {"arm": "c", "against": "b", "metric": "auroc", "average": "macro"}}


@pytest.fixture(scope="module")
def pool(sound: Path) -> Pool:
    design = require_whole_design(name_arms(find_cells(sound).cells))
    return read_pool(design, require_sound_folds(design))


def test_every_pair_without_a_reference() -> None:
    question = choose_question(["a", "b", "c"], None, {})
    assert question.contrasts == [("b", "a"), ("c", "a"), ("c", "b")]
    assert question.primary("auroc") is None


def test_a_sweep_brings_its_primary_contrast() -> None:
    question = choose_question(["a", "b", "c"], None, SWEEP)
    assert question.contrasts == [("c", "b"), ("a", "b")]
    assert question.source == "the sweep"
    assert question.primary("auroc") == ("c − b", "macro")
    assert question.primary("f1") is None


def test_only_the_metric_of_the_margin_is_held_against_it(pool: Pool) -> None:
    twin = Pool(**{**vars(pool), "scores": {"a": pool.scores["bce"], "b": pool.scores["bce"]}})
    result = compare(twin, choose_question(["a", "b"], None, {}), ["auroc", "brier"], 60.0, 0.01, 100)["b − a"]
    assert (result["auroc"]["macro"]["equivalent"], result["brier"]["macro"]["equivalent"]) == (True, None)


def shown(arms: str = "a, c", post_hoc: bool = False) -> PlanShown:
    text = f"{{primary: {{metric: f1/Mass, arms: [{arms}]}}, findings: all, metrics: [f1], margin: 0.02, "
    text += "alpha: 0.05, seeds: [0]}"
    return PlanShown(parse_plan(text), "f" * 64, "2026-01-01T00:00:00.000+00:00", text, post_hoc, 0)


@pytest.mark.parametrize("option", [None, ["a", "c"]])
def test_a_plan_comes_before_the_sweep(option: list[str] | None) -> None:
    question = choose_question(["a", "b", "c"], option, SWEEP, shown())
    assert question.source == "the analysis plan ffffffff, first seen 2026-01-01"
    assert (question.primary("f1"), question.remark) == (("a − c", "Mass"), "")


def test_a_plan_that_came_too_late_makes_nothing_primary() -> None:
    question = choose_question(["a", "b", "c"], None, {}, shown(post_hoc=True))
    assert (question.primary("f1"), question.source) == (None, "")
    assert "ffffffff came after test labels were read: its contrast is not primary" in question.remark
    table = pd.DataFrame({column: [0.01, 0.04] for column in COLUMNS.values() if "p_holm" != column != "primary"})
    result: Contrasts = {"a − c": {}}
    add(result, {"a − c": table.set_index(pd.Index(["Mass", "macro"], name="finding"))}, question, "f1")
    assert result["a − c"]["f1"]["Mass"]["holm"] == 0.02, "in the family"


def test_a_plan_about_arms_that_are_not_here_is_said() -> None:
    question = choose_question(["a", "b", "c"], None, SWEEP, shown("a, x"))
    assert question.source == "the sweep"
    assert question.remark == "The analysis plan ffffffff is about the arm x, which is not here; it did not apply."


def test_the_command_line_does_not_contradict_a_plan() -> None:
    with pytest.raises(UserError, match=r"primary=\[b,c\] contradicts the analysis plan ffffffff.*: \[a,c\]"):
        choose_question(["a", "b", "c"], ["b", "c"], {}, shown())
    late = choose_question(["a", "b", "c"], ["b", "c"], {}, shown(post_hoc=True))
    assert late.source == "the command line"


def test_the_command_line_overrules_it() -> None:
    question = choose_question(["a", "b", "c"], ["a", "c"], SWEEP)
    assert question.contrasts == [("a", "c"), ("b", "c")]
    assert question.source == "the command line"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["a"], r"primary=\['a'\]; it is an arm and its reference"),
        (["a", "x"], r"the command line is about the arm 'x'; the arms here are a, b"),
        (["a", "a"], r"the command line is about a twice"),
    ],
)
def test_a_primary_contrast_of_nothing(option: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose_question(["a", "b"], option, {})


def test_one_arm_is_compared_with_nothing(pool: Pool) -> None:
    question = choose_question(["a"], None, {})
    assert list(question.contrasts) == []
    assert compare(pool, question, ["auroc"], 100, 0.01, 100) == {}


def test_a_planted_effect_is_found_and_corrected(pool: Pool) -> None:
    question = Question([("focal", "bce")], source="the plan")
    result = compare(pool, question, ["auroc", "f1"], 60.0, 0.01, 200)["focal − bce"]
    macro, findings = result["auroc"]["macro"], {k: v for k, v in result["auroc"].items() if k != "macro"}
    assert macro["primary"]
    assert macro["p"] == pytest.approx(1 / (permutations_needed(15) + 1))
    assert macro["holm"] == macro["p"], "the primary contrast stands alone"
    assert 0 < macro["low"] < macro["value"] < macro["high"]
    assert not macro["equivalent"]
    assert all(row["holm"] >= row["p"] for row in findings.values())
    assert sum(row["value"] for row in findings.values()) / 14 == pytest.approx(macro["value"])
    assert not result["f1"]["macro"]["primary"]
    assert np.isnan(result["f1"]["Hernia"]["value"]), "its thresholds were not chosen by F1"
    assert result["auroc"]["macro"]["p_corrected"] > result["auroc"]["macro"]["p_t"]


def test_an_arm_against_itself_shows_nothing(pool: Pool) -> None:
    twin = Pool(**{**vars(pool), "scores": {"a": pool.scores["bce"], "b": pool.scores["bce"]}})
    macro = compare(twin, choose_question(["a", "b"], None, {}), ["auroc"], 60.0, 0.01, 100)["b − a"]["auroc"]["macro"]
    assert (macro["value"], macro["p"], macro["equivalent"]) == (0, 1, True)
