"""Chest drains in the layouts in which people keep such annotations."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.data.neatx import read_drains
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.errors import UserError

Release = Callable[..., Path]


def read(path: Path, text: str) -> dict[str, str | None]:
    path.write_text(text)
    found = read_drains(path)
    return {name: None if pd.isna(value) else value for name, value in found.items()}


def test_one_column_a_row_a_film(tmp_path: Path) -> None:
    found = read(tmp_path / "drains.csv", ",Image Index,Drain\n0,1_000.png,1\n1,1_001.png,0\n2,2_000.png,\n")
    assert found == {"1_000.png": "yes", "1_001.png": "no", "2_000.png": None}


def test_a_column_an_annotator_the_majority_counts(tmp_path: Path) -> None:
    text = "image_id,Drain_A1,Drain_A2,chest tube 3\na.png,yes,yes,no\nb.png,no,yes,\nc.png,No,unsure,-1\n"
    assert read(tmp_path / "drains.csv", text) == {"a.png": "yes", "b.png": None, "c.png": "no"}


def test_a_row_an_annotator_and_names_without_a_suffix(tmp_path: Path) -> None:
    text = "Image,Annotator,Chest tube\n5_000,x,True\n5_000,y,1.0\n5_000,z,0\n6_000,x,0.0\n"
    assert read(tmp_path / "drains.csv", text) == {"5_000.png": "yes", "6_000.png": "no"}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("Study,Drain\n1,1\n", r"has no column image_id \(it has Study, Drain\)"),
        ("Image Index\n1.png\n", r"has no column that says whether there is a drain"),
        ("Image Index,Drain\n1.png,1\n2.png,left\n", r"says 'left' of 2.png; expected 1 or 0"),
    ],
)
def test_errors_for_people(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(UserError, match=match):
        read(tmp_path / "drains.csv", text)
    with pytest.raises(UserError, match=r"there is no file .*nowhere\.csv"):
        read_drains(tmp_path / "nowhere.csv")


def test_an_attribute_of_nih_films(small_release: Release, tmp_path: Path) -> None:
    path = tmp_path / "neatx.csv"
    path.write_text("Image Index,Drain\n00000001_000.png,1\n00000004_000.png,0\n00000099_000.png,1\n")
    index = NihReader(neatx=str(path)).read_tables(small_release())
    drains = index.attributes.set_index("image_id")["drain"]
    assert drains.dropna().to_dict() == {"00000001_000.png": "yes", "00000004_000.png": "no"}
    assert drains.index.tolist() == index.studies["image_id"].tolist()
    assert index.counts["films with drain: yes"] == index.counts["films with drain: no"] == 1
    assert index.counts["drain annotations of images not in the label file"] == 1
    assert "neatx.csv" in index.sources


def test_a_file_of_other_films_is_refused(small_release: Release, tmp_path: Path) -> None:
    path = tmp_path / "padchest.csv"
    path.write_text("ImageID,Chest drain\n2163.png,1\n")
    with pytest.raises(UserError, match=r"names none of the 10 images; give the file of NEATX for NIH films"):
        NihReader(neatx=str(path)).read_tables(small_release())
