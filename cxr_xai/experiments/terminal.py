"""What a person sees on the terminal."""

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cxr_xai.data.release.foreign import ONE_A_FILM
from cxr_xai.experiments.verification.checks import Check
from cxr_xai.metrics.thresholds.contract import PREVALENCE_MATCHED
from cxr_xai.report.format import UNDEFINED, coverage, number

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


def quiet_libraries() -> None:
    """Leave the terminal to what matters: no advertisements and notes of libraries, warnings stay."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A continued run finds its own checkpoints; that is the point of it.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning's own use of torch, nobody can act on it
    warnings.filterwarnings("ignore", message="The `srun` command")  # advice that `choose_environment` has heeded


def print_data(certificate: Mapping[str, Any]) -> None:
    """Say what was found, dropped and divided, before training starts."""
    data, split, boxes = certificate["data"], certificate["split"], certificate.get("boxes")
    counts = ", ".join(f"{count:,} {what}" for what, count in data["counts"].items() if count)
    console.print(f"[bold]{data['source']}[/]: {counts}")
    if about := data.get("about"):
        console.print("made with " + ", ".join(f"{what}={value}" for what, value in about.items()))
    parts = ", ".join(
        f"{part} {split['images'][part]:,} images of {split['patients'][part]:,} patients" for part in split["images"]
    )
    console.print(f"[bold]split={split['scheme']}[/] ({split['sha256'][:8]}): {parts}")
    if str((data.get("about") or {}).get("patients", "")).startswith(ONE_A_FILM):
        words = "patients are unknown: films of one may lie in two parts."
        console.print(words, style="yellow", soft_wrap=True)
    if data.get("quarantine"):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in data["quarantine"].items())
        console.print(f"[bold]in quarantine[/]: {reasons}")
    if made := certificate.get("balancing"):
        console.print("[bold]synthetic studies[/]: " + ", ".join(f"{count:,} {name}" for name, count in made.items()))
    if boxes is not None:
        console.print(
            f"[bold]boxes[/]: {boxes['monitored_studies']} studies watched every epoch, "
            f"{boxes['sealed_studies']} sealed until the end"
            + (f", {boxes['selection_studies']} set aside for selection" if "selection_studies" in boxes else "")
            + (f", {boxes['trained_studies']} trained on" if "trained_studies" in boxes else "")
        )
    if (weights := certificate.get("weights")) and weights["file"]:
        unsure = "unknown" in weights["trained_on"] or weights["seen"] or weights["known_by"] == "name"
        console.print(
            f"[bold]weights[/]: {escape(weights['file'])} ({weights['sha256'][:8]}), trained on "
            f"{escape('; '.join(weights['trained_on']))}"
            + (", by its name alone" if weights["known_by"] == "name" else "")
            + (", films of val among them" if weights["seen"] else ""),
            style="yellow" if unsure else "",
            soft_wrap=True,
        )
    if plans := certificate.get("plans"):
        console.print(f"[bold]plan[/]: {plans[-1]['sha256'][:8]}, first seen {plans[-1]['first_seen'][:19]} UTC")


def print_audit(summary: Mapping[str, Any], report: Path) -> None:
    """Print what an audit found and where it is written."""
    audit, store = summary["audit"], summary["store"]
    console.print(
        f"[bold]films[/]: {audit['films']:,}, "
        + ", ".join(f"{count:,} {mode}" for mode, count in audit["modes"].items())
    )
    console.print(f"[bold]look inverted[/]: {audit['inverted']:,}")
    for row in audit["pairs"]:
        console.print(
            f"[bold]{row['kind']}[/]: {row['pairs']:,} pairs, {row['patients']} patients, {row['parts']} parts"
        )
    if store is not None:
        console.print(f"[bold]store[/]: {store['name']}, {store['bytes'] / 1e9:.3g} GB, every byte checked")
    console.print(f"[bold]geometry[/]: probe films come back within {summary['geometry']:.3f} pixels")
    console.print(f"report: {report}", soft_wrap=True)


def print_results(summary: Mapping[str, Any], report: Path) -> None:
    """Print the two tables of a finished run and the path of its report."""
    protocol, scored = summary["protocol"], summary.get("evaluation", {}).get("part", "test")
    console.print(_classification(summary["classification"]["test"], protocol, scored))
    for explainer, halves in summary["localization"].items():
        if "sealed" in halves:
            console.print(_localization(halves["sealed"], explainer, protocol))
    if "reliance" in summary:
        console.print(_reliance(summary["reliance"], protocol))
    if flags := summary["flags"]:
        names = "; ".join(flag["name"] for flag in flags)
        console.print(f"[bold]flags[/]: {names}. The report says what they may mean.", style="yellow")
    if (share := summary["explain_share"]) is not None:
        console.print(f"Explaining took {share:.1%} of the epochs' time.")
    if protocol["source"] == "phantom":
        console.print(
            "Numbers on the phantom say that the machinery works; they say nothing about patients.", style="yellow"
        )
    console.print(NOTICE, style="yellow")
    console.print(f"report: {report}", soft_wrap=True)


def print_checks(checks: Sequence[Check], folder: Path) -> None:
    """Print what holds in a run folder, what does not, and what could not be checked."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading, wrap in (("", True), ("claim", True), ("", False)):
        table.add_column(heading, no_wrap=wrap, overflow="fold")
    styles = {"holds": ("✓", "green"), "does not hold": ("✗", "bold red"), "not checked": ("?", "yellow")}
    for check in checks:
        mark, style = styles[check.outcome]
        table.add_row(f"[{style}]{mark}[/]", check.name, escape(check.words))
    console.print(f"[bold]verify[/] {folder}", soft_wrap=True)
    console.print(table)
    counts = ", ".join(f"{sum(check.outcome == name for check in checks)} {name}" for name in styles)
    console.print(f"[bold]{counts}[/]. seconds and explain_share have nothing to be compared with.")
    console.print(
        "This finds inconsistency, not forgery: who changes all files alike is not found out.", style="yellow"
    )


