"""The controls on the terminal: finding by finding, what a map reaches without seeing a film."""

from collections.abc import Sequence

import pandas as pd
from rich.table import Table

from cxr_xai.experiments.controls.maps import IMAGE_FREE, PRIOR
from cxr_xai.experiments.controls.summarize import CEILING, MACRO
from cxr_xai.experiments.terminal import NOTICE, console, make_table
from cxr_xai.findings import FINDINGS
from cxr_xai.report.format import ends, number
from cxr_xai.report.judged import describe_judge

SHOWN_LEVELS = ("0.1", "0.3", "0.5")
COLUMNS = ("", "IoU (95 %)", "point", "energy", *(f"T{level[1:]}" for level in SHOWN_LEVELS), "skill (95 %)")


def show_controls(table: pd.DataFrame, title: str, order: Sequence[str] = (MACRO, *FINDINGS)) -> Table:
    """Draw the rows of `tabulate_controls`, one block for the mean and one for each finding.

    Args:
        table: its rows; the ceiling of another grid may be among them.
        title: over the table.
        order: of the blocks.
    """
    drawn = make_table(title, COLUMNS)
    few = False
    for finding in order:
        block = table[table["finding"] == finding]
        if block.empty:
            continue
        drawn.add_row(f"[bold]{_heading(block)[0]}[/]", f"[bold]{_heading(block)[1]}[/]")
        few |= not bool(block["in_macro"].iloc[0])
        best = block[block["control"].isin(IMAGE_FREE)]["iou"].idxmax() if block["iou"].notna().any() else None
        for place, row in block.iterrows():
            drawn.add_row(*_cells(row, "*" if place == best else ""))
        drawn.add_section()
    drawn.caption = (
        "* best image-free control beside the prior. T: share of boxes with IoU above\n"
        "skill: 0 = the finding's usual place, 1 = the best a map of this grid can reach\n"
        "Δ less than .10 between the two: the plain difference. Intervals resample patients"
    )
    if few:
        drawn.caption += "\n† fewer than 20 boxes, outside the mean"
    return drawn


def print_controls(table: pd.DataFrame, source: str) -> None:
    """Print the table and what it says.

    Args:
        table: rows of `tabulate_controls`, and what they are ``judged_by``.
        source: its name.
    """
    mean = table[table["finding"] == MACRO].drop_duplicates("control").set_index("control")["iou"]
    size = int(table["image_size"].iloc[0])
    title = f"Controls that see no film: {source}, maps of {table['grid'].iloc[0].replace('x', ' × ')} at {size} px"
    console.print(show_controls(table, title))
    console.print(describe_judge(table["judged_by"].iloc[0]))
    free = mean.loc[list(IMAGE_FREE)]
    if free.notna().any():
        best = str(free.idxmax())
        prior = number(float(mean.loc[PRIOR]))
        console.print(
            f"[bold]best image-free control[/]: {best}, IoU {number(float(free.loc[best]))}; beside it the class box "
            f"prior, IoU {prior}, which knows where other patients had the finding."
        )
    if source == "phantom":
        console.print("These are the boxes of a phantom; they say nothing about patients.", style="yellow")
    console.print(NOTICE, style="yellow")


def _heading(block: pd.DataFrame) -> tuple[str, str]:
    first = block.iloc[0]
    name = "mean" if first["finding"] == MACRO else str(first["finding"]).replace("_", " ")
    return name + ("" if first["in_macro"] else " †"), f"{int(first['boxes']):,} boxes"


def _cells(row: pd.Series, mark: str) -> list[str]:
    name = str(row["control"]) + mark
    if row["control"] == CEILING:
        name += f" {row['grid'].replace('x', '×')}"
    skill = _ranged(row, "skill")
    if row["control"] != CEILING and pd.isna(row["skill"]) and pd.notna(row["over_prior"]):
        skill = f"Δ {number(row['over_prior'], 2)}"
    shares = [number(row[f"t_iou_{level}"], 2) for level in SHOWN_LEVELS]
    pointing = "" if row["control"] == CEILING else number(row["pointing"], 2)
    return [name, _ranged(row, "iou"), pointing, number(row["energy"], 2), *shares, skill]


def _ranged(row: pd.Series, key: str) -> str:
    entry = {"value": row[key], "low": row[f"{key}_low"], "high": row[f"{key}_high"]}
    inside = ends(entry, 2)
    return number(row[key], 2) + (f" ({inside})" if inside else "")
