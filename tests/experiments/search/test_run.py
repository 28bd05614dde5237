"""A search as a whole, its runs over in a moment."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.cells import find_cells
from cxr_xai.experiments.search import run
from cxr_xai.experiments.search.settings import Search
from cxr_xai.experiments.search.trials import Trial
from cxr_xai.experiments.sweep.plan import Planned
from cxr_xai.experiments.sweep.record import read_sweep, write_sweep
from cxr_xai.experiments.sweep.show import cell_table
from cxr_xai.experiments.sweep.states import read_statuses
from cxr_xai.lease import Lease

MakeSearch = Callable[..., Search]
Run = Callable[..., None]


@pytest.fixture
def run_search(make_search: MakeSearch, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run_search(*overrides, fresh=…)``."""
    place = run.place

    def tell(search: Search, trial: Trial) -> Planned:
        planned = place(search, trial)
        known = json.loads((tmp_path / "folders.json").read_text())
        known[planned.cell.point["optimizer.lr"]] = str(planned.folder.path.relative_to(tmp_path))
        (tmp_path / "folders.json").write_text(json.dumps(known))
        return planned

    monkeypatch.setattr(run, "place", tell)

    def launch(*overrides: str, fresh: bool = False) -> None:
        search = make_search(*overrides)
        monkeypatch.setattr(run, "read_search", lambda request, compose: search)
        run.run_search(search.request, search.compose, command, fresh=fresh)

    return launch


def started(place: Path) -> Sequence[str]:
    return (place / "started").read_text().split()


def test_a_search_leaves_its_cells_and_goes_on_when_more_trials_are_asked_for(
    run_search: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_search("sweep.search.trials=2")
    run_search("sweep.search.trials=3")
    assert "going on: 2 trials have ended before" in capsys.readouterr().out
    home = tmp_path / "find"
    record = read_sweep(home)
    assert record["search"] == {"trials": 3, "monitor": "val/loss"}
    assert [list(cell["axes"]) for cell in record["cells"]] == [["optimizer.lr"]] * 3
    assert sorted(cell["folder"] for cell in record["cells"]) == sorted(started(tmp_path))
    cell_table(record, read_statuses(record, home))
    assert len((home / "search" / "search.csv").read_text().splitlines()) == 4
    for folder in record["cells"]:  # an aggregate looks at run folders first
        (home / folder["folder"] / "config.yaml").touch()
    with pytest.raises(UserError, match="holds a search, whose trials"):
        find_cells(home)


def test_a_search_of_failures_says_why(run_search: Run, tmp_path: Path) -> None:
    (tmp_path / "fail").touch()
    with pytest.raises(UserError, match=r"none of 2 trials finished; the first of them: no films; unpack some\."):
        run_search("sweep.search.trials=2")


def test_fresh_moves_a_search_aside_unless_it_is_at_work(run_search: Run, tmp_path: Path) -> None:
    run_search("sweep.search.trials=1")
    home = tmp_path / "find"
    lease = Lease(home / "search" / "trial-0.lock")
    assert lease.take(timeout=0)
    with pytest.raises(UserError, match="trial-0 is at work"):
        run_search("sweep.search.trials=1", fresh=True)
    lease.release()
    run_search("sweep.search.trials=1", fresh=True)
    assert (home / "search~1" / "trials.db").is_file()
    assert len(started(tmp_path)) == 2
    assert len(list(home.glob("phantom*~1"))) == 1


def test_a_folder_of_another_sweep_is_refused(run_search: Run, tmp_path: Path) -> None:
    run_search("sweep.search.trials=1")
    record = read_sweep(tmp_path / "find")
    del record["search"]
    write_sweep(tmp_path / "find", record)
    shutil.rmtree(tmp_path / "find" / "search")
    with pytest.raises(UserError, match="holds a sweep that is no search"):
        run_search("sweep.search.trials=1")
