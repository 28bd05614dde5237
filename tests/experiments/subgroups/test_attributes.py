"""Which groups studies fall into."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxr_xai.data.index import Index
from cxr_xai.errors import UserError
from cxr_xai.experiments.subgroups import attributes
from cxr_xai.experiments.subgroups.attributes import read_attributes
from cxr_xai.experiments.subgroups.read import Judged


def test_what_the_tables_know(judged: Judged, asked: dict[str, Any]) -> None:
    found = read_attributes(judged, asked)
    assert found.names == ["sex", "age", "view", "followup"]
    one = found.table.loc["00000001_002.png"]
    assert (one["sex"], one["followup"]) == ("F", "1-4")
    assert set(found.table["age"]) == {"0-19", "20-39", "40-59", "60-79", "80+"}


def test_files_are_read_and_strangers_counted(judged: Judged, asked: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image_id\n00000001_000.png\n00000002_000.png\nnobody.png\n")
    found = read_attributes(judged, {**asked, "attributes": {"drain": str(tmp_path / "a.csv")}})
    assert (found.table["drain"] == "yes").sum() == 2
    assert "drain: 1 of 3 image ids" in found.notes[0]
    assert "nobody.png" in found.notes[0]
    listed = read_attributes(judged, {**asked, "attributes": {"view": str(tmp_path / "a.csv")}})
    assert "not of the source" in listed.notes[0]
    assert set(listed.table["view"]) == {"yes", "no"}


def test_columns_of_the_source_are_attributes(
    judged: Judged, asked: dict[str, Any], index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Known:
        studies, sources, about = index.studies, index.sources, index.about
        attributes = pd.DataFrame({"image_id": index.studies["image_id"][:4], "ward": ["A", "B", "A", None]})

    monkeypatch.setattr(attributes, "reach_tables", lambda cell, root: (Known, ""))
    ward = read_attributes(judged, asked).table["ward"]
    assert ward.notna().sum() == 3
    assert set(ward.dropna()) == {"A", "B"}


def test_groups_of_both(judged: Judged, asked: dict[str, Any]) -> None:
    found = read_attributes(judged, {**asked, "intersections": [["sex", "view"]], "only": ["sex"]})
    assert found.names == ["sex", "sex × view"]
    assert set(found.table["sex × view"]) == {"F AP", "F PA", "M AP", "M PA"}


def test_what_makes_no_groups_is_said_or_refused(judged: Judged, asked: dict[str, Any], tmp_path: Path) -> None:
    settings = {**asked, "followup_bands": [9]}
    assert "all that is known is '0-8'" in read_attributes(judged, settings).left_out["followup"]
    with pytest.raises(UserError, match="followup makes no groups"):
        read_attributes(judged, {**settings, "only": ["followup"]})
    rows = "\n".join(f"{image},{n}" for n, image in enumerate(judged.images[:30]))
    (tmp_path / "many.csv").write_text(f"image_id,dose\n{rows}\n")
    with pytest.raises(UserError, match="it has 30 values; join them to 12 or fewer"):
        read_attributes(judged, {**asked, "attributes": {"dose": str(tmp_path / "many.csv")}})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"only": ["height"]}, "only=height: no such attribute; there are sex"),
        ({"intersections": [["sex", "height"]]}, "no attribute 'height'"),
        ({"root": "nowhere"}, "not in reach: no data at nowhere"),
        ({"attributes": {"drain": 3}}, "attributes.drain=3"),
        ({"attributes": {"drain": "absent.csv"}}, "there is no file absent.csv"),
    ],
)
def test_what_is_wrong_is_said(judged: Judged, asked: dict[str, Any], changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_attributes(judged, {**asked, **changed})


def test_another_edition_of_the_labels_is_refused(
    judged: Judged, asked: dict[str, Any], source: Path, tmp_path: Path
) -> None:
    name = "Data_Entry_2017_v2020.csv"
    (tmp_path / name).write_text((source / name).read_text().replace(",M,", ",F,"))
    with pytest.raises(UserError, match="is not the label file that was scored"):
        read_attributes(judged, {**asked, "root": str(tmp_path)})


def test_files_alone_do(judged: Judged, asked: dict[str, Any], source: Path) -> None:
    settings = {**asked, "root": "nowhere", "attributes": {"drain": str(source / "drains.csv")}}
    found = read_attributes(judged, settings)
    assert found.names == ["drain"]
    assert "not in reach" in found.notes[0]
