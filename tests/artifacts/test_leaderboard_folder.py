"""What a leaderboard leaves, by name, and read back."""

from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.artifacts.leaderboard_folder import (
    CASE_COLUMNS,
    SCHEMA_VERSION,
    SCORE_COLUMNS,
    LeaderboardFolder,
    write_parquet,
)
from cxr_xai.artifacts.run_folder import RELIANCE_COLUMNS
from cxr_xai.errors import UserError


def test_names_lie_inside_the_run(tmp_path: Path) -> None:
    board = LeaderboardFolder(tmp_path)
    places = [board.scores("lime"), board.maps("lime"), board.record("lime")]
    assert [place.relative_to(tmp_path).as_posix() for place in places] == [
        "leaderboard/explainers/lime.parquet",
        "leaderboard/explainers/lime.npz",
        "leaderboard/explainers/lime.json",
    ]
    assert board.films() == tmp_path / "leaderboard" / "shown.npz"


def test_the_summary_is_read_back_and_another_schema_is_refused(tmp_path: Path) -> None:
    board = LeaderboardFolder(tmp_path)
    with pytest.raises(UserError, match=r"holds no leaderboard \(no summary\.json\); run scripts/leaderboard\.py"):
        board.read_summary()
    board.write_summary({"mode": "phantom"})
    assert board.read_summary() == {"schema_version": SCHEMA_VERSION, "mode": "phantom"}
    board.summary.write_text('{"schema_version": 1}')
    with pytest.raises(UserError, match=f"has schema 1, this version reads {SCHEMA_VERSION}"):
        board.read_summary()


@pytest.mark.parametrize("columns", [CASE_COLUMNS, SCORE_COLUMNS, RELIANCE_COLUMNS])
def test_a_table_has_exactly_its_columns_in_their_order(tmp_path: Path, columns: tuple[str, ...]) -> None:
    path = tmp_path / "table.parquet"
    write_parquet(path, pd.DataFrame({name: [1.0] for name in ("more", *reversed(columns))}), columns)
    assert tuple(pd.read_parquet(path).columns) == columns
    with pytest.raises(KeyError):
        write_parquet(path, pd.DataFrame({columns[0]: [1.0]}), columns)
    assert tuple(pd.read_parquet(path).columns) == columns, "what failed leaves the former table whole"
