"""Names of images are plain file names; what is not is refused with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.data.release.image_names import as_names, check_names, line_of, positions
from cxr_xai.errors import UserError

PLAIN = ("00000001_000.png", "a.jpg", "b.jpeg", "c.DCM", "d.dicom", "1.2.840.113.dcm", "Füße-(2).png")
HOSTILE = (
    *("../a.png", "..", "a/../../b.png", "/etc/passwd", "/a.png", "images/a.png"),
    *("..\\a.png", "C:\\a.png", "C:a.png", "\\\\host\\share\\a.png", "a..png", ".a.png"),
    *("", " ", "a", "a.txt", "a.png.exe", ".png", "a.png\n", "a\x00.png", "a.png\x00", "a b.png", "a,b.png", 'a".png'),
)


def test_plain_names_pass() -> None:
    check_names(as_names(PLAIN), Path("unread.csv"), header=1)
    check_names(as_names([]), Path("unread.csv"), header=1)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused_by_line_and_name(tmp_path: Path, name: str) -> None:
    table = tmp_path / "table.csv"
    table.write_text("header\na.png\n\nx\nb.png\n")
    with pytest.raises(UserError, match=r"table\.csv line 4: .* is not a plain image name") as caught:
        check_names(as_names(["a.png", name, "b.png"]), table, header=1)
    assert repr(name)[1:-1] in str(caught.value)


def test_a_missing_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("x\n")
    with pytest.raises(UserError, match="line 1: '' is not"):
        check_names(as_names([None]), tmp_path / "list.txt", header=0)


@given(st.text(min_size=1, max_size=20))
def test_whatever_passes_stays_in_its_folder(text: str) -> None:
    name = f"{text}.png"
    try:
        check_names(as_names([name]), Path("unread.csv"), header=0)
    except (UserError, FileNotFoundError):  # the line of a refused name is looked up in the file
        return
    assert Path("root", name).parent == Path("root")
    assert not {"/", "\\", ":", "\x00"} & set(name)
    assert ".." not in name


def test_positions_are_the_first_of_several() -> None:
    known = as_names(["b.png", "a.png", "b.png"])
    assert positions(as_names(["b.png", None, "c.png", "a.png"]), known).tolist() == [0, -1, -1, 1]
    assert positions(as_names([]), known).tolist() == []


def test_lines_are_counted_without_blank_ones(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("header\n\n\nfirst\n\nsecond\n")
    assert [line_of(tmp_path / "a", row) for row in (0, 1, 2)] == [1, 4, 6]
