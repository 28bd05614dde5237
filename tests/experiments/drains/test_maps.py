"""Means of shares with and without a drain."""

import numpy as np
import pandas as pd
import pytest

from cxr_xai.experiments.drains.maps import PLACE_COLUMNS, compare_boxes, compare_means, summarize_places
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
            "energy_ratio": [2.0, np.nan, 0.5, 3.0, 1.0],
            "dead": [False, True, False, False, False],
        }
    )
    drains = pd.Series({"a": "yes", "b": "yes", "c": "no", "e": "yes"})
    found = compare_boxes(scores, drains, 20)
    assert found is not None
    both = [(found[key]["with"]["value"], found[key]["without"]["value"]) for key in ("all", "live", "corrected")]
    assert (both, found["dead"]) == ([(0.25, 0.2), (0.5, 0.2), (1.0, -1.0)], 1)
    assert found["all"]["rows"] == {"with": 2, "without": 1, "undefined": 0}, "of d nobody knows"
    assert compare_boxes(scores, drains.drop("c"), 20) is None
    auroc = {"with": 1, "without": 2}
    rows = list_rows({"auroc": auroc, "gap": 3, "boxes": found, "planted": None})
    assert [row[0] for row in rows] == [
        "AUROC against all negatives",
        "energy in the box, all maps, dead 0",
        "energy in the box, live maps",
        "log2 of energy over area of the box, live",
    ]


def test_places_stand_beside_an_even_map() -> None:
    rows = [
        ["a", "a", "yes", 1.0, 0.4, 0.1, 0.3, 0.2],
        ["b", "b", "yes", 0.0, 0.6, 0.1, np.nan, np.nan],
        ["c", "c", "no", 1.0, np.nan, np.nan, 0.5, 0.2],
        ["e", "e", "yes", 1.0, np.nan, 0.1, np.nan, 0.4],
        ["d", "d", "yes", np.nan, 1.0, 0.1, np.nan, np.nan],
    ]
    found = summarize_places(pd.DataFrame(rows, columns=list(PLACE_COLUMNS)), 20)
    drain = found["drain"]
    assert (drain["positive"]["all"]["value"], drain["positive"]["live"]["value"]) == (0.2, 0.4)
    assert (drain["positive"]["films"], drain["positive"]["dead"]) == (2, 1)
    assert drain["negative"]["live"]["value"] == 0.6
    assert drain["negative"]["area"]["value"] == pytest.approx(0.1)
    lesion = found["lesion"]
    assert lesion["all"]["gap"]["value"] == pytest.approx((0.3 + 0) / 2 - 0.5)
    assert lesion["live"]["gap"]["value"] == pytest.approx(-0.2)
    assert lesion["corrected"]["gap"]["value"] == pytest.approx(np.log2(1.5 / 2.5))
    assert lesion["area"]["with"]["value"] == pytest.approx(0.3)
