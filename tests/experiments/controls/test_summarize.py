"""Rows become a table: T(IoU) by hand, the prior's skill is 0, the best control is named."""

import math

import numpy as np
import pandas as pd
import pytest

from cxr_xai.experiments.controls.maps import PRIOR
from cxr_xai.experiments.controls.summarize import (
    best_control,
    share_above,
    summarize_controls,
    tabulate_controls,
)


def rows(iou: float, prior: float = 0.2) -> pd.DataFrame:
    """Thirty maps of one finding, equal but for their patients."""
    scores = {"dead": False, "pointing": 0.5, "energy": 0.3, "iou": iou, "iobb": 0.4, "prior_iobb": 0.1}
    scores |= {"prior_pointing": 0.4, "prior_energy": 0.2, "prior_iou": prior}
    scores |= {"ceiling_energy": 0.9, "ceiling_iou": 0.8, "finding": "Mass", "boxes": 1}
    return pd.DataFrame([scores | {"patient_id": str(n), "image_id": f"{n}.png"} for n in range(30)])


def test_shares_above_a_level() -> None:
    table = pd.DataFrame({"finding": "Mass", "iou": [0.1, 0.35, 0.75, math.nan], "dead": [False, False, False, True]})
    shares = share_above(table)["Mass"]
    assert list(shares.values()) == [0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    assert math.isnan(share_above(table)["Nodule"]["0.1"])


def test_a_score_at_the_level_has_not_found_in_single_precision() -> None:
    rounded = pd.DataFrame({"finding": "Mass", "iou": np.array([0.1, 0.3], np.float32), "dead": False})
    assert rounded["iou"].astype(float).gt([0.1, 0.3]).all(), "both are rounded up"
    shares = share_above(rounded)["Mass"]
    assert (shares["0.1"], shares["0.3"]) == (0.5, 0.0)
    unknown = rounded.assign(iou=[math.nan, 0.35])
    assert share_above(unknown)["Mass"]["0.3"] == 1.0, "a prior that is undefined is no miss"


def test_the_table_by_hand() -> None:
    both = summarize_controls({"center": rows(0.5), PRIOR: rows(0.2)}, replicates=20)
    table = tabulate_controls(both, (7, 8), 224).set_index(["finding", "control"])
    for finding in ("macro", "Mass"):
        assert table.loc[(finding, "center"), "skill"] == pytest.approx(0.5)  # (.5 - .2) / (.8 - .2)
        assert table.loc[(finding, PRIOR), "skill"] == pytest.approx(0)
        assert table.loc[(finding, "ceiling"), "skill"] == 1
        assert table.loc[(finding, "ceiling"), "iou"] == pytest.approx(0.8)
        assert table.loc[(finding, "center"), ["t_iou_0.4", "t_iou_0.5"]].tolist() == [1, 0]
        assert table.loc[(finding, "ceiling"), "t_iou_0.7"] == 1
        assert table.loc[(finding, "center"), "boxes"] == 30
    assert set(table["grid"]) == {"7x8"}
    assert set(table.index.get_level_values(0)) == {"macro", "Mass"}, "findings without boxes have no rows"


def test_the_best_is_named_and_the_prior_is_not_among_them() -> None:
    both = summarize_controls({"center": rows(0.3), "two lungs": rows(0.4), PRIOR: rows(0.6)}, replicates=5)
    assert best_control(both) == best_control(both, "Mass") == "two lungs"
    assert best_control(both, "Nodule") is None
