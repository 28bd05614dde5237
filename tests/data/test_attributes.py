"""Attributes of films from a CSV."""

from pathlib import Path

import pytest

from cxr_xai.data.attributes import read_attribute, read_attribute_file
from cxr_xai.errors import UserError

FILMS = ["a.png", "b.png", "c.png"]


def written(folder: Path, text: str) -> Path:
    path = folder / "drain.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("image_id\nb.png\nz.png\n", ["no", "yes", "no"]),
        ("Image Index\nb.png\nb.png\n", ["no", "yes", "no"]),
        ("image_id,seen\nb.png,1\na.png,0\n", ["no", "yes", None]),
        ("image_id,hospital\nb.png,St. Mary\na.png,\nc.png,1\n", [None, "St. Mary", "1"]),
        ("image_id,view,drain\nb.png,PA,True\na.png,AP,false\n", ["no", "yes", None]),
    ],
)
def test_values_of_films(tmp_path: Path, text: str, values: list[str | None]) -> None:
    series = read_attribute(written(tmp_path, text), FILMS, "drain")
    assert (series.name, series.index.name, list(series.index)) == ("drain", "image_id", FILMS)
    assert [None if value != value else value for value in series] == values


def test_a_list_that_nobody_completed_leaves_the_others_unknown(tmp_path: Path) -> None:
    series = read_attribute(written(tmp_path, "image_id\nb.png\n"), FILMS, "drain", unlisted="unknown")
    assert series.isna().tolist() == [True, False, True]


def test_strangers_are_told(tmp_path: Path) -> None:
    file = read_attribute_file(written(tmp_path, "image_id\nz.png\nb.png\ny.png\n"), "drain")
    assert file.strangers(FILMS) == ["z.png", "y.png"]
    assert file.listed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\na.png\n", r"no column image_id \(it has name\)"),
        ("image_id,left,right\na.png,0,1\n", "no column 'drain', but left, right"),
        ("image_id,drain\na.png,left\na.png,right\n", "gives 'a.png' two values"),
        ("image_id\nq\n", r"names none of the 3 films \(it has 'q', they are like 'a.png'\)"),
        ("image_id\n", "names none of the 3 films"),
        ("", "is no CSV"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_attribute(written(tmp_path, text), FILMS, "drain")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no file"):
        read_attribute(tmp_path / "no.csv", FILMS, "drain")
