"""A source without films: 25 patients with one box each of two findings."""

from pathlib import Path

import numpy as np
import pytest

from tests.data.readers.published import write_chexpert

HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,a,b,c,d\n"


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    random, root = np.random.default_rng(0), tmp_path / "tables"
    root.mkdir()
    rows, boxes = [], ["Image Index,Finding Label,Bbox [x,y,w,h],,,"]
    for patient in range(1, 26):
        image = f"{patient:08d}_000.png"
        rows.append(f"{image},Infiltration|Cardiomegaly,0,{patient},50,M,PA,9,9,1,1")
        x, y = random.integers(0, 30, 2)
        boxes.append(f"{image},Cardiomegaly,{400 + x},{500 + y},400,300")
        boxes.append(f"{image},Infiltrate,{100 + 20 * x},{100 + 20 * y},100,200")
    (root / "Data_Entry_2017_v2020.csv").write_text(HEADER + "\n".join(rows) + "\n")
    (root / "BBox_List_2017.csv").write_text("\n".join(boxes) + "\n")
    return root


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """A source that marks pixels: six films whose heart is a triangle, half of the box around it."""
    triangle = np.triu(np.ones((32, 32), np.uint8))
    masks, said = {}, {}
    for number in range(6):
        place = f"patient{64741 + number}/study1/view1_frontal.jpg"
        mask = np.zeros((64, 64), np.uint8)
        mask[16:48, 4 * number : 4 * number + 32] = triangle
        masks[place], said[place] = {"Cardiomegaly": mask}, {"Cardiomegaly": 1}
    write_chexpert(tmp_path / "marked", {"test": said}, masks, films={})
    return tmp_path / "marked"
