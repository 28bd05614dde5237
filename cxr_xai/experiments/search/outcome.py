"""What a search leaves: its trials as a table, the best of them, and the command that runs it from more seeds."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cxr_xai.experiments.search.settings import Search, make_cell
from cxr_xai.experiments.search.trials import EPOCH, FOLDER, REASON, Seen
from cxr_xai.experiments.sweep.cells import key_of
from cxr_xai.files import write_csv, write_json
from cxr_xai.report.search import write_search_report

OPTIMISTIC = (
    "The best of {count} values of val was chosen for being the best, so it is optimistic. What the setting is worth "
    "says test, of runs from seeds that chose nothing."
)


def rank(search: Search, seen: Sequence[Seen]) -> list[Seen]:
    """Return the finished trials, the best first; of equals the earlier."""
    sign = -1 if search.asked.largest else 1
    finished = [(sign * each.value, each) for each in seen if each.state == "complete" and each.value is not None]
    return [each for _, each in sorted(finished, key=lambda pair: (pair[0], pair[1].number))]


def tabulate(search: Search, seen: Sequence[Seen]) -> pd.DataFrame:
    """Return a row per trial: ``trial, state, value, epoch, …parameters…, folder, reason``.

    ``value`` is of the best epoch, of a pruned trial of the last; ``epoch`` is that one.
    """
    rows = [
        {
            "trial": each.number,
            "state": {"complete": "finished", "fail": "failed"}.get(each.state, each.state),
            "value": each.value,
            "epoch": each.notes.get(EPOCH),
            **{key: each.params.get(key) for key in search.asked.space},
            "folder": each.notes.get(FOLDER),
            "reason": each.notes.get(REASON),
        }
        for each in seen
    ]
    columns = ["trial", "state", "value", "epoch", *search.asked.space, "folder", "reason"]
    return pd.DataFrame(rows, columns=columns).astype({"epoch": "Int64"})


def name_rerun(search: Search, best: Seen) -> str:
    """Return the command that runs a trial's settings from seeds that chose nothing, in a folder of its own."""
    cell = make_cell(search.request.fixed, search.asked.space, best.params)
    own = [override for override in cell.overrides if key_of(override) not in ("name", "seed")]
    words = shlex.split(search.request.command)[:2]
    return shlex.join([*words, "-m", *own, "sweep=seeds", f"name={search.home.name}-best"])


def write_outcome(search: Search, seen: Sequence[Seen], importance: Mapping[str, float]) -> Seen | None:
    """Write table, numbers and page of a search; return the best trial, or None without one."""
    write_csv(search.folder / "search.csv", tabulate(search, seen))
    ranked = rank(search, seen)
    best: dict[str, Any] | None = None
    if ranked:
        first = ranked[0]
        best = {"trial": first.number, "value": first.value, "params": first.params, "folder": first.notes.get(FOLDER)}
        best["rerun"] = name_rerun(search, first)
    outcome = {
        "source": search.base.choices["datamodule"],
        "monitor": search.asked.monitor,
        "larger_is_better": search.asked.largest,
        "trials": search.asked.trials,
        "best": best,
        "importance": dict(importance),
        "note": OPTIMISTIC.format(count=len(seen)),
    }
    write_json(search.folder / "search.json", outcome)
    write_search_report(search.folder)
    return ranked[0] if ranked else None
