"""The published layout, both editions, with all its quirks; and what is said when something is missing."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxr_xai.data.films.measure import read_film
from cxr_xai.data.index import BOX_COLUMNS, STUDY_COLUMNS, Index
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.errors import UserError
from cxr_xai.findings import BOXED, FINDINGS

Release = Callable[..., Path]
LABELS = "Data_Entry_2017_v2020.csv"


@pytest.fixture
def index(small_release: Release) -> Index:
    return NihReader().read(small_release())


def test_columns(index: Index) -> None:
    assert sorted(index.studies.columns) == sorted(STUDY_COLUMNS)
    assert tuple(index.boxes.columns) == BOX_COLUMNS


def test_targets_by_hand(index: Index) -> None:
    row = index.studies.set_index("image_id").loc["00000003_007.png", list(FINDINGS)]
    assert row[row == 1].index.tolist() == ["Infiltration", "Mass", "Nodule"]
    counted = {"Cardiomegaly": 2, "Emphysema": 1, "Infiltration": 3, "Mass": 1, "Nodule": 2, "Effusion": 1}
    counted |= {"Pneumonia": 1, "Hernia": 1, "Pleural_Thickening": 1}
    assert index.positives() == {**dict.fromkeys(FINDINGS, 0), **counted}
    assert np.isin(index.targets, [0, 1]).all()


def test_tidy_columns(index: Index) -> None:
    row = index.studies.set_index("image_id").loc["00000003_007.png"]
    assert (row["patient_id"], row["age"], row["sex"], row["view"]) == ("3", 75, "F", "PA")
    assert row["followup"] == 5  # the column, not the 7 of the file name


def test_an_impossible_age_becomes_nan_and_is_counted(index: Index) -> None:
    assert index.studies.set_index("image_id")["age"].isna().pipe(lambda s: s[s].index.tolist()) == ["00000007_000.png"]
    assert index.counts["ages blanked (impossible or unreadable)"] == 1


def test_both_editions_say_the_same(small_release: Release) -> None:
    new, old = (NihReader().read(small_release(name, edition=name)) for name in ("v2020", "2017"))
    assert old.studies["image_id"].tolist() == new.studies["image_id"].tolist()[::-1]
    columns = [name for name in STUDY_COLUMNS if name != "path"]
    in_order = [i.studies.sort_values("image_id", ignore_index=True)[columns] for i in (new, old)]
    pd.testing.assert_frame_equal(*in_order)


def test_the_newer_edition_is_preferred_and_recorded(small_release: Release) -> None:
    root = small_release()
    (root / "Data_Entry_2017.csv").write_text("not looked at")
    sources = NihReader().read(root).sources
    assert sorted(sources) == sorted([LABELS, "BBox_List_2017.csv", "train_val_list.txt", "test_list.txt"])
    assert sources[LABELS] == hashlib.sha256((root / LABELS).read_bytes()).hexdigest()


@pytest.mark.parametrize("flat", [True, False])
def test_every_film_is_found_and_readable_whatever_its_kind(
    small_release: Release, flat: bool, pixels: np.ndarray
) -> None:
    index = NihReader().read(small_release(flat=flat))
    assert index.counts["images found"] == 9
    for number, path in enumerate(sorted(index.studies["path"].dropna(), key=lambda path: Path(path).name)):
        np.testing.assert_array_equal(read_film(path, 64), pixels + np.uint8(number))


def test_a_row_without_a_film_is_counted_and_not_an_error(index: Index) -> None:
    assert index.counts["rows without an image file"] == 1
    assert index.studies["path"].tolist()[-1] is None
    assert len(index.studies) == 10


def test_lists_give_the_official_part(index: Index) -> None:
    parts = index.studies.groupby("patient_id")["official"].unique().map(list).to_dict()
    assert parts == {p: ["test"] if p in "45" else ["train_val"] for p in "1234567"}


def test_without_lists_no_study_has_an_official_part(small_release: Release) -> None:
    root = small_release()
    for name in ("test_list.txt", "train_val_list.txt"):
        (root / name).unlink()
    index = NihReader().read(root)
    assert index.studies["official"].isna().all()
    with pytest.raises(UserError, match=r"needs train_val_list\.txt and test_list\.txt.*or use split=patient"):
        OfficialSplit().split(index)


def test_boxes_find_their_patient_and_their_finding(index: Index) -> None:
    assert index.boxes_by_finding() == {**dict.fromkeys(BOXED, 0), "Effusion": 1, "Infiltration": 1, "Pneumonia": 1}
    first = index.boxes.iloc[0].tolist()
    assert first == ["00000004_000.png", "4", "Effusion", 0.25, 0.5, 0.375, 0.75]
    boxed = index.boxes.merge(index.studies, on="image_id")
    assert all(row[row["finding"]] == 1 for _, row in boxed.iterrows())


def test_boxes_of_unknown_images_are_counted(index: Index) -> None:
    assert index.counts["boxes read"] == 4
    assert index.counts["boxes of images not in the label file"] == 1


def test_without_boxes_on_request(small_release: Release) -> None:
    root = small_release()
    (root / "BBox_List_2017.csv").unlink()
    index = NihReader(box_list=None).read(root)
    assert tuple(index.boxes.columns) == BOX_COLUMNS
    assert len(index.boxes) == 0
    assert "BBox_List_2017.csv" not in index.sources


def test_the_counts_are_said_in_the_order_of_reading(index: Index) -> None:
    assert {what: count for what, count in index.counts.items() if count} == {
        "rows in the label file": 10,
        "ages blanked (impossible or unreadable)": 1,
        "images in train_val_list.txt": 7,
        "images in test_list.txt": 3,
        "boxes read": 4,
        "boxes of images not in the label file": 1,
        "rows without an image file": 1,
        "images found": 9,
    }
    assert list(index.counts)[:2] == ["rows in the label file", "repeated rows dropped"]
    assert list(index.counts)[-1] == "links out of the root"


def test_a_repeated_row_is_dropped_and_a_contradicting_one_refused(small_release: Release) -> None:
    root = small_release()
    rows = (root / LABELS).read_text().splitlines()
    (root / LABELS).write_text("\n".join([*rows, rows[1]]))
    index = NihReader().read(root)
    assert index.counts["repeated rows dropped"] == 1
    assert index.positives()["Cardiomegaly"] == 2
    (root / LABELS).write_text("\n".join([*rows, rows[1].replace("Cardiomegaly", "Hernia")]))
    with pytest.raises(UserError, match=r"lines 2 and 12 say different things of 00000001_000\.png"):
        NihReader().read(root)


def test_repeated_boxes_and_boxes_against_the_labels_are_counted(small_release: Release) -> None:
    root = small_release()
    with (root / "BBox_List_2017.csv").open("a") as file:
        file.write("00000004_000.png,Effusion,256.0,512.0,128.0,256.0\n00000004_000.png,Mass,1,2,3,4\n")
    index = NihReader().read(root)
    assert (index.counts["boxes read"], index.counts["repeated boxes dropped"], len(index.boxes)) == (6, 1, 4)
    assert index.counts["boxes of findings not in the labels"] == 1  # that film has Effusion and Nodule


def test_oddities_of_the_lists(small_release: Release) -> None:
    root = small_release()
    path = root / "train_val_list.txt"
    names = path.read_text().split()
    path.write_text("\ufeff" + "\n \n".join([*names[:-1], names[0], "00088888_000.png"]) + "\n\n", encoding="utf-8")
    index = NihReader().read(root)
    assert index.counts["images in train_val_list.txt"] == 6
    assert index.counts["listed images not in the label file"] == 1
    assert index.counts["rows in neither list"] == 1
    assert index.studies["image_id"][index.studies["official"].isna()].tolist() == [names[-1]]


@pytest.mark.parametrize("name", ["train_val_list.txt", "test_list.txt", "BBox_List_2017.csv", LABELS])
@pytest.mark.parametrize("hostile", ["../00000001_000.png", "/00000001_000.png", "..\\00000001_000.png", "x.exe"])
def test_no_table_may_name_what_is_no_plain_file_name(small_release: Release, name: str, hostile: str) -> None:
    root = small_release()
    text = re.sub(r"0000000[14]_000\.png", lambda _: hostile, (root / name).read_text())
    (root / name).write_text(text)
    with pytest.raises(UserError, match=rf"{name} line \d+: .* is not a plain image name") as caught:
        NihReader().read(root)
    assert repr(hostile) in str(caught.value)


@pytest.mark.parametrize("name", ["train_val_list.txt", "BBox_List_2017.csv", LABELS, "images_001"])
def test_a_link_out_of_the_root_is_refused_unless_wanted(small_release: Release, tmp_path: Path, name: str) -> None:
    root = small_release()
    expected = NihReader().read(root)
    (root / name).rename(tmp_path / name)
    (root / name).symlink_to(tmp_path / name)
    with pytest.raises(UserError, match=rf"{name} is a link that leads out.*\+datamodule\.reader\.links_out=true"):
        NihReader().read(root)
    index = NihReader(links_out=True).read(root)
    assert index.counts == {**expected.counts, "links out of the root": 1}
    pd.testing.assert_frame_equal(index.studies, expected.studies)


def test_the_root_itself_may_be_a_link(small_release: Release, tmp_path: Path, index: Index) -> None:
    (tmp_path / "alias").symlink_to(small_release("aliased"))
    assert NihReader().read(tmp_path / "alias").counts == index.counts


def test_a_converted_copy_is_the_same_source(small_release: Release, index: Index) -> None:
    root = small_release("converted")
    for path in root.rglob("images/*.png"):
        path.rename(path.with_suffix(".jpg"))
    other = NihReader().read(root)
    assert other.counts == index.counts
    assert other.studies["path"].dropna().str.endswith(".jpg").all()
    pd.testing.assert_frame_equal(other.studies.drop(columns="path"), index.studies.drop(columns="path"))


def test_windows_line_ends_read_alike(small_release: Release, index: Index) -> None:
    root = small_release("windows")
    for path in [*root.glob("*.csv"), *root.glob("*.txt")]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    other = NihReader().read(root)
    pd.testing.assert_frame_equal(other.studies.drop(columns="path"), index.studies.drop(columns="path"))
    pd.testing.assert_frame_equal(other.boxes, index.boxes)


def break_folder(root: Path) -> None:
    root.rename(root.with_name("elsewhere"))


def break_labels(root: Path) -> None:
    (root / LABELS).unlink()


def break_empty_labels(root: Path) -> None:
    (root / LABELS).write_text("")


def break_column(root: Path) -> None:
    (root / LABELS).write_text((root / LABELS).read_text().replace("Patient ID", "Subject"))


def break_finding(root: Path) -> None:
    (root / LABELS).write_text((root / LABELS).read_text().replace("Hernia", "Tumour"))


def break_boxes(root: Path) -> None:
    (root / "BBox_List_2017.csv").unlink()


def break_list(root: Path) -> None:
    (root / "test_list.txt").write_text("00000004_000.png,00000005_000.png\n00000005_001.png\n")


def break_both_lists(root: Path) -> None:
    (root / "test_list.txt").write_text("00000004_000.png\n00000002_000.png\n")


def break_images(root: Path) -> None:
    for path in root.glob("images_*/images/*.png"):
        path.unlink()


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (break_folder, r"No folder .*release: datamodule\.root must name"),
        (break_labels, r"No label file in .*release.*Data_Entry_2017\.csv; copy one"),
        (break_empty_labels, r"Data_Entry_2017_v2020\.csv .*Use the release's file"),
        (break_column, r"Data_Entry_2017_v2020\.csv lacks the column 'Patient ID'; found .*Subject.*Use the release"),
        (break_finding, r"Data_Entry_2017_v2020\.csv: unknown finding 'Tumour' in 'Tumour'; expected"),
        (break_boxes, r"No BBox_List_2017\.csv in .*release: copy it there, or set datamodule\.reader\.box_list=null"),
        (break_list, r"test_list\.txt is not a list of one image name per line .*Use the release's file"),
        (break_both_lists, r"release: 00000002_000\.png is in both official lists; use the lists of the release"),
        (break_images, r"10 rows, but none of their images is in .*release/images_001/images.*unpack"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_missing_is_said_with_what_to_do(small_release: Release, break_it: Callable, says: str) -> None:
    root = small_release()
    break_it(root)
    with pytest.raises(UserError, match=says):
        NihReader().read(root)


# --- the real sample ---

POSITIVES = (11559, 2776, 13317, 19894, 5782, 6331, 1431, 5302, 4667, 2303, 2516, 1686, 3385, 227)
BOXES = (180, 146, 153, 123, 85, 79, 120, 98)


@pytest.fixture(scope="module")
def real(shared: Path) -> Index:
    return NihReader().read(shared / "nih-chestxray14")


def test_real_counts(real: Index) -> None:
    assert len(real.studies) == 112_120
    assert real.studies["patient_id"].nunique() == 30_805
    assert tuple(real.positives().values()) == POSITIVES
    assert int((real.targets.sum(axis=1) == 0).sum()) == 60_361
    assert real.studies["official"].value_counts().to_dict() == {"train_val": 86_524, "test": 25_596}
    assert real.studies["view"].value_counts().to_dict() == {"PA": 67_310, "AP": 44_810}
    assert {what: count for what, count in real.counts.items() if count} == {
        "rows in the label file": 112_120,
        "images in train_val_list.txt": 86_524,
        "images in test_list.txt": 25_596,
        "boxes read": 984,
        "rows without an image file": 111_960,
        "images found": 160,
    }


def test_real_boxes(real: Index) -> None:
    assert len(real.boxes) == 984
    assert real.boxes["image_id"].nunique() == 880
    assert real.boxes["patient_id"].nunique() == 726
    assert tuple(real.boxes_by_finding().values()) == BOXES
    official = real.studies.set_index("image_id")["official"]
    assert set(official[real.boxes["image_id"].unique()]) == {"test"}


def test_real_official_split_keeps_boxed_images_in_test(real: Index) -> None:
    split = OfficialSplit().split(real)
    boxed = real.studies["image_id"].isin(real.boxes["image_id"]).to_numpy()
    assert set(split.part[boxed]) == {"test"}
    assert len(split.rows("test")) == 25_596
    assert len(split.rows("train")) + len(split.rows("val")) == 86_524
    assert abs(len(split.rows("val")) / 86_524 - 0.125) < 0.001
    train, val = (real.targets[split.rows(part)].sum(axis=0) for part in ("train", "val"))
    # Of 141 Herniae 17.6 should validate: within a row and a thousandth is as good as patients can be divided.
    np.testing.assert_allclose(val, 0.125 * (train + val), rtol=0.001, atol=1)


def test_real_films_all_decode_and_three_are_rgba(real: Index) -> None:
    paths = [Path(path) for path in real.studies["path"].dropna()]
    # Byte 25 of a PNG is its color type: 0 gray, 6 RGBA.
    kinds = [path.read_bytes()[25] for path in paths]
    assert (kinds.count(0), kinds.count(6)) == (157, 3)
    for path in [path for path, kind in zip(paths, kinds, strict=True) if kind == 6] + paths[:5]:
        film = read_film(path, 224)
        assert film.shape == (224, 224)
        assert film.std() > 10
