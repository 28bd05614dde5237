"""The RSNA challenge in its published layout: films of NIH, whose patients only the mapping knows."""

import json
from pathlib import Path

import numpy as np
import pytest

from cxr_xai.data.readers.rsna import MAPPING, RsnaReader
from cxr_xai.data.splits.patient import PatientSplit
from cxr_xai.errors import UserError
from tests.data.readers.published import write_rsna

ABNORMAL = "No Lung Opacity / Not Normal"
FILMS = [f"{n:08d}-0000-4000-8000-00000000000{n}" for n in range(6)]
BOXES = {name: [] for name in FILMS} | {
    FILMS[0]: [(256.0, 512.0, 256.0, 512.0), (0.0, 0.0, 1024.0, 64.0)],
    FILMS[3]: [(10.0, 20.0, 30.0, 40.0)],
}
NIH = dict(zip(FILMS, [f"{p:08d}_00{n}.png" for n, p in enumerate([7, 7, 8, 9, 10, 11])], strict=True))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rsna")
    write_rsna(root, BOXES, NIH)
    return root


def test_an_opacity_is_a_pneumonia_only_as_the_challenge_defines_it(root: Path) -> None:
    index = RsnaReader(crosswalk="challenge").read(root)
    assert index.studies["Pneumonia"].tolist() == [1, 0, 0, 1, 0, 0]
    assert np.isnan(index.studies[["Infiltration", "Consolidation", "Edema"]].to_numpy()).all()
    assert index.about["crosswalk"] == "challenge + same"
    boxes = index.boxes
    assert boxes["finding"].tolist() == ["Pneumonia"] * 3
    assert boxes.loc[0, ["x0", "y0", "x1", "y1"]].tolist() == [0.25, 0.5, 0.5, 1.0]
    with pytest.raises(UserError, match=r"crosswalk=implied: no such rule for rsna; choose among same, challenge\.$"):
        RsnaReader(crosswalk="implied")
    with pytest.raises(
        UserError, match=r"Under the crosswalk same no label .*use datamodule.reader.crosswalk=challenge\.$"
    ):
        RsnaReader().read(root)


def test_with_the_mapping_patients_are_those_of_nih(root: Path) -> None:
    index = RsnaReader(MAPPING, "challenge").read(root)
    assert index.studies["patient_id"].tolist() == ["7", "7", "8", "9", "10", "11"], "as the NIH reader calls them"
    assert (index.origin, index.linked) == ("nih", True)
    assert MAPPING in index.sources
    split = PatientSplit((0.4, 0.3, 0.3)).split(index)
    assert split.part[0] == split.part[1], "two films of one patient"
    assert index.studies["age"].tolist() == [50, 51, 52, 53, 54, 55]
    assert index.studies["view"].eq("AP").all()
    called = {name: index.counts[f"films called {name}"] for name in ("Lung Opacity", "Normal", ABNORMAL)}
    assert called == {"Lung Opacity": 2, "Normal": 2, ABNORMAL: 2}, "a film with two boxes has two rows, and is one"


def test_without_it_nobody_knows_who_they_are(root: Path) -> None:
    index = RsnaReader(crosswalk="challenge").read(root)
    assert (index.origin, index.linked) == ("nih", False)
    assert index.studies["patient_id"].tolist() == FILMS
    assert "no mapping" in index.about["patients"]


def test_tables_alone_and_films_that_are_missing(tmp_path: Path) -> None:
    write_rsna(tmp_path, BOXES, films={})
    (tmp_path / "stage_2_detailed_class_info.csv").unlink()
    assert len(RsnaReader(crosswalk="challenge").read_tables(tmp_path).boxes) == 3
    with pytest.raises(UserError, match="6 films, but none of them is in"):
        RsnaReader(crosswalk="challenge").read(tmp_path)
    write_rsna(tmp_path, BOXES, films={FILMS[0]: np.zeros((64, 64), np.uint8)})
    index = RsnaReader(crosswalk="challenge").read(tmp_path)
    assert index.counts["rows without an image file"] == 5
    assert index.studies["age"].notna().sum() == 1


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("stage_2_train_labels.csv", "Target", "target", "lacks the column 'Target'"),
        ("stage_2_train_labels.csv", ",,,,0", ",,,,1", "line 4: Target is '1' without a box"),
        ("stage_2_train_labels.csv", ",40.0,1", ",40.0,0", "Target is '0' with a box"),
        ("stage_2_train_labels.csv", ",40.0,1", ",40.0,-1", "Target is '-1'; expected 0, 1"),
        ("stage_2_train_labels.csv", FILMS[1], FILMS[0], f"both Target 0 and 1 of {FILMS[0]}"),
        ("stage_2_train_labels.csv", "256.0,512.0,256", "256.0,512.0,2560", "leaves its film"),
        ("stage_2_detailed_class_info.csv", "Normal", "Fine", "unknown class 'No Lung Opacity / Not Fine'"),
        ("stage_2_detailed_class_info.csv", "Lung Opacity", "Normal", "two classes"),
        ("stage_2_detailed_class_info.csv", "No Lung Opacity / Not Normal", "Lung Opacity", "its boxes contradict"),
        (MAPPING, FILMS[2], "x", f"1 films are no film of NIH by it, the first is {FILMS[2]} .does not know it"),
        (MAPPING, "00000009_003.png", "nine.png", "calls it 'nine.png'"),
        (MAPPING, "subset_img_id", "id", "is no list of subset_img_id and img_id"),
    ],
)
def test_errors_say_where(tmp_path: Path, name: str, old: str, new: str, message: str) -> None:
    write_rsna(tmp_path, BOXES, NIH, films={})
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=message):
        RsnaReader(MAPPING, "challenge").read_tables(tmp_path)


def test_a_mapping_that_is_not_there(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"names the challenge's {MAPPING}"):
        RsnaReader("nowhere.json", "challenge").read_tables(root)
    (tmp_path / "elsewhere.json").write_text(json.dumps([{"subset_img_id": k, "img_id": v} for k, v in NIH.items()]))
    index = RsnaReader(str(tmp_path / "elsewhere.json"), "challenge").read_tables(root)
    assert index.studies["patient_id"].iloc[0] == "7"


def test_a_mapping_that_is_a_link_out_of_the_root_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "rsna"
    write_rsna(root, BOXES, NIH, films={})
    (root / MAPPING).rename(tmp_path / "elsewhere.json")
    (root / MAPPING).symlink_to("../elsewhere.json")
    with pytest.raises(UserError, match=f"{MAPPING} is a link that leads out"):
        RsnaReader(MAPPING, "challenge").read_tables(root)
    assert RsnaReader(MAPPING, "challenge", links_out=True).read_tables(root).linked
