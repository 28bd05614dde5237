"""A split as a file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cxr_xai.data.index import Index
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.file import FileSplit, write_split
from cxr_xai.data.splits.kfold import KFoldSplit
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.errors import UserError


@pytest.fixture
def index(small_release: Callable[..., Path]) -> Index:
    return NihReader().read(small_release())


@pytest.fixture
def written(index: Index, tmp_path: Path) -> Path:
    write_split(tmp_path / "split.csv", index.studies, KFoldSplit(k=3, fold=2, val_fraction=0.3).split(index))
    return tmp_path / "split.csv"


def test_what_was_written_is_read(index: Index, written: Path) -> None:
    original, read = KFoldSplit(k=3, fold=2, val_fraction=0.3).split(index), FileSplit(str(written)).split(index)
    assert (read.part == original.part).all()
    assert (read.scheme, read.hash, read.about) == (original.scheme, original.hash, original.about)


def test_the_bytes_do_not_depend_on_the_order_of_rows(index: Index, written: Path, tmp_path: Path) -> None:
    turned = replace(index, studies=index.studies.iloc[::-1].reset_index(drop=True))
    split = KFoldSplit(k=3, fold=2, val_fraction=0.3).split(turned)
    write_split(tmp_path / "turned.csv", turned.studies, split)
    assert (tmp_path / "turned.csv").read_bytes() == written.read_bytes()


def test_a_list_by_hand(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("image_id,part\n00000001_000.png,train\n00000001_001.png,train\n00000004_000.png,test\n")
    split = FileSplit(str(path)).split(index)
    assert split.scheme == "file"
    assert [len(split.rows(part)) for part in ("train", "val", "test")] == [2, 0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace(",test\n", ",val\n"), "was changed after it was written"),
        (
            lambda text: text.replace("00000006_000.png", "00000099_000.png"),
            r"names 00000099_000\.png, which the label",
        ),
        (lambda text: "\n".join(text.splitlines()[:-1]) + "\n", "divides 9 images and the label file has 10"),
        (lambda text: text.replace(",train\n", ",training\n", 1), "has a part 'training'"),
        (lambda text: text + text.splitlines()[-1] + "\n", "twice; an image has one part"),
        (lambda text: "nothing", "is no split"),
        (lambda text: "# split {}\nimage_id,part\n", "lacks scheme"),
        (lambda text: "# split {\nimage_id,part\n", "is no split"),
    ],
)
def test_another_file_is_refused(index: Index, written: Path, change: Callable[[str], str], message: str) -> None:
    written.write_text(change(written.read_text()))
    with pytest.raises(UserError, match=rf"split\.path=.*{message}"):
        FileSplit(str(written)).split(index)


def test_a_torn_patient_is_refused(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("image_id,part\n00000001_000.png,train\n00000001_001.png,test\n")
    with pytest.raises(UserError, match="split=file is not patient-disjoint: 1 patients"):
        FileSplit(str(path)).split(index)


def test_no_file_calls_itself_official_but_the_official_split(index: Index, tmp_path: Path) -> None:
    official = OfficialSplit(val_fraction=0.3).split(index)
    write_split(tmp_path / "split.csv", index.studies, official)
    assert FileSplit(str(tmp_path / "split.csv")).split(index).scheme == "official"
    other = KFoldSplit(k=3).split(index)
    write_split(tmp_path / "split.csv", index.studies, replace(other, scheme="official"))
    with pytest.raises(UserError, match="calls itself official, and its test part is not the test list of nih"):
        FileSplit(str(tmp_path / "split.csv")).split(index)


def test_a_held_out_part_is_written_and_read(index: Index, tmp_path: Path) -> None:
    original = KFoldSplit(k=2, pool="train_val", val_fraction=0.3).split(index)
    write_split(tmp_path / "split.csv", index.studies, original)
    read = FileSplit(str(tmp_path / "split.csv")).split(index)
    assert (read.part == original.part).all()
    assert read.scheme == "kfold of train_val"
    write_split(tmp_path / "split.csv", index.studies, replace(KFoldSplit(k=2).split(index), scheme=read.scheme))
    with pytest.raises(UserError, match="and its external part is not the test list"):
        FileSplit(str(tmp_path / "split.csv")).split(index)


def test_a_missing_file_is_named(index: Index, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"split\.path=.*gone\.csv: no such file; runs write theirs as split\.csv"):
        FileSplit(str(tmp_path / "gone.csv")).split(index)
