"""The controls score what they must."""

import numpy as np
import pandas as pd
import pytest
import torch

from cxr_xai.data.boxes import CORNERS, pair_boxes
from cxr_xai.experiments.controls.maps import IMAGE_FREE, PRIOR, score_controls, score_references
from cxr_xai.metrics.prior import build_prior, pool_to_grid
from cxr_xai.metrics.scoring import score_maps

GRID, SIZE = (7, 7), 56
AREA = 0.25 * 0.5


@pytest.fixture(scope="module")
def boxes() -> pd.DataFrame:
    """200 patients, each with a box of an eighth of the film somewhere."""
    random = np.random.default_rng(0)
    x, y = random.integers(0, 42, 200) / 56, random.integers(0, 28, 200) / 56
    names = {
        "image_id": [f"{n}.png" for n in range(200)],
        "patient_id": [str(n) for n in range(200)],
        "finding": "Mass",
    }
    return pd.DataFrame({**names, "x0": x, "y0": y, "x1": x + 0.25, "y1": y + 0.5})


@pytest.fixture(scope="module")
def rows(boxes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    pairs = pair_boxes(boxes, SIZE)
    return score_controls(pairs, score_references(pairs, build_prior(boxes), GRID, SIZE), GRID, SIZE)


def test_random_energy_and_pointing_are_the_share_of_the_area(rows: dict[str, pd.DataFrame]) -> None:
    random = rows["random"]
    assert random["energy"].mean() == pytest.approx(AREA, abs=0.01)
    assert random["energy_ratio"].mean() == pytest.approx(1, abs=0.06)
    assert random["pointing"].mean() == pytest.approx(AREA, abs=0.07)
    assert random["iou"].mean() == pytest.approx(AREA, abs=0.02), "its region spans the film"


def test_the_prior_is_its_pooled_map_scored_as_any_other(boxes: pd.DataFrame, rows: dict[str, pd.DataFrame]) -> None:
    pairs, prior = pair_boxes(boxes, SIZE), build_prior(boxes)
    keys = zip(pairs.table["finding"], pairs.table["patient_id"], strict=True)
    maps = torch.stack([prior.heatmap(finding, patient) for finding, patient in keys])
    scores = score_maps(pool_to_grid(maps, GRID), pairs.boxes, SIZE)
    for key in ("pointing", "energy", "iou", "iobb"):
        np.testing.assert_allclose(rows[PRIOR][key], scores[key].numpy(), atol=1e-6)


def test_nothing_beats_the_ceiling(rows: dict[str, pd.DataFrame]) -> None:
    for table in rows.values():
        assert (table["iou"] <= table["ceiling_iou"] + 1e-5).all()
        assert (table["energy"] <= table["ceiling_energy"] + 1e-5).all()


def test_a_box_in_the_middle_belongs_to_the_center() -> None:
    row = {"image_id": "a.png", "patient_id": "1", "finding": "Mass"}
    boxes = pd.DataFrame([row | dict(zip(CORNERS, (0.25, 0.25, 0.75, 0.75), strict=True))])
    pairs = pair_boxes(boxes, SIZE)
    rows = score_controls(pairs, score_references(pairs, build_prior(boxes), GRID, SIZE), GRID, SIZE)
    assert rows["center"]["pointing"].item() == 1
    assert rows["center"]["iou"].item() > 0.6
    assert rows["two lungs"]["iou"].item() < rows["center"]["iou"].item()
    assert rows[PRIOR]["iou"].isna().all(), "no other patients"


def test_random_maps_belong_to_their_pair() -> None:
    one, two = (IMAGE_FREE["random"](GRID, keys, 0) for keys in (["a", "b"], ["b"]))
    assert torch.equal(one[1], two[0])
    assert not torch.equal(one[0], one[1])
