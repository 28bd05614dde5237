"""VinDr-CXR in its published layout, read by the real reader; what readers say is joined as worked out by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.readers.vindr import VindrReader
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS
from tests.data.readers.published import write_vindr

A, B, C, D, E = ("0" * 31 + letter for letter in "abcde")
HEART, LARGER = ("Cardiomegaly", 20.0, 48.0, 60.0, 72.0), ("Cardiomegaly", 20.0, 48.0, 60.0, 76.0)
TRAIN = {
    A: [("R1", [HEART], []), ("R2", [LARGER], ["Pneumonia"]), ("R3", [], ["No finding"])],
    B: [("R1", [("Nodule/Mass", 1.0, 1.0, 9.0, 9.0)], []), ("R4", [], ["No finding"]), ("R5", [], ["No finding"])],
    D: [(f"R{n}", [], ["No finding"]) for n in (1, 2, 3)],
    E: [(f"R{n}", [("Pleural effusion", 0.0, 60.0, 30.0, 96.0)], []) for n in (8, 9, 10)],
}
TEST = {C: ([("Edema", 8.0, 0.0, 72.0, 96.0), ("Edema", 8.0, 0.0, 40.0, 48.0)], ["Other diseases"])}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("vindr")
    write_vindr(root, TRAIN, TEST)
    return root


def label(index: Any, image: str, finding: str) -> float:
    return float(index.studies.set_index("image_id").loc[f"{image}.dicom", finding])


@pytest.mark.parametrize(
    ("votes", "heart", "pneumonia", "effusion"),
    [("majority", 1, 0, 1), ("any", 1, 1, 1), ("all", 0, 0, 1), ("agreed", np.nan, np.nan, 1)],
)
def test_how_readers_are_joined(root: Path, votes: Any, heart: float, pneumonia: float, effusion: float) -> None:
    index = VindrReader(votes).read_tables(root)
    found = [label(index, A, "Cardiomegaly"), label(index, A, "Pneumonia"), label(index, E, "Effusion")]
    np.testing.assert_array_equal(found, [heart, pneumonia, effusion])
    assert label(index, C, "Edema") == 1, "the consensus stands"
    assert np.isnan(index.studies[["Nodule", "Mass", "Hernia", "Infiltration"]].to_numpy()).all()
    assert f"{votes} of readers" in index.about["labels"]


def test_boxes_are_merged_and_in_fractions_of_their_film(root: Path) -> None:
    index = VindrReader().read(root)
    boxes = index.boxes.set_index("image_id")
    heart = boxes.loc[f"{A}.dicom", ["x0", "y0", "x1", "y1"]].to_numpy(float)
    np.testing.assert_allclose(heart, [0.25, 0.5, 0.75, 74 / 96])
    assert len(boxes.loc[[f"{C}.dicom"]]) == 2, "boxes of the consensus are as they are"
    assert len(boxes.loc[[f"{E}.dicom"]]) == 1, "three readers, one effusion"
    assert index.counts["boxes merged with another reader's"] == 3
    assert index.counts["boxes of classes that are no label here"] == 1
    assert len(VindrReader(merge="each").read(root).boxes) == len(boxes) + 3
    outvoted = VindrReader("all").read(root)
    assert outvoted.counts["boxes of findings that the labels do not call present"] == 2


def test_what_headers_say_and_what_they_must_not(root: Path) -> None:
    index = VindrReader().read(root)
    studies = index.studies
    assert studies["view"].eq("PA").all()
    assert studies["patient_id"].is_unique
    assert studies["age"].isna().tolist() == [True, False, False, True, False], "0 years are no age"
    assert "Doe" not in studies.to_csv() + index.boxes.to_csv()
    blind = VindrReader(headers=False).read(root)
    assert len(blind.boxes) == 0
    assert blind.counts["boxes of films whose published size is unknown"] == 8
    assert blind.studies["age"].isna().all()


def test_the_published_parts_are_the_official_split(root: Path) -> None:
    data = ChestXrayDataModule(root, VindrReader(), OfficialSplit(val_fraction=0.25), image_size=32, batch_size=2)
    assert data.split.part.tolist().count("test") == 1
    assert set(data.split.part) == {"train", "val", "test"}
    batch = data.plain(data.dataset("test")[0], 0)
    assert batch.image.shape == (1, 1, 32, 32)
    assert len(data.quarantine) == 0
    assert len(data.boxed_rows("monitored")) + len(data.boxed_rows("sealed")) == 1


def test_a_partial_copy(root: Path, tmp_path: Path) -> None:
    """One part alone, one film of it missing, and boxes of it that cannot be placed."""
    write_vindr(tmp_path, {A: TRAIN[A], E: TRAIN[E]}, TEST)
    for path in [*tmp_path.glob("annotations/*_test.csv"), tmp_path / "train" / f"{E}.dicom"]:
        path.unlink()
    index = VindrReader().read(tmp_path)
    assert (len(index.studies), index.present.sum()) == (2, 1)
    assert index.counts["rows without an image file"] == 1
    assert index.counts["boxes of films whose published size is unknown"] == 3
    assert list(index.sources) == ["image_labels_train.csv", "annotations_train.csv"]
    with pytest.raises(UserError, match="no film of vindr here is of the published part test; use split=patient"):
        OfficialSplit().split(index)


def test_how_the_published_headers_differ(root: Path, tmp_path: Path) -> None:
    """Test tables have no reader and one disease; a label table may spell the reader's column in capitals."""
    write_vindr(tmp_path, TRAIN, TEST, films={})
    first = {path.stem: path.read_text().partition("\n")[0] for path in (tmp_path / "annotations").iterdir()}
    assert first["annotations_test"] == "image_id,class_name,x_min,y_min,x_max,y_max"
    assert first["image_labels_test"].startswith("image_id,Aortic enlargement,")
    assert first["image_labels_test"].endswith("Tuberculosis,Other disease,No finding")
    plain = VindrReader().read_tables(tmp_path)
    change(tmp_path, "image_labels_train.csv", "rad_id", "rad_ID")
    again = VindrReader().read_tables(tmp_path)
    np.testing.assert_array_equal(plain.targets, again.targets)
    assert again.counts["training images not read by three"] == plain.counts["training images not read by three"]


