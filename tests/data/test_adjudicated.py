"""The published layout of adjudicated labels on seven films, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxr_xai.data.adjudicated import EQUAL, FILES, LABELS, RELATIONS, UNIONS, WHOSE
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS

Release = Callable[..., Path]
HEADER = "Image Index,Patient ID,Fracture,Pneumothorax,Airspace opacity,Nodule or mass"
VALIDATION = """\
00000001_000.png,1,NO,YES,NO,NO
00000003_000.png,3,NO,NO,YES,NO
00000003_007.png,3,YES,NO,YES,YES
"""
TEST = """\
00000004_000.png,4,NO,YES,NO,
00000005_000.png,5,NO,NO,YES,NO
00000099_000.png,99,NO,NO,NO,NO
"""


@pytest.fixture
def release(small_release: Release) -> Path:
    root = small_release()
    for name, rows in zip(FILES, (VALIDATION, TEST), strict=True):
        (root / name).write_text(f"{HEADER}\n{rows}")
    return root


def test_they_stand_beside_mined_labels_and_change_none(release: Path) -> None:
    plain, index = NihReader().read_tables(release), NihReader(adjudicated=list(FILES)).read_tables(release)
    pd.testing.assert_frame_equal(plain.studies, index.studies)
    assert (plain.labels, index.labels, len(plain.adjudicated)) == ("", "", 0)
    row = index.adjudicated.set_index("image_id").loc["00000004_000.png"]
    assert (row["Pneumothorax"], row["Airspace opacity"]) == (1, 0)
    assert (row["mined Effusion"], row["mined Pneumothorax"]) == (1, 0)
    assert np.isnan(row["Nodule or mass"])
    assert len(index.adjudicated) == 5
    assert index.counts["adjudicated films read"] == 6
    assert index.counts["adjudicated films not in the label file"] == 1
    assert set(FILES) <= index.sources.keys()
    assert next(iter(index.sources)) == "Data_Entry_2017_v2020.csv", "the label file stays first"


def test_as_labels_what_is_the_same_is_known_and_all_else_unknown(release: Path) -> None:
    index = NihReader(labels="adjudicated").read_tables(release)
    targets = pd.DataFrame(index.targets, index=index.studies["image_id"], columns=list(FINDINGS))
    assert targets["Pneumothorax"].dropna().to_dict() == {
        "00000001_000.png": 1,
        "00000003_000.png": 0,
        "00000003_007.png": 0,
        "00000004_000.png": 1,
        "00000005_000.png": 0,
    }
    assert targets.drop(columns="Pneumothorax").isna().all(axis=None)
    assert index.labels == WHOSE
    assert index.adjudicated["mined Cardiomegaly"].sum() == 1, "what was mined is kept beside them"


def test_only_the_same_becomes_a_label_and_unions_are_of_related_findings() -> None:
    assert EQUAL == {"Pneumothorax": "Pneumothorax"}
    assert RELATIONS["Airspace opacity"]["Consolidation"] == RELATIONS["Nodule or mass"]["Mass"] == "wider"
    assert RELATIONS["Airspace opacity"]["Pneumonia"] == "overlaps"
    assert RELATIONS["Fracture"] == {}
    assert set(LABELS) == set(RELATIONS)
    for name, union in UNIONS.items():
        assert set(union) <= set(RELATIONS[name]) <= set(FINDINGS)


def test_files_may_lie_elsewhere(release: Path, tmp_path: Path) -> None:
    moved = (release / FILES[1]).rename(tmp_path / "elsewhere.csv")
    assert len(NihReader(adjudicated=[str(moved)]).read_tables(release).adjudicated) == 2
    with pytest.raises(UserError, match=rf"No {FILES[1]} in .* name it with its folder"):
        NihReader(labels="adjudicated").read_tables(release)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (HEADER, "Reader ID,Image ID,Fracture", r"lacks the column 'Image Index'.*not those of individual readers"),
        ("4,NO,YES,NO,", "4,NO,HEDGE,NO,", r"says 'HEDGE' of Pneumothorax in 00000004_000\.png; expected YES or NO"),
        ("00000004_000.png,4", "00000004_000.png,6", r"is of patient 6, the label file of 4"),
        ("00000099_000.png,99,NO", "00000001_000.png,1,YES", r"say different things of 00000001_000\.png"),
    ],
)
def test_errors_for_people(release: Path, old: str, new: str, match: str) -> None:
    path = release / FILES[1]
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=match):
        NihReader(labels="adjudicated").read_tables(release)


def test_labels_of_another_release(release: Path) -> None:
    (release / FILES[0]).write_text(f"{HEADER}\n00000098_000.png,98,NO,NO,NO,NO\n")
    with pytest.raises(UserError, match=r"none of the 1 adjudicated films is in the label file"):
        NihReader(adjudicated=[FILES[0]]).read_tables(release)
