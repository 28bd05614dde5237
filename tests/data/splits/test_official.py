"""The published lists."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.errors import UserError

Release = Callable[..., Path]


def test_test_is_the_list_and_val_is_carved_by_patient(small_release: Release) -> None:
    index = NihReader().read(small_release())
    split = OfficialSplit(val_fraction=0.3).split(index)
    assert index.studies["image_id"].iloc[split.rows("test")].str[:8].unique().tolist() == ["00000004", "00000005"]
    assert len(split.rows("train")) + len(split.rows("val")) == 7
    assert 1 <= len(split.rows("val")) <= 3


def test_boxed_images_stay_in_test(small_release: Release) -> None:
    index = NihReader().read(small_release())
    split = OfficialSplit(val_fraction=0.3).split(index)
    assert set(split.part[index.studies["image_id"].isin(index.boxes["image_id"])]) == {"test"}


def test_both_editions_are_split_alike(small_release: Release) -> None:
    hashes = {
        OfficialSplit(val_fraction=0.3).split(NihReader().read(small_release(name, edition=name))).hash
        for name in ("v2020", "2017")
    }
    assert len(hashes) == 1


def test_lists_that_tear_a_patient_are_refused(small_release: Release) -> None:
    root = small_release()
    lists = [root / "train_val_list.txt", root / "test_list.txt"]
    lists[0].write_text(lists[0].read_text().replace("00000001_001.png\n", ""))
    lists[1].write_text(lists[1].read_text() + "\n00000001_001.png\n")
    with pytest.raises(UserError, match=r"not patient-disjoint: 1 patients.*the first is 1 "):
        OfficialSplit(val_fraction=0.3).split(NihReader().read(root))


def test_images_in_neither_list_take_no_part(small_release: Release) -> None:
    root = small_release()
    path = root / "train_val_list.txt"
    path.write_text(path.read_text().replace("00000002_000.png\n", ""))
    index = NihReader().read(root)
    part = OfficialSplit(val_fraction=0.3).split(index).part
    assert index.studies["image_id"][part == ""].tolist() == ["00000002_000.png"]


@pytest.mark.parametrize("name", ["train_val_list.txt", "test_list.txt"])
def test_a_missing_list_is_named(small_release: Release, name: str) -> None:
    root = small_release()
    (root / name).unlink()
    with pytest.raises(UserError, match=f"no image is in {name}; copy the lists"):
        OfficialSplit().split(NihReader().read(root))


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 2])
def test_an_impossible_fraction_is_refused(fraction: float) -> None:
    with pytest.raises(UserError, match=r"split\.val_fraction is"):
        OfficialSplit(val_fraction=fraction)