def change(root: Path, name: str, old: str, new: str) -> Path:
    path = root / "annotations" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return root


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("image_labels_train.csv", "Edema", "Oedema", "unknown class 'Oedema'"),
        ("image_labels_train.csv", "Edema,", "", "lacks the column 'Edema'"),
        ("image_labels_train.csv", ",R1,0", ",R1,2", r"line 2: Aortic enlargement is '2'; expected 0, 1"),
        ("image_labels_train.csv", ",R2,", ",R1,", "line 3: this reader judged this image before"),
        ("annotations_train.csv", "Cardiomegaly", "Big heart", "line 2: unknown class 'Big heart'"),
        ("annotations_train.csv", "20.0", "left", "line 2: x_min is 'left', which is no number"),
        ("annotations_train.csv", "60.0,72.0", "600.0,720.0", "leaves its film; .* as they were published"),
        ("annotations_test.csv", "x_min", "xmin", "lacks the column 'x_min'"),
        ("image_labels_test.csv", C, A, "is in both parts"),
        ("image_labels_test.csv", C, "../x", "is not a plain image name"),
    ],
)
def test_errors_say_where(tmp_path: Path, name: str, old: str, new: str, message: str) -> None:
    write_vindr(tmp_path, {A: TRAIN[A]}, TEST)
    with pytest.raises(UserError, match=message):
        VindrReader().read(change(tmp_path, name, old, new))


def test_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No folder"):
        VindrReader().read(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"Neither image_labels_train.csv nor"):
        VindrReader().read(tmp_path)
    write_vindr(tmp_path, {A: TRAIN[A]}, TEST, films={})
    with pytest.raises(UserError, match="2 images, but none of them is in"):
        VindrReader().read(tmp_path)
    assert VindrReader().read_tables(tmp_path).studies["path"].isna().all()
    (tmp_path / "annotations" / "annotations_test.csv").unlink()
    with pytest.raises(UserError, match=r"No annotations_test.csv in .*copy it there"):
        VindrReader().read_tables(tmp_path)
    with pytest.raises(UserError, match="votes=most merge=mean: expected majority, any, all, agreed"):
        VindrReader(votes="most")  # type: ignore[arg-type]


def test_labels_are_of_the_14(root: Path) -> None:
    index = VindrReader(crosswalk="by_name").read_tables(root)
    assert label(index, A, "Infiltration") == 0
    assert np.isnan([label(index, D, "Nodule"), label(index, D, "Mass")]).all(), "nothing could call them present"
    assert np.isnan(label(index, C, "Hernia"))
    assert pd.Series(index.positives()).index.tolist() == list(FINDINGS)
