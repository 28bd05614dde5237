"""Probabilities before and after calibration, as pictures."""

import math

import pandas as pd

from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.reliability import bin_by_mass
from cxr_xai.report.reliability import describe_bins, describe_rule, draw_reliabilities


def test_test_studies_with_known_targets_are_drawn() -> None:
    row = {"part": "test", "finding": "Mass", "target": 1.0, "prob": 0.2, "calibrated": 0.4}
    rows = [row, {**row, "part": "val"}, {**row, "target": math.nan}, {**row, "finding": "Hernia", "target": math.nan}]
    [drawn] = draw_reliabilities(pd.DataFrame(rows))
    assert drawn["finding"] == "Mass"
    assert drawn["bins"] == "1 bin of 1 studies"
    assert "as it comes: 1 studies, said 0.200, came true 1.000" in drawn["figure"]
    assert "calibrated: 1 studies, said 0.400, came true 1.000" in drawn["figure"]


def test_nothing_predicted_nothing_drawn() -> None:
    empty = pd.DataFrame(columns=["part", "finding", "target", "prob", "calibrated"])
    assert draw_reliabilities(empty) == []


def test_bins_in_words() -> None:
    assert describe_bins(bin_by_mass([0, 1], [0.1, 0.2], bins=2)) == "2 bins of 1 studies"
    assert (
        describe_bins(bin_by_mass([0] * 3000, [0.1] * 2000 + [0.2] * 1000, bins=2))
        == "2 bins of 1,000 to 2,000 studies"
    )


def test_rules_in_words() -> None:
    rows = {name: {"threshold_rule": "prevalence_matched"} for name in FINDINGS}
    assert describe_rule(rows, "f1 on val of the run") == "the best F1", "asked for, and no finding had the positives"
    mixed = {**rows, "Mass": {"threshold_rule": "val_youden"}}
    assert describe_rule(mixed, "youden on val").startswith("the best sum")
    assert describe_rule({"Mass": {"threshold_rule": "val_own"}}, "own on val") == "val_own"
