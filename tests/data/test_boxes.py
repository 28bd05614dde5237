"""The published box list and its unit."""

from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.data.boxes import CORNERS, boxes_in_pixels, pair_boxes, read_box_list
from cxr_xai.errors import UserError

HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text(header + "".join(f"{row}\n" for row in rows))
    return path


def test_malformed_header_and_infiltrate(tmp_path: Path) -> None:
    boxes = read_box_list(write(tmp_path / "b.csv", "a.png,Infiltrate,256,512,128,256", "a.png,Mass,0,0,1024,1024"))
    assert boxes["finding"].tolist() == ["Infiltration", "Mass"]
    assert boxes[CORNERS].to_numpy().tolist() == [[0.25, 0.5, 0.375, 0.75], [0, 0, 1, 1]]


@pytest.mark.parametrize("header", ["Image Index,Finding Label,x,y,w,h\n", "image,finding,x,y,w,h,,,\n"])
def test_a_mended_header_reads_alike(tmp_path: Path, header: str) -> None:
    boxes = read_box_list(write(tmp_path / "b.csv", "a.png,Mass,256,512,128,256", header=header))
    assert boxes[CORNERS].to_numpy().tolist() == [[0.25, 0.5, 0.375, 0.75]]


def test_two_boxes_of_one_finding_are_both_kept(tmp_path: Path) -> None:
    boxes = read_box_list(write(tmp_path / "b.csv", "a.png,Mass,0,0,10,10", "a.png,Mass,500,500,10,10"))
    assert len(boxes) == 2


@pytest.mark.parametrize("size", [128, 224, 256, 512, 1024])
def test_boxes_are_in_1024_space_whatever_the_size_of_the_image(tmp_path: Path, size: int) -> None:
    boxes = read_box_list(write(tmp_path / "b.csv", "a.png,Mass,256,512,128,256"))
    expected = [size / 4, size / 2, size * 3 / 8, size * 3 / 4]
    assert boxes_in_pixels(boxes, size).tolist() == [expected]


def test_no_boxes_give_an_empty_tensor() -> None:
    assert boxes_in_pixels(pd.DataFrame(columns=CORNERS, dtype=float), 128).shape == (0, 4)


def test_rounding_over_the_border_is_clipped(tmp_path: Path) -> None:
    boxes = read_box_list(write(tmp_path / "b.csv", "a.png,Mass,-0.5,1000,10,24.9"))
    assert boxes["x0"].item() == 0
    assert boxes["y1"].item() == 1


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a.png,Mass,10,10,0,5", "line 2: the box of a.png is empty"),
        ("a.png,Mass,10,10,5,-5", "line 2: the box of a.png is empty"),
        ("a.png,Mass,1000,10,100,5", "leaves the 1024 x 1024 film"),
        ("a.png,Mass,-20,10,100,5", "leaves the 1024 x 1024 film"),
        ("a.png,Mass,,10,100,5", "line 2"),
        ("a.png,Mass,nan,10,100,5", "line 2"),
        ("a.png,Mass,0,0,inf,5", "line 2: the box of a.png is empty or leaves"),
        ("a.png,Mass,-0.9,10,0.5,5", "line 2: the box of a.png is empty"),  # all of it beyond the border
        ("../a.png,Mass,1,1,5,5", r"line 2: '\.\./a\.png' is not a plain image name"),
        (",Mass,1,1,5,5", "line 2: '' is not a plain image name"),
        ("a.png,Mass,ten,10,100,5", "is not a box list"),
        ("a.png,Mass,10,10", "is not a box list"),
        ("a.png,Hernia,1,2,3,4", "Hernia"),
        ("a.png,,1,2,3,4", "names findings without boxes"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        read_box_list(write(tmp_path / "b.csv", row))
    assert str(tmp_path / "b.csv") in str(caught.value)


def test_the_wrong_one_of_many_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 4: the box of c\.png"):
        read_box_list(write(tmp_path / "b.csv", "a.png,Mass,1,1,5,5", "b.png,Mass,1,1,5,5", "c.png,Mass,1,1,0,5"))


def test_an_empty_file_is_not_a_box_list(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a box list"):
        read_box_list(write(tmp_path / "b.csv", header=""))


def test_boxes_of_one_finding_in_one_image_are_a_pair() -> None:
    one, two, three = [0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [0.25, 0.25, 0.75, 0.75]
    rows = [("b.png", "2", "Mass", *one), ("a.png", "1", "Mass", *two), ("b.png", "2", "Nodule", *three)]
    rows.append(("b.png", "2", "Mass", *three))
    pairs = pair_boxes(pd.DataFrame(rows, columns=["image_id", "patient_id", "finding", *CORNERS]), 4)
    assert pairs.table.to_numpy().tolist() == [
        ["b.png", "2", "Mass", 2],
        ["a.png", "1", "Mass", 1],
        ["b.png", "2", "Nodule", 1],
    ]
    assert [boxes.tolist() for boxes in pairs.boxes] == [[[0, 0, 2, 2], [1, 1, 3, 3]], [[2, 2, 4, 4]], [[1, 1, 3, 3]]]


def test_no_boxes_make_no_pairs() -> None:
    pairs = pair_boxes(pd.DataFrame(columns=["image_id", "patient_id", "finding", *CORNERS]), 4)
    assert len(pairs.table) == len(pairs.boxes) == 0
