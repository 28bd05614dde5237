"""What an index says about itself."""

import numpy as np
import pandas as pd
import pytest

from cxr_xai.data.index import BOX_COLUMNS, STUDY_COLUMNS, Index
from cxr_xai.findings import BOXED, FINDINGS


@pytest.fixture
def index() -> Index:
    studies = pd.DataFrame(0.0, index=range(3), columns=list(FINDINGS))
    studies.loc[0, ["Mass", "Hernia"]] = 1.0
    studies.loc[1, "Mass"] = np.nan
    studies.loc[2, "Mass"] = 1.0
    studies["image_id"], studies["patient_id"] = ["a.png", "b.png", "c.png"], ["1", "2", "2"]
    studies["path"] = pd.Series(["x/a.png", None, "x/c.png"], dtype=object)
    boxes = pd.DataFrame([("a.png", "1", "Mass", 0, 0, 1, 1), ("c.png", "2", "Mass", 0, 0, 1, 1)], columns=BOX_COLUMNS)
    return Index("test", studies, boxes, {}, {})


def test_targets_are_in_the_order_of_findings_and_keep_unknown(index: Index) -> None:
    assert index.targets.shape == (3, 14)
    assert index.targets.dtype == np.float32
    assert index.targets[0].nonzero()[0].tolist() == [FINDINGS.index("Mass"), FINDINGS.index("Hernia")]
    assert np.isnan(index.targets[1, FINDINGS.index("Mass")])


def test_present_is_where_a_path_is(index: Index) -> None:
    assert index.present.tolist() == [True, False, True]


def test_positives_skip_unknown_labels(index: Index) -> None:
    assert index.positives() == {**dict.fromkeys(FINDINGS, 0), "Mass": 2, "Hernia": 1}


def test_boxes_by_finding_names_all_eight(index: Index) -> None:
    assert index.boxes_by_finding() == {**dict.fromkeys(BOXED, 0), "Mass": 2}


def test_columns_end_with_the_findings() -> None:
    assert STUDY_COLUMNS[-14:] == FINDINGS
