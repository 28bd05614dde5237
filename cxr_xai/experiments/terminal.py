"""What a person sees on the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

console = Console()

NOTICE = "For research, not for clinical use."


class ProgressBar:
    """A bar that appears with the first call and leaves with the last.

    Args:
        label: what is being done.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self._bar: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are finished."""
        if self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=console, transient=True)
            self._bar.add_task(self.label, total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done)
        if done >= total:
            self._bar.stop()
            self._bar = None


def print_data(certificate: Mapping[str, Any]) -> None:
    """Say what was found, dropped and divided, before training starts."""
    data, split, boxes = certificate["data"], certificate["split"], certificate["boxes"]
    console.print(f"[bold]{data['source']}[/]: " + ", ".join(f"{number:,} {what}" for what, number in data["counts"].items()))
    parts = ", ".join(f"{part} {split['images'][part]:,} images of {split['patients'][part]:,} patients" for part in split["images"])
    console.print(f"[bold]split={split['scheme']}[/] ({split['sha256'][:8]}): {parts}")
    console.print(
        f"[bold]boxes[/]: {boxes['monitored_studies']} studies watched every epoch, {boxes['sealed_studies']} sealed until the end"
    )


def print_results(summary: Mapping[str, Any], report: Path) -> None:
    """Print the two tables of a finished run and the path of its report."""
    protocol = summary["protocol"]
    console.print(_classification(summary["classification"]["test"], protocol))
    for explainer, halves in summary["localization"].items():
        if "sealed" in halves:
            console.print(_localization(halves["sealed"], explainer, protocol))
    if protocol["source"] == "phantom":
        console.print("Numbers on the phantom say that the machinery works; they say nothing about patients.", style="yellow")
    console.print(NOTICE, style="yellow")
    console.print(f"report: {report}", soft_wrap=True)


def _classification(part: Mapping[str, Any], protocol: Mapping[str, Any]) -> Table:
    title = f"Classification, test: {part['studies']:,} studies of {part['patients']:,} patients ({protocol['label']})"
    table = Table(title=title, title_justify="left", caption="intervals: 95 %, patients resampled; thresholds from val")
    for name, justify in (("finding", "left"), ("positives", "right"), ("AUROC", "right"), ("AUPRC", "right"), ("prevalence", "right"), ("F1", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for name, row in part["findings"].items():
        mark = "" if row["threshold_rule"] == "val_f1" else "*"
        cells = (str(row["positives"]), interval(row["auroc"]), number(row["auprc"]), number(row["prevalence"]), number(row["f1"]) + mark)
        table.add_row(name.replace("_", " "), *cells)
    macro = part["macro"]
    table.add_section()
    table.add_row(
        f"mean over {macro['auroc']['over']}", "", interval(macro["auroc"]), number(macro["auprc"]["value"]), "", number(macro["f1"]["value"])
    )
    if any(row["threshold_rule"] != "val_f1" for row in part["findings"].values()):
        table.caption = f"{table.caption}; * fewer than 50 positives in val: prevalence-matched, outside the mean F1"
    return table


def _localization(half: Mapping[str, Any], explainer: str, protocol: Mapping[str, Any]) -> Table:
    title = f"Localization, sealed boxes: {explainer} ({protocol['label']})"
    caption = "IoU at half maximum, rule all; skill: 0 = box prior without an image, 1 = best an 8 × 8 or 7 × 7 map can do"
    table = Table(title=title, title_justify="left", caption=caption)
    for name in ("finding", "boxes", "dead", "pointing", "energy", "IoU", "prior", "ceiling", "skill"):
        table.add_column(name, justify="left" if name == "finding" else "right")
    for name, row in half["findings"].items():
        if row["pairs"]:
            few = "" if row["in_macro"] else " †"
            values = (interval(row[key]) for key in ("pointing", "energy", "iou"))
            references = (number(row[key]["value"]) for key in ("prior_iou", "ceiling_iou"))
            table.add_row(name + few, str(row["boxes"]), str(row["dead"]), *values, *references, interval(row["skill"]))
    macro = half["macro"]
    table.add_section()
    values = (interval(macro[key]) for key in ("pointing", "energy", "iou"))
    references = (number(macro[key]["value"]) for key in ("prior_iou", "ceiling_iou"))
    table.add_row(f"mean over {macro['over']}", "", str(half["micro"]["dead"]), *values, *references, interval(macro["skill"]))
    if any(row["pairs"] and not row["in_macro"] for row in half["findings"].values()):
        table.caption = f"{table.caption}; † fewer than 20 boxes, outside the mean"
    return table


def number(value: float | None) -> str:
    """Three decimals without the leading zero; – where undefined.

    >>> number(0.1234), number(-0.5), number(None), number(1.0)
    ('.123', '-.500', '–', '1.000')
    """
    if value is None or value != value:
        return "–"
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def interval(entry: Mapping[str, float | None]) -> str:
    """Value and interval.

    >>> interval({"value": 0.8, "low": 0.75, "high": 0.85})
    '.800 (.750–.850)'
    """
    if number(entry["value"]) == "–":
        return "–"
    return f"{number(entry['value'])} ({number(entry['low'])}–{number(entry['high'])})"
