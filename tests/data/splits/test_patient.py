"""Random patients, stratified."""

import numpy as np
import pandas as pd
import pytest

from cxr_xai.data.index import BOX_COLUMNS, Index
from cxr_xai.data.splits.patient import PatientSplit
from cxr_xai.data.splits.split import PARTS
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS


@pytest.fixture(scope="module")
def index() -> Index:
    random = np.random.default_rng(0)
    patient = np.repeat(np.arange(1500), random.geometric(0.4, 1500))
    studies = pd.DataFrame((random.random((len(patient), 14)) < 0.08).astype(float), columns=list(FINDINGS))
    studies["image_id"], studies["patient_id"], studies["path"] = (
        [f"{n}.png" for n in range(len(patient))],
        patient.astype(str),
        "x",
    )
    boxed = studies.loc[patient % 15 == 0, ["image_id", "patient_id"]].assign(finding="Mass", x0=0, y0=0, x1=1, y1=1)
    return Index("test", studies, boxed[list(BOX_COLUMNS)], {}, {})


def test_images_findings_and_boxes_are_divided_like_the_fractions(index: Index) -> None:
    split = PatientSplit().split(index)
    boxed = index.studies["image_id"].isin(index.boxes["image_id"]).to_numpy()
    for part, fraction in zip(PARTS, (0.70, 0.15, 0.15), strict=True):
        rows = split.rows(part)
        assert abs(len(rows) / len(index.studies) - fraction) < 0.005
        assert abs(boxed[rows].sum() / boxed.sum() - fraction) < 0.02
        np.testing.assert_allclose(index.targets[rows].sum(0) / index.targets.sum(0), fraction, atol=0.02)


def test_unknown_labels_do_not_break_the_division(index: Index) -> None:
    studies = index.studies.copy()
    studies.loc[::3, list(FINDINGS)] = np.nan
    split = PatientSplit().split(Index("test", studies, index.boxes, {}, {}))
    assert abs(len(split.rows("train")) / len(studies) - 0.70) < 0.01


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.5), (1.0, 0.0, 0.0), (1.2, -0.1, -0.1), (0.5, 0.5)])
def test_impossible_fractions_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match=r"split\.fractions is .*three positive shares"):
        PatientSplit(fractions)