def make_table(title: str, columns: Sequence[str]) -> Table:
    """Make an empty table of a name and numbers that fits 80 columns."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 0),
        pad_edge=False,
        show_edge=False,
        collapse_padding=True,
    )
    for name in columns:
        table.add_column(name, justify="left" if name in ("finding", "") else "right", no_wrap=True)
    return table


def _classification(part: Mapping[str, Any], protocol: Mapping[str, Any], scored: str) -> Table:
    size = f"{part['studies']:,} studies of {part['patients']:,} patients"
    title = f"Classification, {scored}: {size} ({protocol['label']})"
    table = make_table(title, ("finding", "positives", "AUROC (95 %)", "AUPRC", "prevalence", "F1"))
    for name, row in part["findings"].items():
        mark = "*" if row["threshold_rule"] == PREVALENCE_MATCHED else " "
        cells = (number(row["auprc"]), number(row["prevalence"]), number(row["f1"]) + mark)
        auroc = interval(row["auroc"]) + ("°" if coverage(row["positive_patients"]) else " ")
        table.add_row(name.replace("_", " "), str(row["positives"]), auroc, *cells)
    macro = part["macro"]
    table.add_section()
    mean = f"mean over {macro['auroc']['over']}"
    table.add_row(
        mean,
        "",
        interval(macro["auroc"]) + " ",
        number(macro["auprc"]["value"]),
        "",
        number(macro["f1"]["value"]) + " ",
    )
    before, after = (number(macro[key]["value"]) for key in ("ece", "ece_calibrated"))
    table.caption = (
        f"intervals resample patients; thresholds come from val\nmean ECE {before} → {after} by calibration on val"
    )
    if any(row["threshold_rule"] == PREVALENCE_MATCHED for row in part["findings"].values()):
        table.caption += "\n* fewer than 50 positives in val: prevalence-matched, outside the mean F1"
    if said := _held(row["positive_patients"] for row in part["findings"].values()):
        table.caption += f"\n° few positive patients: {said}"
    return table


def _held(positive_patients: Iterable[int]) -> str:
    """Say how intervals of so few patients did in simulation; empty where every finding has enough."""
    held = sorted(filter(None, map(coverage, positive_patients)))
    known = [share for share in held if share != "?"]
    words = [f"95 % intervals held {known[0]}–{known[-1]} in simulation"] if known else []
    words += ["fewer than 10 are too few to have been simulated"] if "?" in held else []
    return ";\n  ".join(words)


def _localization(half: Mapping[str, Any], explainer: str, protocol: Mapping[str, Any]) -> Table:
    title = f"Localization, sealed boxes: {explainer} ({protocol['label']})"
    table = make_table(
        title, ("finding", "box", "dead", "point", "energy", "IoU (95 %)", "prior", "ceil", "skill (95 %)")
    )
    for name, row in half["findings"].items():
        if row["pairs"]:
            few = "" if row["in_macro"] else " †"
            table.add_row(name + few, str(row["boxes"]), str(row["dead"]), *_localization_cells(row))
    macro, micro = half["macro"], half["micro"]
    table.add_section()
    table.add_row(f"mean over {macro['over']}", "", str(micro["dead"]), *_localization_cells(macro))
    if micro["dead"]:
        live = half["live"]
        cells = [number(live[key]["value"], 2) for key in ("pointing", "energy")]
        table.add_row("live maps", "", "", *cells, interval(live["iou"], 2), "", "", "")
    table.caption = (
        "IoU of the box around the map's upper half; dead maps count 0\n"
        "skill: 0 = the finding's usual place, 1 = the best a map of this grid can reach"
    )
    share = half["agreement"]
    table.caption += (
        f"\nagreement {interval(share, 2)}, prior {number(share['prior']['value'], 2)}: "
        f"IoU ≥ {number(share['least'], 1)} and the peak inside, of {share['pairs']} pairs"
    )
    if best := (controls := half.get("controls", {})).get("best"):
        table.caption += (
            f"\nbest image-free control: {best}, IoU {interval(controls['macro'][best]['iou'], 2)}, "
            f"prior {number(macro['prior_iou']['value'], 2)}"
        )
    if any(row["pairs"] and interval(row["skill"]) == UNDEFINED for row in half["findings"].values()):
        table.caption += "\nΔ less than .10 between prior and ceiling: the plain difference to the prior"
    if any(row["pairs"] and not row["in_macro"] for row in half["findings"].values()):
        table.caption += "\n† fewer than 20 boxes, outside the mean"
    return table


def _reliance(reliance: Mapping[str, Any], protocol: Mapping[str, Any]) -> Table:
    title = f"Reliance on shortcuts ({protocol['label']}; phantom numbers)"
    table = make_table(title, ("", "of", "studies", "|change| (95 %)", "≥ .1", "AUROC", "without"))
    for name, row in reliance["shortcuts"].items():
        area = [number(row["auroc"][key]["value"]) if "auroc" in row else "" for key in ("with", "without")]
        of, leaning = (row["finding"] or "all findings"), number(row["leaning"]["value"], 2)
        table.add_row(name, of, str(row["studies"]), interval(row["size"]), leaning, *area)
    macro = reliance["macro"]
    table.add_section()
    table.add_row("all of them", "", "", "", "", *(number(macro[key]["value"]) for key in ("with", "without")))
    table.caption = (
        "the same test films without the shortcut; |change| of the calibrated probability\n"
        "all of them: mean AUROC over findings with every shortcut, and without any"
    )
    return table


def _localization_cells(row: Mapping[str, Any]) -> list[str]:
    plain = [number(row[key]["value"], 2) for key in ("pointing", "energy")]
    references = [number(row[key]["value"], 2) for key in ("prior_iou", "ceiling_iou")]
    skill = interval(row["skill"], 2)
    if skill == UNDEFINED and "over_prior" in row:  # too little room between prior and ceiling for a ratio
        skill = f"Δ {number(row['over_prior'], 2)}"
    return [*plain, interval(row["iou"], 2), *references, skill]


def interval(entry: Mapping[str, float | None], digits: int = 3) -> str:
    """Value and interval.

    >>> interval({"value": 0.8, "low": 0.75, "high": 0.85})
    '.800 (.750–.850)'
    """
    value = number(entry["value"], digits)
    return value if value == UNDEFINED else f"{value} ({number(entry['low'], digits)}–{number(entry['high'], digits)})"
