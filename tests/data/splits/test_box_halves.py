"""Half of the boxed patients are watched, half are sealed: always the same ones."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.data.boxes import read_box_list
from cxr_xai.data.splits.box_halves import box_half, half_rows
from cxr_xai.data.splits.split import Split

STUDIES = pd.DataFrame({"patient_id": ["3", "3", "1", "2", "4", "5"]})  # sealed: 3, 4, 5; monitored: 1, 2
BOXED = np.array([True, False, True, True, True, False])


def test_the_halves_never_change() -> None:
    # Written down once: a run of next year must seal the same patients.
    sealed = [patient for patient in map(str, range(1, 21)) if box_half(patient) == "sealed"]
    assert " ".join(sealed) == "3 4 5 7 8 11 13 14 16 17 18 20"


@given(st.integers(1, 40_000).map(str))
def test_a_patient_is_in_one_half(patient: str) -> None:
    assert box_half(patient) in ("monitored", "sealed")
    assert box_half(patient) == box_half(patient)


def test_about_half_of_many_patients_is_sealed() -> None:
    share = np.mean([box_half(str(patient)) == "sealed" for patient in range(10_000)])
    assert abs(share - 0.5) < 0.02  # 4 standard errors


def test_official_divides_test_by_patient() -> None:
    split = Split("official", np.array(["test"] * 4 + ["train", "test"]), "")
    assert half_rows("sealed", STUDIES, BOXED, split).tolist() == [0]
    assert half_rows("monitored", STUDIES, BOXED, split).tolist() == [2, 3]
    assert half_rows("sealed", STUDIES, np.ones(6, bool), split).tolist() == [0, 1, 5]  # row 4 trains


def test_folds_of_train_val_divide_the_test_list_by_patient() -> None:
    split = Split("kfold of train_val", np.array(["external"] * 4 + ["train", "test"]), "")
    assert half_rows("sealed", STUDIES, BOXED, split).tolist() == [0]
    assert half_rows("monitored", STUDIES, BOXED, split).tolist() == [2, 3]
    assert half_rows("sealed", STUDIES, np.ones(6, bool), split).tolist() == [0, 1], "a fold's own test is not sealed"


def test_other_schemes_watch_val_and_seal_test() -> None:
    split = Split("patient", np.array(["val", "val", "test", "train", "val", "test"]), "")
    assert half_rows("monitored", STUDIES, BOXED, split).tolist() == [0, 4]
    assert half_rows("sealed", STUDIES, BOXED, split).tolist() == [2]


@pytest.mark.parametrize("scheme", ["official", "patient"])
def test_halves_are_disjoint_by_patient(scheme: str) -> None:
    studies = pd.DataFrame({"patient_id": np.repeat(np.arange(200), 3).astype(str)})
    part = np.repeat(np.random.default_rng(0).choice(["train", "val", "test"], 200), 3)
    halves = [
        set(studies["patient_id"].iloc[half_rows(half, studies, np.ones(600, bool), Split(scheme, part, ""))])
        for half in ("monitored", "sealed")
    ]
    assert halves[0]
    assert halves[1]
    assert not halves[0] & halves[1]


def test_real_halves_are_both_about_half(shared: Path) -> None:
    boxes = read_box_list(shared / "nih-chestxray14" / "BBox_List_2017.csv")
    patient = boxes["image_id"].str[:8].str.lstrip("0")
    sealed = patient.map(box_half) == "sealed"
    assert 726 * 0.45 < patient[sealed].nunique() < 726 * 0.55
    assert (boxes[sealed]["finding"].value_counts() >= 20).all()
    assert (boxes[~sealed]["finding"].value_counts() >= 20).all()


def test_another_half_is_an_error() -> None:
    split = Split("official", np.array(["test"] * 6), "")
    with pytest.raises(ValueError, match="half='seald': the halves are monitored and sealed"):
        half_rows("seald", STUDIES, BOXED, split)
