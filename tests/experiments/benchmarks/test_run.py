"""Groups are measured by name, shown, and written where asked."""

from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from cxr_xai.errors import UserError
from cxr_xai.experiments.benchmarks import run
from cxr_xai.experiments.benchmarks.timing import Figure


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Stands in for the groups; notes which were measured and how often."""
    calls: list[tuple[str, int]] = []

    def stand_in(name: str) -> object:
        def measure(repeats: int) -> list[Figure]:
            calls.append((name, repeats))
            return [Figure(f"{name} vs nothing", 0.25, 0.5, 2.0, "times faster", "≥ 1")]

        return measure

    monkeypatch.setattr(run, "GROUPS", {name: stand_in(name) for name in run.GROUPS})
    monkeypatch.setattr(run, "console", Console(width=100, record=True, quiet=False))
    monkeypatch.setattr(run, "quiet_libraries", lambda: None)
    return calls


@pytest.mark.parametrize("group", ["aggregate", "data", "explain", "export", "stats", "sweep", "train"])
def test_one_group(measured: list[tuple[str, int]], group: str) -> None:
    run.run_benchmarks(group, 4, None)
    assert measured == [(group, 4)]
    text = run.console.export_text()
    assert f"{group} vs nothing" in text
    assert "2 times faster" in text


def test_all_groups_and_a_file(measured: list[tuple[str, int]], tmp_path: Path) -> None:
    run.run_benchmarks("all", 1, str(tmp_path / "new" / "speed.csv"))
    assert [name for name, _ in measured] == ["aggregate", "data", "explain", "export", "stats", "sweep", "train"]
    table = pd.read_csv(tmp_path / "new" / "speed.csv")
    assert list(table.columns) == ["what", "seconds", "baseline", "ratio", "unit", "bound"]
    assert table["what"].tolist() == [f"{name} vs nothing" for name, _ in measured]
    assert table["ratio"].tolist() == [2] * 7


def test_an_unknown_group_is_refused(measured: list[tuple[str, int]]) -> None:
    with pytest.raises(
        UserError,
        match="group=speed: no such benchmark; there are aggregate, data, explain, export, stats, sweep, train and all",
    ):
        run.run_benchmarks("speed", 1, None)
    assert measured == []
