"""Which files are films, and what becomes of those that are none."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.explain.films import find_films, read_films


@pytest.fixture
def folder(tmp_path: Path, pixels: np.ndarray) -> Path:
    for name in ("b.png", "a.PNG", "sub/b.png", ".hidden/c.png", ".d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    (tmp_path / "notes.txt").write_text("no film")
    (tmp_path / "torn.png").write_bytes((tmp_path / "b.png").read_bytes()[:100])
    return tmp_path


def test_films_below_a_folder_by_name_without_hidden_ones(folder: Path) -> None:
    assert [name for name, _ in find_films(folder)] == ["a.PNG", "b.png", "sub/b.png", "torn.png"]


def test_a_file_that_is_named_itself_is_always_tried(folder: Path) -> None:
    assert find_films(folder / "notes.txt") == [("notes.txt", folder / "notes.txt")]


def test_nothing_there(folder: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        find_films(folder / "elsewhere")
    (folder / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds no film \(\.png"):
        find_films(folder / "empty")


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(folder: Path) -> None:
    films = list(read_films(find_films(folder), 32))
    assert [film.problem for film in films] == ["", "", "", "truncated or corrupt"]
    assert films[0].pixels is not None
    assert films[0].pixels.shape == (32, 32)
    assert films[3].pixels is None
    assert films[1].sha256 == films[2].sha256


def test_names_in_subfolders_stay_apart(folder: Path) -> None:
    assert len({film.stem for film in read_films(find_films(folder), 32)}) == 4
