"""Films straight from their files."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from cxr_xai.data.films.files import FilmFiles, Selection, measure_films
from cxr_xai.data.films.measure import read_film
from cxr_xai.errors import UserError


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    random = np.random.default_rng(0)
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), random.integers(0, 256, (64, 64), np.uint8))
    return [str(tmp_path / f"{number}.png") for number in range(5)]


def test_films_by_number(paths: list[str]) -> None:
    films = FilmFiles(paths, 16)[np.array([3, 0, 3])]
    np.testing.assert_array_equal(films, np.stack([read_film(paths[number], 16) for number in (3, 0, 3)]))


def test_a_selection_reaches_nothing_else(paths: list[str]) -> None:
    films = FilmFiles(paths, 16)
    chosen = Selection(films, np.array([4, 1]))
    np.testing.assert_array_equal(chosen[np.array([0, 1])], films[np.array([4, 1])])
    with pytest.raises(IndexError):
        chosen[np.array([2])]


def test_facts_come_in_the_order_of_the_files(paths: list[str]) -> None:
    Path(paths[2]).write_bytes(b"")
    seen: list[tuple[int, int]] = []
    facts = measure_films(paths, 16, lambda done, total: seen.append((done, total)))
    assert [entry.file for entry in facts] == [Path(path).name for path in paths]
    assert [entry.problem for entry in facts] == ["", "", "empty file", "", ""]
    assert seen[-1] == (5, 5)


def test_a_film_that_broke_later_is_named_not_a_crash(paths: list[str]) -> None:
    films = FilmFiles(paths, 16)
    Path(paths[1]).write_bytes(b"torn")
    with pytest.raises(UserError, match=r"1\.png is unfit"):
        films[np.array([0, 1])]
