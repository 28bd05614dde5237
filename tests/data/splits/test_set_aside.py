"""The selection fold: whole patients, by hash, out of val and of every number."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.data.index import BOX_COLUMNS, Index
from cxr_xai.data.splits.box_halves import half_rows
from cxr_xai.data.splits.file import FileSplit, write_split
from cxr_xai.data.splits.kfold import KFoldSplit
from cxr_xai.data.splits.patient import PatientSplit
from cxr_xai.data.splits.set_aside import selects, set_aside
from cxr_xai.data.splits.split import EXTERNAL, PARTS, PREDICTED, SELECTION, Split
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS

quick = settings(max_examples=15, deadline=None)


def make_index(patients: int, boxed: int, seed: int) -> Index:
    """Patients of 1 to 5 images; of ``boxed`` of them the first image has a box."""
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(1, patients + 1), random.integers(1, 6, patients))
    studies = pd.DataFrame((random.random((len(patient), 14)) < 0.2).astype(float), columns=list(FINDINGS))
    studies["image_id"] = [f"{n:04d}.png" for n in range(len(patient))]
    studies["patient_id"], studies["path"] = patient.astype(str), "x"
    studies["official"] = np.where(patient % 4 == 0, "test", "train_val")
    owners = random.choice(patients, boxed, replace=False) + 1
    first = studies.drop_duplicates("patient_id")
    boxes = first.loc[first["patient_id"].isin(owners.astype(str)), ["image_id", "patient_id"]]
    return Index("test", studies, boxes.assign(finding="Mass", x0=0, y0=0, x1=1, y1=1)[list(BOX_COLUMNS)], {}, {})


def split_or_none(index: Index, scheme: str, share: float, seed: int) -> Split | None:
    maker = PatientSplit(seed=seed, selection=share) if scheme == "patient" else KFoldSplit(seed=seed, selection=share)
    try:
        return maker.split(index)
    except UserError:  # nobody of a small val lies below a small share
        return None


@quick
@given(st.integers(20, 80), st.floats(0.05, 1), st.sampled_from(["patient", "kfold"]), st.integers(0, 99))
def test_no_selection_patient_is_in_any_reported_part(patients: int, share: float, scheme: str, seed: int) -> None:
    index = make_index(patients, patients // 2, seed)
    if (split := split_or_none(index, scheme, share, seed)) is None:
        return
    owner = index.studies["patient_id"].to_numpy(str)
    aside = set(owner[split.rows(SELECTION)])
    boxed = index.studies["image_id"].isin(index.boxes["image_id"]).to_numpy()
    assert aside
    assert split.parts == (*PARTS, SELECTION)
    for part in ("train", *PREDICTED):
        assert not aside & set(owner[split.rows(part)]), part
    for half in ("monitored", "sealed"):
        assert not aside & set(owner[half_rows(half, index.studies, boxed, split)]), half
    assert set(owner[half_rows(SELECTION, index.studies, boxed, split)]) == aside, "each of them has a box"
    assert np.isin(owner[split.part == SELECTION], list(aside)).all()
    assert (split.part[np.isin(owner, list(aside))] == SELECTION).all(), "with all their studies"


@quick
@given(st.integers(30, 80), st.sampled_from(["patient", "kfold"]), st.integers(0, 99))
def test_only_boxed_val_patients_are_moved_and_larger_shares_hold_smaller_ones(
    patients: int, scheme: str, seed: int
) -> None:
    index = make_index(patients, patients // 2, seed)
    plain = split_or_none(index, scheme, 0.0, seed)
    assert plain is not None
    assert plain.parts == PARTS
    assert "selection" not in plain.about
    before: set[int] = set()
    for share in (0.3, 0.6, 1.0):
        if (split := split_or_none(index, scheme, share, seed)) is None:
            continue
        moved = split.part != plain.part
        assert (plain.part[moved] == "val").all()
        assert (split.part[moved] == SELECTION).all()
        assert before <= set(np.flatnonzero(moved))
        before = set(np.flatnonzero(moved))
        assert split.hash != plain.hash
        assert split.about["selection"] == share
        assert split.about.get("folds_sha256") == plain.about.get("folds_sha256"), "the same division into folds"
    boxed = set(index.boxes["image_id"])
    owner = index.studies["patient_id"].to_numpy(str)
    of_val = set(owner[(plain.part == "val") & index.studies["image_id"].isin(boxed).to_numpy()])
    assert {owner[row] for row in before} == of_val, "a share of 1 takes all of them"


HASHES = ("056e8526586111f6", "2aa8f021ce2508a7")


def test_the_hash_of_a_split_without_selection_never_changes() -> None:
    # Written down before there was a selection fold.
    index = make_index(60, 30, seed=0)
    assert (PatientSplit().split(index).hash[:16], KFoldSplit().split(index).hash[:16]) == HASHES


def test_who_is_set_aside_is_written_down() -> None:
    # A run of next year must set the same patients aside.
    assert " ".join(patient for patient in map(str, range(1, 21)) if selects(patient, 0.5)) == "1 2 3 4 6 7 8 10 15 20"


def test_missing_films_do_not_matter() -> None:
    index = make_index(60, 30, seed=0)
    bare = replace(index, studies=index.studies.assign(path=None))
    scheme = PatientSplit(selection=0.5)
    assert scheme.split(index).hash == scheme.split(bare).hash


def test_it_is_written_and_read_back(tmp_path: Path) -> None:
    index = make_index(60, 30, seed=0)
    split = KFoldSplit(fold=2, selection=0.7).split(index)
    write_split(tmp_path / "split.csv", index.studies, split)
    again = FileSplit(str(tmp_path / "split.csv")).split(index)
    assert (again.part == split.part).all()
    assert (again.hash, again.about, again.parts) == (split.hash, split.about, split.parts)
    assert again.about["selection"] == 0.7


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
@pytest.mark.parametrize("scheme", [PatientSplit, KFoldSplit])
def test_what_is_no_share_is_refused(scheme: type[PatientSplit | KFoldSplit], share: float) -> None:
    with pytest.raises(UserError, match=r"split\.selection is .*; it is a share of val's boxed patients, 0 to 1"):
        scheme(selection=share)


def test_a_val_without_boxes_has_nobody_to_set_aside() -> None:
    index = make_index(40, 20, seed=1)
    listed = index.studies["official"] == "test"
    outside = replace(index, boxes=index.boxes[index.boxes["image_id"].isin(index.studies.loc[listed, "image_id"])])
    with pytest.raises(UserError, match=r"split\.selection=0\.5 sets nobody aside: val has 0 .*split\.pool=all"):
        KFoldSplit(pool="train_val", selection=0.5).split(outside)


def test_parts_come_in_one_order() -> None:
    part = np.array(["val", EXTERNAL, SELECTION])
    assert Split("x", part, "").parts == (*PARTS, SELECTION, EXTERNAL)


def test_nothing_moves_without_a_share() -> None:
    part = np.array(["val", "train"])
    assert set_aside(part, SimpleNamespace(), 0.0) is part  # type: ignore[arg-type]
