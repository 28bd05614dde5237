"""Means beside their controls, and what is counted instead."""

import numpy as np
import pandas as pd
import pytest

from cxr_xai.experiments.sanity.summarize import as_rows, join_controls, mean_curves, summarize


def table(**columns: object) -> pd.DataFrame:
    count = len(next(iter(columns.values())))  # type: ignore[arg-type]
    names = [f"{n}.png" for n in range(count)]
    return pd.DataFrame(
        {"condition": "mean", "image_id": names, "patient_id": names, "finding": "Mass", "dead": False, **columns}
    )


def test_undefined_and_dead_are_counted_and_differences_paired() -> None:
    method = table(deletion=[0.2, 0.4, np.nan, 0.6], dead=[False, False, True, False])
    control = table(deletion=[0.5, np.nan, 0.5, 0.7])
    (line,) = summarize("faithfulness", join_controls(method, random=control), 100, 0)
    assert line["value"] == pytest.approx(0.4)
    assert (line["rows"], line["undefined"], line["dead"], line["patients"]) == (3, 1, 1, 3)
    assert line["better"] == "lower"
    beside = line["controls"]["random"]
    assert beside["rows"] == 2
    assert beside["value"] == pytest.approx(0.6)
    assert beside["difference"]["value"] == pytest.approx(-0.2)
    assert beside["difference"]["low"] <= -0.2 <= beside["difference"]["high"]


def test_a_measure_without_any_value_says_so() -> None:
    (line,) = summarize("faithfulness", table(deletion=[np.nan, np.nan], dead=[True, True]), 50, 0)
    assert np.isnan(line["value"])
    assert (line["rows"], line["undefined"], line["dead"]) == (0, 2, 2)


def test_a_measure_that_is_undefined_everywhere_is_shown_beside_its_controls() -> None:
    nothing = table(deletion=[np.nan, np.nan], sensitivity_n=[np.nan, np.nan])  # the second is of another condition
    (line,) = summarize("faithfulness", join_controls(nothing, random=nothing), 50, 0)
    assert (line["measure"], line["rows"], line["undefined"]) == ("deletion", 0, 2)
    assert np.isnan(line["controls"]["random"]["value"])


def test_what_speaks_for_a_map_depends_on_the_test() -> None:
    rows = table(spearman=[0.1, 0.2])
    assert summarize("randomization", rows, 50, 0)[0]["better"] == "lower"
    assert summarize("equivariance", rows, 50, 0)[0]["better"] == "higher"


def test_equal_values_of_an_unbounded_measure_have_no_exact_bound() -> None:
    (line,) = summarize("repeatability", table(displacement=[0.0, 0.0, 0.0]), 50, 0)
    assert (line["low"], line["high"]) == (0, 0)
    (line,) = summarize("collapse", table(pointing=[1.0, 1.0, 1.0]), 50, 0)
    assert line["low"] < 0.9


def test_curves_are_averaged_over_whole_ones() -> None:
    points = {f"deletion {step}": [1 - step / 2, np.nan, 1 - step / 2] for step in range(3)}
    (curve,) = mean_curves(table(**points))
    assert curve["mean"] == [1, 0.5, 0]
    assert (curve["share"], curve["rows"], curve["mode"]) == ([0, 50, 100], 2, "deletion")


def test_rows_of_the_csv_have_one_control_each() -> None:
    method, other = table(deletion=[0.2, 0.4]), table(deletion=[0.5, 0.5])
    lines = summarize("faithfulness", join_controls(method, random=other, prior=other), 50, 0)
    rows = as_rows("exact_cam", lines)
    assert [row["control"] for row in rows] == ["random", "prior"]
    assert rows[0]["difference"] == pytest.approx(-0.2)
