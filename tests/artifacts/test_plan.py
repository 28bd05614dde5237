"""A plan is read strictly, keeps the time of its first sight, and is post hoc once test labels were read."""

from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.artifacts.ledger import LEDGER_COLUMNS
from cxr_xai.artifacts.plan import LOCALIZATION, TESTABLE, is_post_hoc, parse_plan, read_plan, record_plan
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS
from cxr_xai.stats.statistic import METRICS

TEXT = """\
primary: {metric: auroc/macro, arms: [energy, none]}
findings: [Effusion, Mass]
metrics: [auroc, iou]
margin: 0.01
alpha: 0.05
seeds: [0, 1, 2]
"""


def test_what_is_planned_and_what_is_not() -> None:
    plan = parse_plan(TEXT)
    assert (plan.arms, plan.margin, plan.alpha, plan.seeds) == (("energy", "none"), 0.01, 0.05, (0, 1, 2))
    assert plan.status("auroc", "macro") == "primary"
    assert plan.status("iou", "macro") == plan.status("auroc", "Mass") == plan.status("iou", "Effusion") == "planned"
    assert plan.status("auroc", "Hernia") == plan.status("f1", "macro") == plan.status("seconds", "x") == "exploratory"
    assert parse_plan(TEXT.replace("[Effusion, Mass]", "all")).findings == FINDINGS
    assert parse_plan(TEXT.replace("auroc/macro", "iou/Consolidation")).status("iou", "Consolidation") == "primary"
    single = parse_plan(TEXT.replace("auroc/macro", "iou/Mass"))
    assert single.status("iou", "Mass") == "primary"
    assert single.status("auroc", "macro") == "planned"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("auroc/macro", "recall/macro", r"primary\.metric 'recall' is not known"),
        ("findings:", "finding:", r"no key finding\. Did you mean 'findings'\?"),
        ("margin: 0.01\n", "", r"margin is missing; the keys are primary, findings"),
        ("metric: auroc", "metrics: auroc", r"no key primary\.metrics\. Did you mean 'metric'\?"),
        (
            "primary: {metric: auroc/macro, arms: [energy, none]}",
            "primary: auroc",
            r"primary must have the keys metric",
        ),
        ("auroc/macro", "auc/macro", r"metric 'auc' is not known\. Did you mean 'auroc'\?"),
        ("auroc/macro", "auroc", r"primary\.metric '' is not known\. There are macro, Atelectasis"),
        ("auroc/macro", "iou/Heart", r"primary\.metric 'Heart' is not known"),
        ("[auroc, iou]", "[auroc, IOU]", r"metric 'IOU' is not known"),
        ("[Effusion, Mass]", "[Effusion, Masses]", r"finding 'Masses' is not known\. Did you mean 'Mass'\?"),
        ("[Effusion, Mass]", "Effusion", r"findings is 'Effusion'; it must be a list"),
        (
            "[energy, none]",
            "[energy, energy]",
            r"primary\.arms is \['energy', 'energy'\]; it must be two different arms",
        ),
        ("margin: 0.01", "margin: small", r"margin is 'small'; it must be a number above 0"),
        ("alpha: 0.05", "alpha: 5", r"alpha is 5; it must be a number between 0 and 1"),
        ("[0, 1, 2]", "[0, one]", r"seeds is \[0, 'one'\]; it must be whole numbers"),
        ("alpha", "alpha: [", r"plan=my\.yaml is not YAML"),
    ],
)
def test_a_mistake_ends_in_a_line(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(UserError, match=message) as caught:
        parse_plan(TEXT.replace(old, new), "my.yaml")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    with pytest.raises(UserError, match=r"plan=.*plan\.yaml cannot be read"):
        read_plan(path)
    path.write_text(TEXT)
    assert read_plan(path) == (parse_plan(TEXT), TEXT)


def test_the_same_plan_keeps_its_time_and_another_comes_after_it() -> None:
    assert record_plan(None, []) == []
    once = record_plan(TEXT, [])
    assert [entry["text"] for entry in once] == [TEXT]
    assert record_plan(TEXT, once) == record_plan(None, once) == once
    changed = record_plan(TEXT.replace("0.05", "0.1"), once)
    assert changed[0] == once[0]
    assert changed[1]["first_seen"] >= once[0]["first_seen"]
    assert changed[1]["sha256"] != once[0]["sha256"]


@pytest.mark.parametrize(
    ("reads", "post_hoc"),
    [
        ([], False),
        ([("2026-01-02T12:00:00.001+00:00", "test labels")], False),
        ([("2026-01-02T11:00:00.000+00:00", "sealed boxes")], False),
        ([("2026-01-02T12:00:00.000+00:00", "test labels")], True),
        ([("2026-01-03T12:00:00.000+00:00", "test labels"), ("2026-01-01T12:00:00.000+00:00", "test labels")], True),
    ],
)
def test_a_plan_after_the_first_read_is_post_hoc(reads: list[tuple[str, str]], post_hoc: bool) -> None:
    ledger = pd.DataFrame(reads, columns=["time", "what"]).reindex(columns=list(LEDGER_COLUMNS))
    assert is_post_hoc({"first_seen": "2026-01-02T12:00:00.000+00:00"}, ledger) is post_hoc


def test_a_primary_contrast_is_about_what_arms_are_compared_in() -> None:
    assert set(TESTABLE) == {*METRICS, *LOCALIZATION}
    for metric in TESTABLE:
        assert parse_plan(TEXT.replace("auroc/macro", f"{metric}/macro")).metric == metric
