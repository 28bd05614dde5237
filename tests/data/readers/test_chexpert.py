"""CheXpert and CheXlocalize as they are published: what is uncertain, what is blank, and where pixels are marked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.readers.chexpert import ChexpertReader
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.data.splits.split import prevalence_by_part
from cxr_xai.errors import UserError
from cxr_xai.findings import INDEX
from tests.data.readers.published import CHEXPERT_CLASSES, write_chexpert

ONE, TWO, THREE = (f"patient0000{n}/study1/view1_frontal.jpg" for n in (1, 2, 3))
SIDE = "patient00001/study1/view2_lateral.jpg"
VALID, TEST = "patient64541/study1/view1_frontal.jpg", "patient64741/study1/view1_frontal.jpg"
OTHER = "patient64742/study1/view1_frontal.jpg"
PARTS = {
    "train": {
        ONE: {"Edema": 1.0, "Pneumonia": -1.0, "Lung Opacity": 1.0, "Support Devices": 1.0},
        SIDE: {"Edema": 1.0},
        TWO: {"No Finding": 1.0, "Edema": 0.0},
        THREE: {"Pleural Effusion": 1.0, "Edema": -1.0},
    },
    "valid": {VALID: {"Cardiomegaly": 1, "Edema": 0, "Lung Opacity": 1}},
    "test": {TEST: {"Cardiomegaly": 1, "Pleural Effusion": 1}, OTHER: {"Cardiomegaly": 0}},
}


def blob(*places: tuple[int, int, int, int]) -> Any:
    mask = np.zeros((64, 72), np.uint8)
    for x0, y0, x1, y1 in places:
        mask[y0:y1, x0:x1] = 1
    return mask


MASKS = {
    TEST: {
        "Cardiomegaly": blob((18, 32, 36, 48)),
        "Pleural Effusion": blob((0, 48, 9, 64), (63, 48, 72, 64)),
        "Airspace Opacity": blob((1, 1, 9, 9)),
    },
    OTHER: {"Cardiomegaly": blob((1, 1, 9, 9))},
    VALID: {"Cardiomegaly": blob((18, 32, 36, 48))},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("chexpert")
    write_chexpert(root, PARTS, MASKS)
    return root


def name(place: str) -> str:
    return place.replace("/", "_")


def label(index: Any, place: str, finding: str) -> float:
    return float(index.studies.set_index("image_id").loc[name(place), finding])


@pytest.mark.parametrize(("rule", "value"), [("ignore", np.nan), ("zeros", 0), ("ones", 1)])
def test_what_is_uncertain(root: Path, rule: Any, value: float) -> None:
    index = ChexpertReader(uncertain=rule, masks=False).read_tables(root)
    np.testing.assert_array_equal([label(index, ONE, "Pneumonia"), label(index, THREE, "Edema")], [value, value])
    assert label(index, ONE, "Edema") == 1
    assert index.counts[f"observations that are uncertain ({rule})"] == 2
    assert index.about["uncertain"] == rule


def test_what_is_not_mentioned_is_unknown_unless_it_is_said_to_be_absent(root: Path) -> None:
    plain, zero = (ChexpertReader(blank=rule, masks=False).read_tables(root) for rule in ("unknown", "zero"))
    assert np.isnan(label(plain, TWO, "Pneumothorax"))
    assert label(zero, TWO, "Pneumothorax") == 0
    for index in (plain, zero):
        assert np.isnan(label(index, ONE, "Infiltration")), "an opacity is no infiltration"
        assert np.isnan(label(index, ONE, "Hernia"))
        assert np.isnan(label(index, ONE, "Pneumonia"))


@pytest.mark.parametrize("rule", ["ignore", "zeros", "ones"])
@pytest.mark.parametrize("blank", ["unknown", "zero"])
def test_only_what_was_said_implies_anything(tmp_path: Path, rule: Any, blank: Any) -> None:
    """Of an uncertain opacity follows nothing; of a stated absence that of what was not mentioned, not of a maybe."""
    said = {
        ONE: {"Lung Opacity": -1.0, "Pneumonia": -1.0},
        TWO: {"Lung Opacity": 0.0, "Edema": -1.0, "Pneumothorax": 0.0},
    }
    write_chexpert(tmp_path, {"train": said}, films={})
    plain, implied = (
        ChexpertReader(rule, blank, crosswalk=rules).read_tables(tmp_path).targets for rules in ("same", "implied")
    )
    np.testing.assert_array_equal(implied[0], plain[0])
    changed = [name for name, column in INDEX.items() if implied[1, column] == 0 and np.isnan(plain[1, column])]
    found = ["Atelectasis", "Consolidation", "Pneumonia"] if blank == "unknown" else []
    assert sorted(changed) == found
    np.testing.assert_array_equal(implied[1, INDEX["Edema"]], plain[1, INDEX["Edema"]])


def test_frontal_films_with_what_the_path_says(root: Path) -> None:
    index = ChexpertReader().read(root)
    studies = index.studies.set_index("image_id")
    assert name(SIDE) not in studies.index
    assert index.counts["lateral films left out"] == 1
    assert studies.loc[name(ONE), "patient_id"] == "patient00001"
    assert studies.loc[name(ONE), ["sex", "view"]].tolist() == ["M", "AP"]
    assert np.isnan(studies.loc[name(ONE), "age"]), "0 is no age"
    assert index.present.all()


def test_the_parts_and_which_of_them_is_held_out(root: Path) -> None:
    data = ChestXrayDataModule(root, ChexpertReader(), OfficialSplit(0.34), image_size=32, batch_size=2)
    part = dict(zip(data.index.studies["image_id"], data.split.part, strict=True))
    assert (part[name(VALID)], part[name(TEST)], part[name(OTHER)]) == ("", "test", "test")
    assert data.plain(data.dataset("test")[0], 0).image.shape == (1, 1, 32, 32)
    for held_out, expected in (("valid", ["test", None, None]), ("both", ["test"] * 3)):
        official = ChexpertReader(held_out=held_out).read_tables(root).studies["official"]  # type: ignore[arg-type]
        assert official.iloc[-3:].tolist() == expected


def test_masks_are_evidence_and_boxes_are_drawn_around_them(root: Path) -> None:
    index = ChexpertReader().read(root)
    boxes = index.boxes.set_index(["image_id", "finding"])
    assert set(boxes.index) == {
        (name(TEST), "Cardiomegaly"),
        (name(TEST), "Effusion"),
        (name(VALID), "Cardiomegaly"),
    }
    heart = boxes.loc[(name(TEST), "Cardiomegaly"), ["x0", "y0", "x1", "y1"]].to_numpy(float)
    np.testing.assert_allclose(heart, [0.25, 0.5, 0.5, 0.75])
    assert len(boxes.loc[[(name(TEST), "Effusion")]]) == 2, "a box around each side"
    assert index.masks is not None
    packed = index.masks.at([(name(TEST), "Effusion"), (name(TEST), "Cardiomegaly")], 32)
    mask = packed[0:1][0].numpy()
    assert mask.sum() == 2 * 4 * 8
    assert mask[24:, :4].all()
    assert mask[24:, 28:].all()
    assert packed[1:2].sum() == 8 * 8
    assert "tight around each part" in index.about["boxes"]
    assert index.counts["boxes around masks of findings that the labels do not call present"] == 1


def test_the_layouts_of_both_releases(tmp_path: Path) -> None:
    """CheXlocalize has two columns fewer names, folders of its own, and paths without a first folder."""
    write_chexpert(tmp_path / "CheXpert", {"test": PARTS["test"]}, MASKS)
    (tmp_path / "CheXlocalize").mkdir()
    (tmp_path / "CheXpert" / "gt_segmentations_test.json").rename(
        tmp_path / "CheXlocalize" / "gt_segmentations_test.json"
    )
    table = (tmp_path / "CheXpert" / "test.csv").read_text().splitlines()
    rows = [line.split(",") for line in table]
    short = [",".join([row[0].replace("CheXpert-v1.0-small/", ""), *row[5:]]) for row in rows]
    (tmp_path / "CheXpert" / "test.csv").unlink()
    (tmp_path / "CheXpert" / "test_labels.csv").write_text("\n".join(short) + "\n")
    index = ChexpertReader().read(tmp_path)
    assert index.present.all()
    assert index.masks is not None
    assert index.studies["sex"].eq("").all()
    write_chexpert(tmp_path / "full", PARTS, prefix="CheXpert-v1.0")
    (tmp_path / "full" / "train").rename(tmp_path / "full" / "CheXpert-v1.0 batch 2 (train 1)")
    assert ChexpertReader().read(tmp_path / "full").present.all()


@pytest.mark.parametrize("prefix", ["CheXpert-v1.0-small/valid", "CheXpert-v1.0/valid", "valid", "val"])
def test_what_the_published_columns_hold(tmp_path: Path, prefix: str) -> None:
    """Views beside AP and PA (lateral decubitus: LL, RL), one film of unknown sex and age 0, prefixes of both sizes."""
    folder = prefix.rpartition("/")[2]
    rows = [("Male", "68", "Frontal", "AP"), ("Female", "90", "Frontal", "LL"), ("Unknown", "0", "Frontal", "RL")]
    rows += [("Male", "41", "Frontal", "PA"), ("Male", "41", "Lateral", "")]
    lines = ["Path,Sex,Age,Frontal/Lateral,AP/PA," + ",".join(CHEXPERT_CLASSES)]
    for n, row in enumerate(rows):
        place = f"patient{64541 + n}/study1/view1_{row[2].lower()}.jpg"
        lines.append(",".join([f"{prefix}/{place}", *row, *["1.0"], *["0.0"] * 12, ""]))
        path = tmp_path / folder / place
        path.parent.mkdir(parents=True)
        path.touch()
    (tmp_path / ("val_labels.csv" if folder == "val" else "valid.csv")).write_text("\n".join(lines) + "\n")
    index = ChexpertReader(held_out="valid").read(tmp_path)
    studies = index.studies
    assert studies["view"].tolist() == ["AP", "", "", "PA"], "a decubitus film is neither"
    assert studies["sex"].tolist() == ["M", "F", "", "M"]
    np.testing.assert_array_equal(studies["age"], [68, 90, np.nan, 41])
    assert studies["official"].eq("test").all()
    assert index.present.all()
    assert (studies["Edema"] == 0).all()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("train.csv", "Edema", "edema", "lacks the column 'Edema'"),
        ("train.csv", ",1.0", ",0.5", r"line 2: .* is '0.5'; expected 1, 0, -1 or nothing"),
        ("train.csv", "patient00002", "Doe", r"line 4: .* is no path of a film, such as CheXpert"),
        ("train.csv", "patient00002", "patient00003", "two rows are of patient00003_study1_view1_frontal.jpg"),
        ("gt_segmentations_test.json", "Airspace Opacity", "Opacities", "a mask of 'Opacities'; expected observations"),
        ("gt_segmentations_test.json", '"counts": "', '"counts": "!', r"mask of .* is malformed \(it holds"),
        ("gt_segmentations_test.json", "64, 72", "64, 71", r"malformed \(its runs do not fill the film"),
        ("gt_segmentations_test.json", "{", "[", "is no table of masks by film"),
    ],
)
def test_errors_say_where(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    write_chexpert(tmp_path, PARTS, MASKS, films={})
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1 if file.endswith("csv") else -1))
    with pytest.raises(UserError, match=message):
        ChexpertReader().read_tables(tmp_path)


def test_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"None of train.csv, valid.csv and test.csv"):
        ChexpertReader().read(tmp_path)
    write_chexpert(tmp_path, PARTS, films={})
    with pytest.raises(UserError, match="have 6 frontal films, and none of them"):
        ChexpertReader().read(tmp_path)
    assert ChexpertReader().read_tables(tmp_path).masks is None
    with pytest.raises(UserError, match="uncertain=maybe: expected ignore, zeros, ones"):
        ChexpertReader(uncertain="maybe")  # type: ignore[arg-type]


def test_shares_of_findings_that_nobody_knows_are_undefined(root: Path) -> None:
    index = ChexpertReader(masks=False).read_tables(root)
    index = replace(index, studies=index.studies.assign(path="film"))
    split = OfficialSplit(0.34).split(index)
    shares = prevalence_by_part(index, split)["test"]
    assert shares[INDEX["Cardiomegaly"]] == 0.5
    assert np.isnan(shares[INDEX["Hernia"]])
