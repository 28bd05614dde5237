"""Files are found by name, copies by stem, and nothing outside the root."""

import os
from pathlib import Path

import pytest

from cxr_xai.data.release.image_files import find_images
from cxr_xai.data.release.image_names import as_names
from cxr_xai.data.release.links import Gate
from cxr_xai.errors import UserError

IMAGES = as_names(["a.png", "b.png", "c.png"])
FOUND, TWICE, STRANGE = "images found", "images found twice (first kept)", "image files without a row"


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def look(root: Path, links_out: bool = False) -> tuple[list[str | None], dict[str, int]]:
    paths, counts = find_images(root, IMAGES, Gate(root, links_out))
    return [None if path is None else Path(path).relative_to(root).as_posix() for path in paths], counts


@pytest.mark.parametrize("folder", ["images", "images_007", "images_007/images"])
def test_every_layout(tmp_path: Path, folder: str) -> None:
    found, counts = look(touch(tmp_path, f"{folder}/a.png", f"{folder}/c.png"))
    assert found == [f"{folder}/a.png", None, f"{folder}/c.png"]
    assert counts == {"rows without an image file": 1, FOUND: 2, TWICE: 0, STRANGE: 0}


def test_paths_begin_as_the_root_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "copy/images/a.png")
    monkeypatch.chdir(tmp_path)
    assert find_images(Path("copy"), IMAGES, Gate(Path("copy")))[0][0] == str(Path("copy", "images", "a.png"))


@pytest.mark.parametrize("name", ["b.jpg", "b.jpeg", "b.dcm", "b.dicom", "b.PNG", "b.Dcm"])
def test_a_converted_copy_is_found_by_its_stem(tmp_path: Path, name: str) -> None:
    found, counts = look(touch(tmp_path, "images/a.png", f"images/{name}"))
    assert found == ["images/a.png", f"images/{name}", None]
    assert (counts[FOUND], counts[TWICE], counts[STRANGE]) == (2, 0, 0)


def test_the_first_of_several_copies_is_kept_and_counted(tmp_path: Path) -> None:
    # The exact name beats the flat folder's conversion; among conversions the suffix decides, then the folder.
    touch(tmp_path, "images/a.jpg", "images_001/images/a.png", "images_002/images/a.png")
    touch(tmp_path, "images/b.dcm", "images_001/images/b.jpg", "images_002/b.jpg")
    found, counts = look(tmp_path)
    assert found == ["images_001/images/a.png", "images_001/images/b.jpg", None]
    assert (counts[FOUND], counts[TWICE], counts[STRANGE]) == (2, 2, 0)


def test_what_is_no_image_of_the_table_is_left_alone(tmp_path: Path) -> None:
    touch(
        tmp_path, "images/a.png", "images/z.png", "images/._a.png", "images/b.txt", "images/b", "c.png", "masks/c.png"
    )
    (tmp_path / "images" / "c.png").mkdir()
    found, counts = look(tmp_path)
    assert found == ["images/a.png", None, None]
    assert (counts[FOUND], counts[TWICE], counts[STRANGE]) == (1, 0, 2)


def test_a_name_that_is_not_text_is_left_alone(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png")
    try:
        Path(os.fsdecode(os.fsencode(tmp_path / "images") + b"/\xff.png")).touch()
    except OSError:
        pytest.skip("this file system has no such names")
    assert look(tmp_path)[0] == ["images/a.png", None, None]


def test_no_folder_and_empty_folders(tmp_path: Path) -> None:
    nothing = ([None] * 3, {"rows without an image file": 3, FOUND: 0, TWICE: 0, STRANGE: 0})
    assert look(tmp_path) == nothing
    (tmp_path / "images").mkdir()
    assert look(tmp_path) == nothing


def test_links_inside_are_followed_and_a_folder_counts_once(tmp_path: Path) -> None:
    touch(tmp_path, "images_001/images/a.png", "originals/b.png")
    (tmp_path / "images_002").symlink_to("images_001")
    (tmp_path / "images_001" / "images" / "b.png").symlink_to(tmp_path / "originals" / "b.png")
    (tmp_path / "images_001" / "images" / "c.png").symlink_to("lost.png")
    found, counts = look(tmp_path)
    assert found == ["images_001/images/a.png", "images_001/images/b.png", None]
    assert counts[TWICE] == 0


@pytest.mark.parametrize("link", ["images", "images_003", "images_003/images", "images/b.png", "images/unknown.dcm"])
def test_links_out_of_the_root_are_refused(tmp_path: Path, link: str) -> None:
    root = touch(tmp_path, "root/images_001/a.png", "elsewhere/b.png", "elsewhere/images/c.png").joinpath("root")
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to(tmp_path / "elsewhere" / ("b.png" if "." in link else ""))
    with pytest.raises(UserError, match=rf"root/{link} is a link that leads out.*elsewhere.*links_out=true"):
        look(root)
    gate = Gate(root, links_out=True)
    find_images(root, IMAGES, gate)
    assert gate.out == 1


def test_a_linked_archive_is_read_where_that_is_wanted(tmp_path: Path) -> None:
    root = touch(tmp_path, "root/images_001/a.png", "elsewhere/images/c.png").joinpath("root")
    (root / "images_003").symlink_to(tmp_path / "elsewhere")
    assert look(root, links_out=True)[0] == ["images_001/a.png", None, "images_003/images/c.png"]
