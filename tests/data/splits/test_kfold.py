"""Five runs, one division."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxr_xai.data.index import Index
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.kfold import KFoldSplit
from cxr_xai.errors import UserError


@pytest.fixture
def index(small_release: Callable[..., Path]) -> Index:
    return NihReader().read(small_release())


def test_every_study_is_tested_once_and_the_division_is_shared(index: Index) -> None:
    splits = [KFoldSplit(k=3, fold=fold, val_fraction=0.3).split(index) for fold in range(3)]
    tested = np.concatenate([split.rows("test") for split in splits])
    assert sorted(tested) == list(range(len(index.studies)))
    assert len({split.about["folds_sha256"] for split in splits}) == 1
    assert len({split.hash for split in splits}) == 3
    assert [split.about["fold"] for split in splits] == [0, 1, 2]
    others = {KFoldSplit(k=3, seed=seed).split(index).about["folds_sha256"] for seed in range(5)}
    assert len(others) > 1


def test_a_patient_of_several_images_stays_whole(index: Index) -> None:
    for fold in range(3):
        part = KFoldSplit(k=3, fold=fold, val_fraction=0.3).split(index).part
        for _, rows in index.studies.groupby("patient_id").indices.items():
            assert len(set(part[rows])) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 1}, r"split\.k is 1; cross-validation needs 2 folds"),
        ({"fold": 5}, r"split\.fold is 5; with split\.k=5 the folds are 0 to 4"),
        ({"fold": -1}, r"split\.fold is -1"),
        ({"pool": "test"}, r"split\.pool is 'test'; the pools are all and train_val"),
        ({"val_fraction": 1.0}, r"split\.val_fraction is 1\.0"),
    ],
)
def test_impossible_folds_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        KFoldSplit(**options)


def test_more_folds_than_patients_are_refused(index: Index) -> None:
    with pytest.raises(UserError, match=r"split\.k is 9, and there are 7 patients"):
        KFoldSplit(k=9).split(index)


@pytest.mark.parametrize("gone", ["train_val", "test"])
def test_a_pool_without_the_published_lists_is_refused(index: Index, gone: str) -> None:
    studies = index.studies.assign(official=index.studies["official"].replace(gone, None))
    with pytest.raises(UserError, match=rf"split\.pool=train_val needs .* no image is in {gone}_list\.txt"):
        KFoldSplit(k=2, pool="train_val").split(replace(index, studies=studies))
