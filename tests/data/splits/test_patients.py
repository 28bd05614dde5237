"""Rows to patients and back."""

import numpy as np
import pandas as pd

from cxr_xai.data.splits.patients import stratify_patients
from cxr_xai.findings import FINDINGS


def test_all_rows_of_a_patient_get_one_part_and_counts_are_summed_over_images() -> None:
    # Patient 1 has two images, the positive one second: stratifying on first images would see no positive at all.
    studies = pd.DataFrame(0.0, index=range(4), columns=list(FINDINGS))
    studies["image_id"], studies["patient_id"] = list("abcd"), ["1", "1", "2", "2"]
    studies.loc[[1, 3], "Hernia"] = 1.0
    part = stratify_patients(studies, frozenset(), [0.5, 0.5], seed=0)
    assert part[0] == part[1]
    assert part[2] == part[3]
    assert part[0] != part[2]


def test_boxed_patients_are_spread() -> None:
    studies = pd.DataFrame(0.0, index=range(40), columns=list(FINDINGS))
    studies["image_id"] = studies["patient_id"] = [f"{n:02d}" for n in range(40)]
    boxed = frozenset(studies["image_id"][:10])
    part = stratify_patients(studies, boxed, [0.5, 0.5], seed=0)
    assert np.bincount(part[:10]).tolist() == [5, 5]
    assert np.bincount(part).tolist() == [20, 20]
