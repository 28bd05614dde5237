"""Every oddity of a label file has a rule and a count, or is refused with what to do."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxr_xai.data.release.label_file import age_in_years, multi_hot, read_labels
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS, INDEX

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)


def row(image: str = "a.png", labels: str = "Mass", follow: str = "0", patient: str = "1", age: str = "57") -> str:
    return f"{image},{labels},{follow},{patient},{age},M,PA,2682,2749,0.143,0.143"


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def read(folder: Path, *rows: str) -> tuple[pd.Series, dict[str, int]]:
    """The first row, and the counts that are not nothing."""
    table, counts = read_labels(write(folder, *rows))
    return table.iloc[0], {what: count for what, count in counts.items() if count}


def test_a_clean_row(tmp_path: Path) -> None:
    first, counts = read(tmp_path, row("00000003_007.png", "Mass|Hernia", "5", "3", "75"))
    assert first["image_id"] == "00000003_007.png"
    assert (first["patient_id"], first["followup"], first["age"], first["sex"], first["view"]) == (
        "3",
        5,
        75,
        "M",
        "PA",
    )
    assert first[list(FINDINGS)][lambda s: s == 1].index.tolist() == ["Mass", "Hernia"]
    assert counts == {"rows in the label file": 1}


@pytest.mark.parametrize(
    ("text", "years"),
    [("58", 58), ("058Y", 58), ("000", 0), ("120", 120), ("018M", 1.5), ("58.5", 58.5), ("013D", 13 / 365.2425)]
    + [(text, None) for text in ("", "121", "414", "411Y", "-3", "old", "58X", "5e1", "nan", "９")],
)
def test_ages(tmp_path: Path, text: str, years: float | None) -> None:
    first, counts = read(tmp_path, row(age=text))
    assert counts.get("ages blanked (impossible or unreadable)", 0) == (years is None)
    assert np.isnan(first["age"]) if years is None else first["age"] == pytest.approx(years)
    assert age_in_years("003W") == pytest.approx(21 / 365.2425, rel=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "column", "becomes", "says"),
    [
        (",M,", ",F,", "sex", "F", None),
        (",M,", ", F ,", "sex", "F", None),
        (",M,", ",X,", "sex", "", "sexes blanked (neither M nor F)"),
        (",M,", ",,", "sex", "", "sexes blanked (neither M nor F)"),
        (",PA,", ",AP,", "view", "AP", None),
        (",PA,", ",LATERAL,", "view", "", "views blanked (neither PA nor AP)"),
        (",PA,", ",,", "view", "", "views blanked (neither PA nor AP)"),
    ],
)
def test_sex_and_view(tmp_path: Path, old: str, new: str, column: str, becomes: str, says: str | None) -> None:
    first, counts = read(tmp_path, row().replace(old, new))
    assert first[column] == becomes
    assert counts == {"rows in the label file": 1} | ({says: 1} if says else {})


@pytest.mark.parametrize("text", ["", "first", "-1", "1.5"])
def test_an_unreadable_follow_up_is_unknown_and_counted(tmp_path: Path, text: str) -> None:
    first, counts = read(tmp_path, row(follow=text))
    assert np.isnan(first["followup"])
    assert counts["follow-up numbers blanked (unreadable)"] == 1


def test_patients_lose_leading_zeros_and_no_more(tmp_path: Path) -> None:
    rows = [row(f"{n}.png", patient=text) for n, text in enumerate(["0012", "12", "000", " 7 ", "P003", "100"])]
    assert read_labels(write(tmp_path, *rows))[0]["patient_id"].tolist() == ["12", "12", "0", "7", "P003", "100"]


def test_the_same_row_again_is_dropped(tmp_path: Path) -> None:
    path = write(tmp_path, row("a.png"), row("b.png", "Edema"), row("a.png"), row("a.png"))
    table, counts = read_labels(path)
    assert table["image_id"].tolist() == ["a.png", "b.png"]
    assert table["Edema"].tolist() == [0, 1]
    assert (counts["rows in the label file"], counts["repeated rows dropped"]) == (4, 2)


@pytest.mark.parametrize("other", [row(labels="Hernia"), row(patient="2"), row(age="58"), row(follow="1")])
def test_two_truths_about_one_image_are_refused(tmp_path: Path, other: str) -> None:
    path = write(tmp_path, row("b.png"), row(), row(), other)
    with pytest.raises(UserError, match=r"lines 3 and 5 say different things of a\.png; remove the wrong one"):
        read_labels(path)


def test_a_label_said_twice_counts_once(tmp_path: Path) -> None:
    first, counts = read(tmp_path, row(labels="Mass|Mass|Infiltrate|Infiltration"), row("b.png"))
    assert first[list(FINDINGS)].sum() == 2
    assert counts == {"rows in the label file": 2, "rows that say a label twice": 1}


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ("Tumour", "unknown finding 'Tumour' in 'Tumour'; expected the 14 names or 'No Finding'"),
        ("Mass|Tumour", r"unknown finding 'Tumour' in 'Mass\|Tumour'"),
        ("mass", "unknown finding 'mass'"),
        ("", "unknown finding '' in ''"),
        ("Mass|", "unknown finding ''"),
        ("No Finding|Mass", r"'No Finding\|Mass' says both that there is a finding and that there is none"),
    ],
)
def test_labels_that_cannot_be_meant_are_refused(tmp_path: Path, labels: str, says: str) -> None:
    with pytest.raises(UserError, match=rf"labels\.csv: {says}"):
        read_labels(write(tmp_path, row("b.png"), row(labels=labels)))


def test_a_row_without_a_patient_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"labels\.csv: b\.png has no patient; fill in its Patient ID"):
        read_labels(write(tmp_path, row(), row("b.png", patient=" "), row("c.png", patient="")))


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "images/a.png", "C:\\a.png", "a\x00.png", "", "a.csv"])
def test_names_that_are_no_plain_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"labels\.csv line 3: .* is not a plain image name"):
        read_labels(write(tmp_path, row("b.png"), row(name), row("c.png")))


def test_columns_are_known_by_name(tmp_path: Path) -> None:
    order = [6, 0, 3, 2, 1, 5, 4]
    names, cells = HEADER.split(","), row("b.png", "Edema", "4").split(",")
    mixed = [["Unnamed: 0", *(part[n] for n in order), "note", "note"] for part in (names, cells)]
    (tmp_path / "other").mkdir()
    other = write(tmp_path / "other", ",".join(mixed[1]), header=",".join(mixed[0]))
    pd.testing.assert_frame_equal(read_labels(other)[0], read_labels(write(tmp_path, row("b.png", "Edema", "4")))[0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "", "lacks the column 'Image Index'; found  …. Use the release's file"),
        (lambda text: text.replace("Patient ID", "Subject"), "lacks the column 'Patient ID'; found .*Subject"),
        (lambda text: text.replace("Patient Age", "Patient ID"), "has 2 columns called 'Patient ID'"),
        (lambda text: text.replace(",", ";"), "lacks the column 'Image Index'"),
        (lambda text: text.splitlines()[0], "is not a table .*Use the release's file"),
        (lambda text: text.splitlines()[0] + "\n\n", "has a header and no rows. Use the release's file"),
        (lambda text: text + "b.png,Mass\n", "is not a table .*Expected 11 columns, got 2"),
        (lambda text: text.replace("Mass", "M\udcffss"), "is not a table .*[Uu][Tt][Ff].?8"),
        (lambda text: "\udcff" + text, "is not a table .*Use the release's file"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, change, says: str) -> None:
    path = write(tmp_path, row())
    path.write_bytes(change(path.read_text()).encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=says) as caught:
        read_labels(path)
    assert str(path) in str(caught.value)


def test_a_byte_order_mark_windows_lines_and_quotes_read_alike(tmp_path: Path) -> None:
    path = write(tmp_path, row(), row("b.png"))
    expected = read_labels(path)[0]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n").replace(b"a.png", b'"a.png"'))
    pd.testing.assert_frame_equal(read_labels(path)[0], expected)


def test_multi_hot_parses_lists_spaces_and_aliases() -> None:
    table = multi_hot(["Mass| Hernia", "No Finding", "Infiltrate"], Path("labels.csv"))
    assert table.shape == (3, 14)
    assert table.dtype == np.float32
    assert [line.nonzero()[0].tolist() for line in table] == [
        [INDEX["Mass"], INDEX["Hernia"]],
        [],
        [INDEX["Infiltration"]],
    ]
