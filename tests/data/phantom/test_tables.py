"""Text files have the published headers and quirks."""

import dataclasses
from pathlib import Path

import pytest

from cxr_xai.data.phantom import PhantomSpec, draw_study
from cxr_xai.data.phantom.tables import box_table, entry_table

RELEASE = Path("../shared/nih-chestxray14")


def test_box_row_uses_the_spelling_of_the_box_list() -> None:
    text = box_table({("00000007_001.png", "Infiltration"): (1.5, 2.0, 30.0, 40.25)})
    assert text == "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000007_001.png,Infiltrate,1.5,2.0,30.0,40.25\n"


def test_entry_row() -> None:
    study = dataclasses.replace(
        draw_study(PhantomSpec(), 3), age=58, sex="M", view="PA", follow_up=2, original=(2992, 2991, 0.143), lesions={}
    )
    assert entry_table([study]).splitlines()[1] == "00000003_000.png,No Finding,2,3,58,M,PA,2992,2991,0.143,0.143"


@pytest.mark.skipif(not RELEASE.is_dir(), reason="the sample of the release is not here")
@pytest.mark.parametrize(
    ("name", "text"), [("Data_Entry_2017_v2020.csv", entry_table([])), ("BBox_List_2017.csv", box_table({}))]
)
def test_headers_are_those_of_the_release(name: str, text: str) -> None:
    with (RELEASE / name).open() as file:
        assert file.readline() == text
