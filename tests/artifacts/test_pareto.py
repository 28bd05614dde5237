"""The front of AUROC and localization, and the file that keeps it."""

import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.artifacts.pareto import PARETO_COLUMNS, add_epoch, cut_pareto, find_front, read_pareto

MERIT = st.one_of(st.integers(0, 4).map(lambda n: n / 4), st.just(math.nan))


def dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] >= other[0] and one[1] >= other[1] and one != other


@given(st.lists(st.tuples(MERIT, MERIT), min_size=1, max_size=12))
def test_the_front_is_what_nothing_dominates(points: list[tuple[float, float]]) -> None:
    expected = [
        all(map(math.isfinite, point)) and not any(dominates(other, point) for other in points) for point in points
    ]
    assert find_front(*zip(*points, strict=True)).tolist() == expected


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Four epochs: the third is dominated by the second, and the last one was kept last."""
    file = tmp_path / "run" / "pareto.csv"
    file.parent.mkdir()
    rows = [(0.6, 0.5, True), (0.7, 0.4, True), (0.65, 0.3, False), (0.8, 0.4, True)]
    for epoch, (auroc, localization, best) in enumerate(rows):
        add_epoch(file, epoch, auroc, localization, auroc + localization, best)
    return file


def columns(path: Path, *names: str) -> list[list[object]]:
    return read_pareto(path)[list(names)].to_numpy().tolist()


def test_front_and_choice_are_those_of_all_epochs(path: Path) -> None:
    assert tuple(read_pareto(path).columns) == PARETO_COLUMNS
    assert columns(path, "epoch", "on_front", "chosen") == [
        [0, True, False], [1, False, False], [2, False, False], [3, True, True]
    ]  # fmt: skip
    assert [entry.name for entry in path.parent.iterdir()] == ["pareto.csv"], "nothing half is left"


def test_numbers_are_written_as_they_were_rounded(path: Path) -> None:
    add_epoch(path, 4, 0.7 + 0.2, 0.0774, (0.9 + 0.0774) / 2 - 1e-16, False)
    assert path.read_text().splitlines()[-1] == "4,0.9,0.0774,0.4887,True,False,False"


def test_a_cut_takes_front_and_choice_back(path: Path) -> None:
    cut_pareto(path, 3)
    assert columns(path, "epoch", "on_front", "chosen") == [[0, True, False], [1, True, True], [2, False, False]]
    before = path.read_bytes()
    cut_pareto(path, 3)
    assert path.read_bytes() == before
    cut_pareto(path, 0)
    assert not path.exists()
    cut_pareto(path, 0)


def test_an_epoch_made_again_takes_the_place_of_later_ones(path: Path) -> None:
    add_epoch(path, 1, 0.9, 0.1, 1.0, False)
    assert columns(path, "epoch", "auroc", "chosen") == [[0, 0.6, True], [1, 0.9, False]]


def test_cut_and_made_again_are_the_bytes_of_one_that_never_was(path: Path) -> None:
    before = path.read_bytes()
    cut_pareto(path, 2)
    for row in ((2, 0.65, 0.3, 0.65 + 0.3, False), (3, 0.8, 0.4, 0.8 + 0.4, True)):
        add_epoch(path, *row)
    assert path.read_bytes() == before


def test_without_a_file_there_are_no_rows(tmp_path: Path) -> None:
    pd.testing.assert_index_equal(read_pareto(tmp_path / "x.csv").columns, pd.Index(list(PARETO_COLUMNS)))
