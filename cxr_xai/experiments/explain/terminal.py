"""What a person sees when films were explained."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from cxr_xai.experiments.terminal import NOTICE, console

MOST = 20
"""Rows printed; the table of scores has all."""


def print_explained(table: pd.DataFrame, explainers: Iterable[str], page: Path) -> None:
    """Print what was predicted, and how many maps of each explainer are dead."""
    films = table.drop_duplicates(["image_id", "finding"])
    shown = Table(box=SIMPLE_HEAD, title=f"{films['image_id'].nunique()} films", title_justify="left")
    for column in ("film", "finding", "probability", "threshold", "predicted"):
        shown.add_column(column, justify="right" if column in ("probability", "threshold") else "left")
    last = ""
    for row in films.head(MOST).itertuples():
        name = "" if row.image_id == last else escape(str(row.image_id))
        decided = "yes" if row.pred else "no"
        shown.add_row(name, str(row.finding), f"{row.calibrated:.3f}", f"{row.threshold:.3f}", decided)
        last = str(row.image_id)
    console.print(shown)
    if len(films) > MOST:
        console.print(f"and {len(films) - MOST} more rows")
    for label in explainers:
        mine = table[table["explainer"] == label]
        dead = int(mine["dead"].sum())
        console.print(f"[bold]{label}[/]: {len(mine)} maps" + (f", {dead} dead" if dead else ""))
    console.print(NOTICE)
    console.print(f"page: {page}", soft_wrap=True)
