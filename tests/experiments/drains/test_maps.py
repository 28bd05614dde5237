"""Means of shares with and without a drain."""

import numpy as np
import pandas as pd
import pytest

from cxr_xai.experiments.drains.maps import PLACED, compare_boxes, compare_means, summarize_places
from cxr_xai.experiments.drains.terminal import list_rows


def test_gap_by_hand_and_nan_counted() -> None:
    values = np.array([0.5, 0.7, 0.1, 0.3, np.nan])
    having = np.array([True, True, False, False, True])
    found = compare_means(values, having, np.array(list("abcde")), 100)
    assert found["gap"]["value"] == pytest.approx(0.4)
    assert found["gap"]["low"] <= 0.4 <= found["gap"]["high"]
    assert found["rows"] == {"with": 2, "without": 2, "undefined": 1}


def test_boxes_need_both_sides_and_a_dead_map_counts_nothing() -> None:
    scores = pd.DataFrame(
        {
            "finding": ["Pneumothorax"] * 4 + ["Mass"],
            "image_id": list("abcde"),
            "patient_id": list("abcde"),
            "energy": [0.5, np.nan, 0.2, 0.9, 1.0],
            "dead": [False, True, False, False, False],
        }
    )
    drains = pd.Series({"a": "yes", "b": "yes", "c": "no", "e": "yes"})
    found = compare_boxes(scores, drains, 20)
    assert found is not None
    assert (found["with"]["value"], found["without"]["value"], found["dead"]) == (0.25, 0.2, 1)
    assert found["rows"] == {"with": 2, "without": 1, "undefined": 0}, "of d nobody knows"
    assert compare_boxes(scores, drains.drop("c"), 20) is None
    auroc = {"with": 1, "without": 2}
    rows = list_rows({"auroc": auroc, "gap": 3, "boxes": found, "planted": None})
    assert [row[0] for row in rows] == ["AUROC against all negatives", "energy in the box"]


def test_places_stand_beside_an_even_map() -> None:
    rows = [
        ["a", "a", "yes", 1.0, 0.4, 0.1, 0.3, 0.2],
        ["b", "b", "yes", 0.0, 0.6, 0.1, np.nan, np.nan],
        ["c", "c", "no", 1.0, np.nan, np.nan, 0.5, 0.2],
        ["d", "d", "yes", np.nan, 1.0, 0.1, np.nan, np.nan],
    ]
    found = summarize_places(pd.DataFrame(rows, columns=list(PLACED)), 20)
    assert found["drain"]["positive"]["share"]["value"] == 0.4
    assert found["drain"]["negative"]["share"]["value"] == 0.6
    assert found["drain"]["negative"]["area"]["value"] == pytest.approx(0.1)
    assert found["drain"]["positive"]["films"] == 1
    assert found["lesion"]["gap"]["value"] == pytest.approx(-0.2)
