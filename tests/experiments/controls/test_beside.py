"""The controls beside a run's maps are scored on its pairs and grid, and change no number of theirs."""

import numpy as np
import pandas as pd
import pytest

from cxr_xai.data.boxes import pair_boxes
from cxr_xai.experiments.controls.beside import summarize_beside
from cxr_xai.experiments.controls.maps import IMAGE_FREE, score_attribution, score_controls, score_references
from cxr_xai.experiments.controls.summarize import summarize_controls
from cxr_xai.metrics.prior import build_prior

SIZE = 56


@pytest.fixture(scope="module")
def boxes() -> pd.DataFrame:
    """60 patients with one box each of two findings, in the left half of the film."""
    random = np.random.default_rng(0)
    x, y = random.integers(0, 12, 120) / 56, random.integers(0, 28, 120) / 56
    names = {"image_id": [f"{n % 60}.png" for n in range(120)], "patient_id": [str(n % 60) for n in range(120)]}
    finding = ["Mass"] * 60 + ["Nodule"] * 60
    return pd.DataFrame({**names, "finding": finding, "x0": x, "y0": y, "x1": x + 0.25, "y1": y + 0.5})


def as_run(boxes: pd.DataFrame, grid: tuple[int, int]) -> pd.DataFrame:
    """What a run would have stored of the first 40 patients, its rows in another order."""
    pairs = pair_boxes(boxes[boxes["patient_id"].astype(int) < 40], SIZE)
    references = score_references(pairs, build_prior(boxes), grid, SIZE)
    scores = score_attribution(pairs, IMAGE_FREE["center"](grid, [], 0), references, SIZE)
    return scores.assign(grid=f"{grid[0]}x{grid[1]}", iou=0.9).sample(frac=1, random_state=0)


@pytest.mark.parametrize("grid", [(7, 7), (4, 6)])
def test_the_same_numbers_as_on_the_table_of_controls(boxes: pd.DataFrame, grid: tuple[int, int]) -> None:
    beside = summarize_beside(as_run(boxes, grid), boxes, SIZE, 20)
    pairs = pair_boxes(boxes[boxes["patient_id"].astype(int) < 40], SIZE)
    references = score_references(pairs, build_prior(boxes), grid, SIZE)
    table = summarize_controls(score_controls(pairs, references, grid, SIZE), 20)
    assert beside["grid"] == f"{grid[0]}x{grid[1]}"
    assert list(beside["macro"]) == list(IMAGE_FREE)
    for name, row in beside["macro"].items():
        assert set(row) == {"iou", "pointing", "energy", "skill"}
        for key, entry in row.items():
            assert entry == pytest.approx(table[name]["macro"][key]), (name, key)
            assert entry["low"] <= entry["value"] <= entry["high"]
    best = max(beside["macro"], key=lambda name: beside["macro"][name]["iou"]["value"])
    assert beside["best"] == best


def test_none_is_best_where_no_finding_has_twenty_boxes(boxes: pd.DataFrame) -> None:
    scores = as_run(boxes, (7, 7))
    few = scores[scores["patient_id"].astype(int) < 5]
    assert summarize_beside(few, boxes, SIZE, 5)["best"] is None
