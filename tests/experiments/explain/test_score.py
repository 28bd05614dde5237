"""Numbers of one map, worked out by hand."""

import numpy as np
import pandas as pd
import torch

from cxr_xai.experiments.explain.score import boxed_findings, boxes_of, measure_map, score_map
from cxr_xai.findings import INDEX

BOXES = pd.DataFrame(
    {
        "image_id": ["a.png", "a.png", "b.png"],
        "finding": ["Mass", "Nodule", "Mass"],
        "x0": [0.0, 0.5, 0.0],
        "y0": [0.0, 0.5, 0.0],
        "x1": [0.5, 1.0, 1.0],
        "y1": [0.5, 1.0, 1.0],
    }
)


def test_an_even_map_of_two_levels() -> None:
    raw = np.array([[2.0, 2, 2, 2], [1, 1, 1, 1]], np.float32)
    found = measure_map(raw)  # 6 of 12 lie in three of eight cells
    assert found == {"dead": False, "peak_x": 0.125, "peak_y": 0.25, "half_area": 0.375}


def test_a_dead_map_has_no_numbers() -> None:
    found = measure_map(np.zeros((2, 2), np.float32))
    assert found["dead"] is True
    assert np.isnan([found["peak_x"], found["peak_y"], found["half_area"]]).all()


def test_scores_against_the_own_box() -> None:
    raw = np.zeros((2, 2), np.float32)
    raw[0, 0] = 1
    right = score_map(raw, boxes_of(BOXES, "sub/a.png", "Mass", 64), 64)
    wrong = score_map(raw, boxes_of(BOXES, "a.png", "Nodule", 64), 64)
    assert right["pointing"] == 1
    assert wrong["pointing"] == 0
    assert right["iou"] > 0.5 > wrong["iou"]


def test_no_box_no_score() -> None:
    assert len(boxes_of(BOXES, "c.png", "Mass", 64)) == 0
    assert len(boxes_of(None, "a.png", "Mass", 64)) == 0
    assert np.isnan(list(score_map(np.eye(2, dtype=np.float32), torch.zeros(0, 4), 64).values())).all()


def test_boxed_findings_of_a_film() -> None:
    assert boxed_findings(BOXES, "x/a.png") == sorted([INDEX["Mass"], INDEX["Nodule"]])
    assert boxed_findings(None, "a.png") == []
