"""Means, differences and verdicts of made-up scores, by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.leaderboard_folder import SCORE_COLUMNS
from cxr_xai.experiments.leaderboard.arms import Arm
from cxr_xai.experiments.leaderboard.summarize import (
    MIN_CASES,
    enough,
    judge,
    rank,
    summarize_places,
    summarize_recall,
    summarize_reliance,
)

DRAWS = 400


def table(count: int, finding: str = "Mass", patients: int | None = None, kind: str = "lesion") -> pd.DataFrame:
    """Cases of one finding, one a patient unless there are fewer patients."""
    people = np.arange(count) % (patients or count)
    shortcut = "" if kind in ("lesion", "box") else "marker"
    rows = {"kind": kind, "shortcut": shortcut, "finding": finding, "image_id": [f"{finding}{n}" for n in range(count)]}
    return pd.DataFrame({**rows, "patient_id": [f"p{n}" for n in people]})


def arm(label: str, energy: Sequence[float], dead: Sequence[bool] | None = None, control: bool = False) -> Arm:
    values = np.array(energy, np.float64)
    scores = {name: values for name in SCORE_COLUMNS if name not in ("case", "dead")}
    flags = np.zeros(len(values), bool) if dead is None else np.array(dead)
    about = {"settings": {}, "control": control}
    return Arm(label, pd.DataFrame({"case": np.arange(len(values)), "dead": flags, **scores}), about)


def row(cases: pd.DataFrame, one: Arm, reference: Arm, replicates: int = DRAWS) -> dict[str, Any]:
    places = summarize_places(cases, one, reference, "lesion", replicates)
    kinds: dict[str, Any] = {
        kind: summarize_recall(cases, one, reference, kind, replicates) for kind in ("for", "against")
    }
    return {"label": one.label, "reference": one is reference, "lesions": places, **kinds}


def spread(count: int, middle: float) -> list[float]:
    return (middle + np.linspace(-0.1, 0.1, count)).tolist()


def test_a_dead_map_counts_zero_and_is_left_out_of_the_living() -> None:
    energy, dead = [np.nan] * 10 + [0.5] * 30, [True] * 10 + [False] * 30
    entry = summarize_places(table(40), arm("a", energy, dead), arm("a", energy, dead), "lesion", DRAWS)
    assert (entry["cases"], entry["dead"], entry["over"], entry["energy"]["over"]) == (40, 10, 1, 1)
    assert entry["energy"]["macro"]["value"] == pytest.approx(0.375)
    assert entry["energy"]["live"]["value"] == pytest.approx(0.5)
    assert entry["energy"]["macro"]["low"] < 0.375 < entry["energy"]["macro"]["high"]
    assert entry["energy_ratio"]["macro"]["value"] == pytest.approx(0.5), "unbounded: a dead map has none"
    assert entry["energy"]["difference"]["value"] == 0


def test_a_finding_without_a_prior_drops_out_and_is_counted() -> None:
    cases = pd.concat([table(25), table(25, "Edema")], ignore_index=True)
    reference = arm("exact_cam", [0.2] * 25 + [0.8] * 25)
    prior = arm("class_prior", [0.1] * 25 + [np.nan] * 25)
    entry = summarize_places(cases, prior, reference, "lesion", DRAWS)
    assert (entry["over"], entry["energy"]["over"]) == (2, 1)
    assert entry["energy"]["macro"]["value"] == pytest.approx(0.1)
    assert entry["energy"]["difference"]["value"] == pytest.approx(-0.1), "on the finding that both have"
    assert np.isnan(entry["findings"]["Edema"]["energy"]["value"])


def test_an_arm_that_is_nowhere_defined_has_no_verdict_and_comes_last() -> None:
    cases, reference = table(25), arm("exact_cam", spread(25, 0.3))
    nothing = row(cases, arm("class_prior", [np.nan] * 25), reference)
    rows = [nothing, row(cases, reference, reference)]
    judge(rows, "phantom", None)
    assert nothing["lesions"]["energy"]["difference"]["verdict"] == "undefined"
    assert [one["label"] for one in rank(rows, "phantom")] == ["exact_cam", "class_prior"]


@pytest.mark.parametrize(("count", "said"), [(MIN_CASES - 1, "too few cases"), (MIN_CASES, "better")])
def test_fewer_than_twenty_cases_are_marked_and_give_no_verdict(count: int, said: str) -> None:
    cases, reference = table(count), arm("exact_cam", spread(count, 0.3))
    better = row(cases, arm("better", spread(count, 0.6)), reference)
    judge([better, row(cases, reference, reference)], "phantom", "better")
    apart = better["lesions"]["energy"]["difference"]
    assert (apart["verdict"], apart["few"]) == (said, count < MIN_CASES)
    assert np.isnan(apart["p"]) == (count < MIN_CASES)
    assert better["lesions"]["energy"]["micro"]["few"] == (count < MIN_CASES)


def test_one_patient_has_no_interval_and_two_have_a_wide_one() -> None:
    values = arm("a", spread(25, 0.5))
    one = summarize_places(table(25, patients=1), values, values, "lesion", DRAWS)["energy"]
    for entry in (one["macro"], one["micro"], one["live"]):
        assert entry["value"] == pytest.approx(0.5)
        assert np.isnan([entry["low"], entry["high"]]).all()
    two = summarize_places(table(25, patients=2), values, values, "lesion", DRAWS)["energy"]["macro"]
    assert not np.isnan([two["low"], two["high"]]).any()


def test_few_patients_widen_the_interval_of_a_difference() -> None:
    random = np.random.default_rng(0)
    some, others = arm("a", random.random(21)), arm("b", random.random(21))
    apart = summarize_places(table(21), some, others, "lesion", 4000)["energy"]["difference"]
    difference = some.scores["energy"] - others.scores["energy"]
    plain = 1.96 * difference.std(ddof=0) / np.sqrt(21)  # what the percentiles of a bootstrap would be
    assert (apart["high"] - apart["low"]) / 2 > 1.05 * plain


def test_one_small_difference_among_many_is_told_apart_only_as_the_primary() -> None:
    random = np.random.default_rng(1)
    base = random.random(60)
    cases, reference = table(60), arm("exact_cam", base)
    slight = arm("slight", base + 0.1 + random.normal(0, 0.33, 60))
    others = [arm(f"noise{n}", base + random.normal(0, 0.3, 60)) for n in range(10)]

    def judged(primary: str | None) -> dict[str, Any]:
        rows = [row(cases, one, reference, enough(11)) for one in (slight, *others, reference)]
        judge(rows, "phantom", primary)
        found: dict[str, Any] = rows[0]["lesions"]["energy"]["difference"]
        return found

    alone, among = judged("slight"), judged(None)
    assert alone["p"] == among["p"] < 0.05
    assert (alone["verdict"], among["verdict"]) == ("better", "not told apart")
    assert np.isnan(alone["p_holm"])
    assert among["p_holm"] == pytest.approx(11 * among["p"]), "it is the smallest of 11"
    assert among["low"] > 0, "its own interval, which is not corrected"


def test_recall_is_corrected_over_explainers_and_shortcuts() -> None:
    cases = pd.concat([table(30, kind="for"), table(30, kind="for").assign(shortcut="drain")], ignore_index=True)
    cases = pd.concat([cases, table(25)], ignore_index=True)
    reference = arm("exact_cam", spread(85, 0.2))
    rows = [row(cases, one, reference) for one in (arm("a", spread(85, 0.7)), arm("b", spread(85, 0.2)), reference)]
    judge(rows, "phantom", "a")
    marker = rows[0]["for"]["marker"]
    assert marker["recall"]["value"] == pytest.approx(np.mean(spread(85, 0.7)[:30]))
    assert marker["difference"]["p_holm"] == pytest.approx(4 * marker["difference"]["p"]), "2 arms × 2 shortcuts"
    assert marker["difference"]["verdict"] == "better"
    assert rows[0]["for"]["all"]["difference"]["p_holm"] == pytest.approx(2 * marker["difference"]["p"])
    assert rows[1]["for"]["marker"]["difference"]["verdict"] == "not told apart"
    assert rows[2]["for"]["marker"]["difference"]["verdict"] == "reference"


def test_reliance_of_a_few_studies_is_marked() -> None:
    rows = {"shortcut": "marker", "finding": "Mass", "prob": [0.9, 0.7], "prob_without": [0.1, 0.1]}
    [found] = summarize_reliance(pd.DataFrame({**rows, "patient_id": ["p", "p"]}), DRAWS)
    assert found["change"]["value"] == pytest.approx(0.7)
    assert found["change"]["few"]
    assert np.isnan(found["change"]["low"])


def test_the_best_mean_over_findings_leads_and_names_break_ties() -> None:
    cases = table(25)
    reference = arm("exact_cam", [0.2] * 25)
    rows = [row(cases, arm(label, [energy] * 25), reference) for label, energy in (("b", 0.4), ("a", 0.4), ("c", 0.5))]
    assert [one["label"] for one in rank(rows, "phantom")] == ["c", "a", "b"]
