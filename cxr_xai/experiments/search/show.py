"""What a search shows on the terminal: its space before, its best trials after."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.text import Text

from cxr_xai.experiments.search.outcome import OPTIMISTIC, name_rerun, rank
from cxr_xai.experiments.search.settings import Search
from cxr_xai.experiments.search.space import Entry, write_value
from cxr_xai.experiments.search.trials import EPOCH, FOLDER, REASON, Seen
from cxr_xai.experiments.terminal import console, make_table

SHOWN = 8
"""Trials in the table; all of them are in ``search.csv``."""


def print_search(search: Search) -> None:
    """Say what is looked for, in which space, and when a trial is given up."""
    asked = search.asked
    good = "large" if asked.largest else "small"
    console.print(
        f"[bold]{asked.trials} trials[/] in {search.home}, {search.request.jobs} at a time: a {good} {asked.monitor}",
        soft_wrap=True,
    )
    width = max(len(key) for key in asked.space)
    for key, entry in asked.space.items():
        console.print(f"  {key:{width}}  [cyan]{escape(describe_entry(entry))}[/]", highlight=False)
    prune = "no trial is stopped early"
    if asked.prune is not None:
        prune = (
            f"worse than the median of {asked.prune.after} or more finished trials, after epoch {asked.prune.warmup}"
        )
    console.print(f"  pruned: {prune}", style="dim")


def describe_entry(entry: Entry) -> str:
    """Say what a setting may be.

    >>> describe_entry(Entry("lr", low=1e-5, high=0.01, log=True)), describe_entry(Entry("loss", ("bce", "focal")))
    ('1e-05 … 0.01, by magnitude', 'bce, focal')
    """
    if entry.choices is not None:
        return ", ".join(map(write_value, entry.choices))
    how = ", by magnitude" if entry.log else f" in steps of {entry.step}" if entry.step else ""
    return f"{entry.low} … {entry.high}{how}"


def print_outcome(search: Search, seen: Sequence[Seen], importance: Mapping[str, float], best: Seen | None) -> None:
    """Print the best trials, what mattered, and what to do next."""
    counts = Counter(each.state for each in seen)
    words = {"complete": "finished", "pruned": "pruned", "fail": "failed", "running": "running"}
    said = ", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state])
    keys = list(search.asked.space)
    console.print(f"[bold]search[/]: {said}", highlight=False)
    table = make_table("", ("trial", search.asked.monitor, "epoch", *map(shorten, keys)))
    for each in rank(search, seen)[:SHOWN]:
        params = (write_value(each.params[key]) for key in keys)
        style = "bold" if each is best else None
        table.add_row(str(each.number), f"{each.value:.4f}", str(each.notes.get(EPOCH, "")), *params, style=style)
    if best is not None:
        console.print(table)
    for each in seen:
        if each.state == "fail":
            console.print(Text.assemble((f"trial {each.number}", "red"), f": {each.notes.get(REASON, '')}"))
            if FOLDER in each.notes:  # else its values never made a run
                console.print(f"  {search.home / each.notes[FOLDER]}/output.log", style="dim", soft_wrap=True)
    if importance:
        parts = ", ".join(f"{shorten(key)} {share:.0%}" for key, share in importance.items())
        console.print(f"[bold]what mattered[/]: {parts}", highlight=False)
    if best is not None:
        console.print(OPTIMISTIC.format(count=len(seen)), style="yellow")
        console.print("[bold]run the best from more seeds[/]:")
        console.print(f"  {escape(name_rerun(search, best))}", highlight=False, soft_wrap=True)
    console.print(f"all trials: {search.folder / 'search.csv'}, {search.folder / 'report.html'}", soft_wrap=True)


def shorten(key: str) -> str:
    """Return the last part of a setting's name.

    >>> shorten("optimizer.weight_decay"), shorten("loss")
    ('weight_decay', 'loss')
    """
    return key.rpartition(".")[2]
