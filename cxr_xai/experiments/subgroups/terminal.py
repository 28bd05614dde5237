"""What a person sees of subgroups on a terminal of 80 columns."""

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from cxr_xai.artifacts.subgroups_folder import SubgroupsFolder
from cxr_xai.experiments.subgroups.compare import MACRO
from cxr_xai.experiments.terminal import NOTICE, console
from cxr_xai.report.aggregate_tables import PHANTOM
from cxr_xai.report.format import is_known, number
from cxr_xai.report.panels import to_records
from cxr_xai.report.subgroups import SHORT, tell_mixes, tell_planted, tell_standing_out
from cxr_xai.report.tables import p_value


def print_subgroups(folder: SubgroupsFolder, report: Path) -> None:
    """Print the largest gap of every attribute and metric of the family, what stands out, and where all of it lies."""
    summary, largest = folder.read_summary(), folder.read_table("largest")
    runs = summary["runs"]
    console.print(
        f"[bold]{runs[0] if len(runs) == 1 else f'{len(runs)} runs'}[/]: {summary['studies']:,} studies of "
        f"{summary['patients']:,} patients, {summary['boxes']:,} boxes"
    )
    for line in [*summary["notes"], *(f"{key} is left out: {why}." for key, why in summary["left_out"].items())]:
        console.print(line, markup=False, style="yellow")
    table = Table(box=SIMPLE_HEAD, title="Largest gaps of means over findings", title_justify="left")
    for label in ("attribute", "metric", "lowest", "highest", "gap", "p", "p (Holm)"):
        table.add_column(label, justify="left" if label in ("attribute", "metric") else "right")
    family = largest[(largest["finding"] == MACRO) & largest["metric"].isin(summary["family"])]
    for row in to_records(family):
        if is_known(row["gap"]):
            low, high = f"{row['lowest']} {number(row['low_value'])}", f"{row['highest']} {number(row['high_value'])}"
            holds = is_known(row["p_adjusted"]) and row["p_adjusted"] <= summary["alpha"]
            sure = p_value(row["p"]), p_value(row["p_adjusted"])
            cells = (row["attribute"], SHORT[row["metric"]], low, high, number(row["gap"]), *sure)
            table.add_row(*cells, style="bold" if holds else None)
    console.print(table)
    planted = tell_planted(largest) if summary["protocol"]["source"] == "phantom" else []
    for line in [*planted, *tell_standing_out(largest, summary["alpha"]), *tell_mixes(folder)]:
        console.print(line, markup=False)
    if summary["protocol"]["source"] == "phantom":
        console.print(PHANTOM, style="yellow")
    console.print(NOTICE, style="yellow")
    console.print(f"report: {report}", soft_wrap=True)
