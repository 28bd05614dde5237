"""Order, table, importance and the command that follows; the trials are pretended."""

import shlex
from collections.abc import Callable

import pandas as pd
import pytest

from cxr_xai.experiments.search.outcome import name_rerun, rank, tabulate, write_outcome
from cxr_xai.experiments.search.settings import Search
from cxr_xai.experiments.search.show import print_outcome
from cxr_xai.experiments.search.trials import Seen
from cxr_xai.files import read_json

MakeSearch = Callable[..., Search]


def pretend(number: int, state: str, value: float | None, lr: float, **notes: object) -> Seen:
    return Seen(number, state, value, {"optimizer.lr": lr}, {}, notes)


SEEN = [
    pretend(0, "complete", 0.5, 1e-3, epoch=2, folder="a"),
    pretend(1, "pruned", 0.1, 1e-2, epoch=0, folder="b"),
    pretend(2, "complete", 0.3, 1e-4, epoch=1, folder="c"),
    pretend(3, "fail", None, 1e-5, folder="d", reason="no films; unpack some."),
    pretend(4, "complete", 0.3, 2e-4, epoch=1, folder="e"),
]


def test_only_finished_trials_are_ranked_and_of_equals_the_earlier(make_search: MakeSearch) -> None:
    assert [each.number for each in rank(make_search(), SEEN)] == [2, 4, 0]
    largest = make_search("sweep.search.monitor=val/auroc/macro")
    assert [each.number for each in rank(largest, SEEN)] == [0, 2, 4]


def test_the_table_has_every_trial(make_search: MakeSearch) -> None:
    table = tabulate(make_search(), SEEN)
    assert table["state"].tolist() == ["finished", "pruned", "finished", "failed", "finished"]
    assert table["optimizer.lr"].tolist() == [1e-3, 1e-2, 1e-4, 1e-5, 2e-4]
    assert table.loc[3, "reason"] == "no films; unpack some."
    assert pd.isna(table.loc[3, "epoch"])


def test_the_best_is_run_again_elsewhere_and_from_other_seeds(make_search: MakeSearch) -> None:
    search = make_search("seed=3", "loss=focal", "sweep.search.monitor=val/auroc/macro")
    words = shlex.split(name_rerun(search, SEEN[2]))
    assert words[:3] == ["python", "scripts/train.py", "-m"]
    assert words[-4:] == ["loss=focal", "optimizer.lr=0.0001", "sweep=seeds", "name=find-best"]
    assert not [word for word in words if word.startswith("seed=")]


def test_what_came_out_is_written_and_printed(make_search: MakeSearch, capsys: pytest.CaptureFixture[str]) -> None:
    search = make_search()
    search.folder.mkdir(parents=True)
    best = write_outcome(search, SEEN, {"optimizer.lr": 1.0})
    assert best is SEEN[2]
    written = read_json(search.folder / "search.json")
    assert (written["best"]["trial"], written["best"]["value"], written["importance"]) == (2, 0.3, {"optimizer.lr": 1})
    assert "optimistic" in written["note"]
    print_outcome(search, SEEN, {"optimizer.lr": 1.0}, best)
    said = capsys.readouterr().out
    assert "search: 3 finished, 1 pruned, 1 failed" in said
    assert "trial 3: no films; unpack some." in said
    assert "it is optimistic" in said
    assert write_outcome(search, SEEN[1:2], {}) is None
