"""What a person sees of an aggregate on a terminal of 80 columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from cxr_xai.experiments.terminal import NOTICE, console
from cxr_xai.report.aggregate_tables import PHANTOM
from cxr_xai.report.contrast_tables import verdict, walk_contrasts
from cxr_xai.report.format import interval, is_known, number
from cxr_xai.report.guidance_table import CHANGED, beside, found_sentence, guided_contrasts
from cxr_xai.report.labels import LABELS, MEAN
from cxr_xai.report.tables import cell_text, p_value


def print_aggregate(summary: Mapping[str, Any], report: Path) -> None:
    """Print arms, contrasts and where everything lies."""
    protocol, design = summary["protocol"], summary["design"]
    sizes = {"arm": len(design["arms"]), "seed": len(design["seeds"]), "fold": design["folds"] or 1}
    crossed = " × ".join(f"{number_} {what}{'' if number_ == 1 else 's'}" for what, number_ in sizes.items())
    console.print(
        f"[bold]{len(summary['runs'])} runs[/]: {crossed}; {summary['studies']:,} studies of "
        f"{summary['patients']:,} patients"
    )
    if summary["ignored"]:
        console.print(f"left out, moved aside: {', '.join(summary['ignored'])}", markup=False)
    console.print(f"\nMeans over findings ({protocol['label']})", style="bold", markup=False)
    console.print(_arms(summary["arms"], summary["localization"]))
    for line in [*_agreements(summary["localization"]), *_both(summary["both_predicted"])]:
        console.print(line, markup=False)
    if words := beside(design):
        console.print(words, markup=False)
    if changed := guided_contrasts(summary):
        console.print("\nWhat guidance changed", style="bold")
        console.print(_changes(changed, design["alpha"]))
        console.print(found_sentence(summary), markup=False)
    if summary["contrasts"]:
        console.print("\nDifferences, means over findings", style="bold")
        console.print(_contrasts(summary))
    ensemble = summary["ensemble"]
    if "refused" in ensemble:
        console.print(ensemble["refused"], markup=False)
    else:
        console.print(f"\nEnsembles ({protocol['source']}, split {ensemble['split']})", style="bold", markup=False)
        console.print(_arms(ensemble["arms"], {}))
    console.print("; ".join(protocol["words"]), markup=False)
    if protocol["source"] == "phantom":
        console.print(PHANTOM, style="yellow")
    console.print(NOTICE, style="yellow")
    console.print(f"report: {report}", soft_wrap=True)


def _table(columns: Sequence[str]) -> Table:
    table = Table(caption_justify="left", box=SIMPLE_HEAD, padding=(0, 0), pad_edge=False, show_edge=False)
    table.collapse_padding = True
    for n, name in enumerate(columns):
        table.add_column(
            name, justify="right" if n else "left", overflow="fold" if not n else "ellipsis", no_wrap=bool(n)
        )
    return table


def _arms(arms: Mapping[str, Any], localization: Mapping[str, Any]) -> Table:
    table = _table(("arm", "AUROC (95 %)", "sd", "AUPRC", "F1", "ECE", "IoU", "skill"))
    boxes: Mapping[str, Any] = next(iter(localization.values()), {})
    for arm, numbers in arms.items():
        macro = numbers["macro"]
        scored = boxes.get(arm, {}).get("macro", {})
        means = [number(macro[key]["value"]) for key in ("auprc", "f1", "ece")]
        places = [number(scored[key]["value"], 2) if scored else "–" for key in ("iou", "skill")]
        table.add_row(arm, interval(macro["auroc"]), number(macro["auroc"]["sd"]), *means, *places)
    return table


def _changes(changed: Mapping[str, Mapping[str, Any]], alpha: float) -> Table:
    table = _table(("", "difference", "p", "Holm", "verdict"))
    for contrast, changes in changed.items():
        table.add_row(contrast, style="bold")
        for metric in (name for name in CHANGED if name in changes):
            row = changes[metric]
            holm = "–" if row["primary"] else p_value(row["holm"])
            said = (cell_text("difference", row), p_value(row["p"]), holm, verdict(row, alpha))
            table.add_row(f"  {LABELS[metric]}", *said)
    return table


def _agreements(localization: Mapping[str, Any]) -> list[str]:
    lines = []
    for explainer, by_arm in localization.items():
        own = [f"{arm} {interval(numbers['agreement'], 2)}" for arm, numbers in by_arm.items()]
        prior = next(iter(by_arm.values()))["agreement"]["prior"]
        lines.append(f"agreement with sealed boxes, {explainer}: {', '.join(own)}; prior {interval(prior, 2)}")
    return lines


def _both(both: Mapping[str, Any]) -> list[str]:
    """Say how many boxes remain where both arms predict the finding, and the difference in IoU on them."""
    lines = []
    for explainer, contrasts in both.items():
        for contrast, found in contrasts.items():
            remain = f"{contrast}, {explainer}: both predict {found['boxes']:,} of {found['of_boxes']:,} boxes"
            said = "undefined below 20"
            if found["differences"] is not None:
                said = f"IoU on them {cell_text('difference', found['differences']['iou']['micro'])}"
            lines.append(f"{remain}; {said}")
    return lines


def _contrasts(summary: Mapping[str, Any]) -> Table:
    table = _table(("contrast", "of", "difference", "p", "Holm", "N–B", "verdict"))
    changed = guided_contrasts(summary)  # those stand above
    rows = [
        (contrast, metric, over, row)
        for contrast, metric, over, row in walk_contrasts(summary)
        if (over == MEAN and metric not in changed.get(contrast, {})) or row["primary"]
    ]
    for contrast, metric, over, row in sorted(rows, key=lambda entry: not entry[3]["primary"]):
        if not is_known(row["value"]):
            continue
        of = LABELS[metric] if over == MEAN else f"{LABELS[metric]} {over}"
        tests = [p_value(row["p"]), "–" if row["primary"] else p_value(row["holm"]), p_value(row["p_corrected"])]
        said = verdict(row, summary["design"]["alpha"])
        table.add_row(contrast, of, cell_text("difference", row), *tests, said, style="bold" if row["primary"] else "")
    who = summary["design"]["declared_by"]
    table.caption = f"primary contrast in bold, declared by {who}" if who else "no contrast was declared primary"
    if remark := summary["design"]["remark"]:
        table.caption += f"\n{remark}"
    table.caption += "\np: arms swapped patient by patient; N–B: t over folds, Nadeau–Bengio"
    return table
