"""The tables of an aggregate, from its numbers alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cxr_xai.report.box_tables import agreement_table, both_table, found_table
from cxr_xai.report.contrast_tables import contrasts_table, details_table
from cxr_xai.report.format import coverage, name
from cxr_xai.report.guidance_table import beside, guidance_table, short
from cxr_xai.report.labels import LABELS, MEAN
from cxr_xai.report.tables import Column, Kind, Table, with_own_names

PHANTOM = "Phantom numbers: synthetic films; they say that the machinery works and nothing about patients."
SHORT = ("auroc", "auprc", "f1", "ece", "ece_calibrated", "brier", "recall", "specificity")
"""What the table of arms shows; the tables of findings have all."""
BIASED = (
    "Intervals are corrected for bias: few studies make AUPRC and ECE come out too large, and the value may then be "
    "the upper end of its interval."
)
UNDEFINED_NOTE = "– is undefined and outside the mean."

Summary = Mapping[str, Any]


def make_tables(summary: Summary) -> list[Table]:
    """Return every table: arms, findings, folds, contrasts, boxes, the ensemble, the runs."""
    arms, design = summary["arms"], summary["design"]
    note = protocol_note(summary)
    uses = design.get("uses_of_boxes", {})
    tables = [arms_table("arms", "Means over findings per arm", arms, note, uses)]
    changed = guidance_table(summary, note)
    tables += [] if changed is None else [changed]
    compared = [metric for metric in design["metrics"] if all(metric in arm["macro"] for arm in arms.values())]
    tables += [findings_table(metric, arms, note) for metric in compared]
    tables += [metrics_table(arm, arms[arm], note) for arm in arms]
    tables += [boxes_table(explainer, by_arm, note) for explainer, by_arm in summary["localization"].items()]
    tables += [reliance_table(summary["reliance"], note)] if summary.get("reliance") else []
    for explainer, by_arm in summary["localization"].items():
        tables += [make(explainer, by_arm, note, slug(explainer)) for make in (found_table, agreement_table)]
    for explainer, by_contrast in summary["both_predicted"].items():
        if by_contrast:
            tables.append(both_table(explainer, by_contrast, design["alpha"], note, slug(explainer)))
    tables += [folds_table(summary["folds"], note)]
    if summary["contrasts"]:
        tables += [contrasts_table(summary, note), details_table(summary, note)]
    if "arms" in (ensemble := summary["ensemble"]):
        shown = protocol_note(summary, ensemble["split"])
        tables.append(arms_table("ensemble", "Ensembles of the folds, on patients that no fold has seen",
                                 ensemble["arms"], shown, uses))  # fmt: skip
    return with_own_names([*tables, runs_table(summary["runs"], note)])


def protocol_note(summary: Summary, split: str | None = None) -> tuple[str, ...]:
    """Return what every table carries: the protocol in one sentence, and that a phantom is one."""
    protocol, design = summary["protocol"], summary["design"]
    seeds = len(design["seeds"])
    averaged = [
        f"{design['folds']} folds" if design["folds"] and split is None else "",
        f"{seeds} seeds" if seeds > 1 else "",
    ]
    over = " and ".join(word for word in averaged if word)
    label = protocol["label"] if split is None else f"{protocol['source']}, split {split}"
    words = [
        label,
        *protocol["words"],
        f"metrics within a model, then averaged over {over}" if over else "one model per arm",
        f"intervals: 95 %, {design['replicates']:,} bootstrap replicates over patients",
    ]
    said = [PHANTOM if protocol["source"] == "phantom" else "", beside(design)]
    return ("; ".join(words) + ".", *filter(None, said))


def slug(words: str) -> str:
    """Return words as part of a file name.

    >>> slug("loss=focal lr=0.1")
    'loss_focal_lr_0_1'
    """
    return re.sub(r"[^A-Za-z0-9]+", "_", words).strip("_")


def arms_table(name_: str, title: str, arms: Mapping[str, Any], note: Sequence[str], uses: Mapping[str, str]) -> Table:
    """Return arms × means over findings; where arms use boxes differently, the use stands beside the name."""
    metrics = [metric for metric in SHORT if all(metric in arm["macro"] for arm in arms.values())]
    columns = [Column("Arm"), *(Column(LABELS[metric], "estimate") for metric in metrics)]
    rows = [[arm, *(numbers["macro"][metric] for metric in metrics)] for arm, numbers in arms.items()]
    if len(set(uses.values())) > 1:
        columns.insert(1, Column("Use of boxes"))
        rows = [[arm, short(uses[arm]), *values] for arm, *values in rows]
    over = {numbers["macro"]["f1"]["over"] for numbers in arms.values()}
    marks = (
        f"± is the standard deviation over folds, or seeds without folds; mean F1 over {_range(over)} findings whose "
    )
    return Table(name_, title, columns, rows, [*note, marks + "threshold val could choose (50 positives).", BIASED])


def _range(numbers: set[int]) -> str:
    return str(min(numbers)) if len(numbers) == 1 else f"{min(numbers)}–{max(numbers)}"


def findings_table(metric: str, arms: Mapping[str, Any], note: Sequence[str]) -> Table:
    """Return findings × arms of one metric."""
    first = next(iter(arms.values()))["findings"]
    columns = [Column("Finding"), Column("Positives", "count"), Column("Prevalence", "number")]
    columns += [Column(arm, "estimate") for arm in arms]
    rows: list[list[Any]] = []
    for finding, row in first.items():
        mark = " *" if metric == "f1" and not row["in_macro_f1"] else ""
        held = coverage(row["positive_patients"])
        mark += f" ({held})" if held else ""
        values = [numbers["findings"][finding][metric] for numbers in arms.values()]
        rows.append([name(finding) + mark, row["positives"], row["prevalence"], *values])
    over = {numbers["macro"][metric]["over"] for numbers in arms.values()}
    rows.append([f"Mean over {_range(over)}", None, None, *(numbers["macro"][metric] for numbers in arms.values())])
    marks = [UNDEFINED_NOTE, *([BIASED] if metric in ("auprc", "ece") else [])]
    if any(" (" in str(row[0]) for row in rows):
        marks.append(
            "In brackets: fewer than 100 patients have the finding; so many of simulated 95 % intervals held with as "
            "few (?: fewer than 10, not simulated)."
        )
    if any(" *" in str(row[0]) for row in rows):
        marks.append("* fewer than 50 positives in some fold's val: prevalence-matched threshold, outside the mean.")
    title = f"{LABELS[metric]} per finding and arm"
    return Table(f"findings_{metric}", title, columns, rows, [*note, *marks], frozenset({len(rows) - 1}))


def metrics_table(arm: str, numbers: Mapping[str, Any], note: Sequence[str]) -> Table:
    """Return findings × all metrics of one arm; the standard deviation beside each value."""
    metrics = [metric for metric in LABELS if metric in numbers["macro"]]
    columns = [Column("Finding"), Column("Prevalence", "number"), *(Column(LABELS[m], "estimate") for m in metrics)]

    def plain(entry: Mapping[str, Any]) -> dict[str, Any]:
        return {key: entry[key] for key in ("value", "sd")}

    rows: list[list[Any]] = [
        [name(finding), row["prevalence"], *(plain(row[metric]) for metric in metrics)]
        for finding, row in numbers["findings"].items()
    ]
    rows.append(["Mean", None, *(plain(numbers["macro"][metric]) for metric in metrics)])
    title = f"Every metric per finding: {arm}"
    return Table(f"metrics_{slug(arm)}", title, columns, rows, [*note, UNDEFINED_NOTE], frozenset({len(rows) - 1}))


def boxes_table(explainer: str, by_arm: Mapping[str, Any], note: Sequence[str]) -> Table:
    """Return arms and findings × localization and skill, over the sealed boxes of all folds."""
    shown: dict[str, Kind] = {"pointing": "estimate", "energy": "estimate", "iou": "estimate", "prior_iou": "number"}
    shown |= {"ceiling_iou": "number", "skill": "estimate"}
    heads = {**LABELS, "prior_iou": "IoU of the prior", "ceiling_iou": "IoU of the ceiling"}
    columns = [Column("Finding"), Column("Arm"), Column("Boxes", "count")]
    columns += [Column(heads[key], kind) for key, kind in shown.items()]

    def cells(row: Mapping[str, Any]) -> list[Any]:
        return [row[key]["value"] if kind == "number" else row[key] for key, kind in shown.items()]

    rows: list[list[Any]] = []
    for finding in next(iter(by_arm.values()))["findings"]:
        for arm, numbers in by_arm.items():
            row = numbers["findings"][finding]
            if row["pairs"]:
                rows.append([name(finding) + ("" if row["in_macro"] else " †"), arm, row["boxes"], *cells(row)])
    strong = frozenset(range(len(rows), len(rows) + len(by_arm)))
    for arm, numbers in by_arm.items():
        rows.append([f"Mean over {numbers['macro']['over']}", arm, None, *cells(numbers["macro"])])
    dead = ", ".join(f"{arm} {n['dead']} of {n['maps']}" for arm, n in by_arm.items())
    marks = [
        f"Dead maps count 0: {dead}.",
        "Skill: 0 the prior, 1 the ceiling of the grid; – where they are closer than .10.",
    ]
    if any("†" in str(row[0]) for row in rows):
        marks.append("† fewer than 20 boxes, outside the mean.")
    title = f"Localization on sealed boxes: {explainer}"
    return Table(f"localization_{slug(explainer)}", title, columns, rows, [*note, *marks], strong)


def reliance_table(by_arm: Mapping[str, Any], note: Sequence[str]) -> Table:
    """Return arms × how far shortcuts move probabilities, and AUROC without any."""
    shortcuts = list(next(iter(by_arm.values()))["reliance"])
    heads = ["Marker and drain" if name_ == MEAN else name_.capitalize() for name_ in shortcuts]
    columns = [Column("Arm"), Column("AUROC without", "estimate"), *(Column(head, "estimate") for head in heads)]
    rows = [
        [arm, numbers["auroc_without"]["macro"], *(numbers["reliance"][key] for key in shortcuts)]
        for arm, numbers in by_arm.items()
    ]
    mark = (
        "Mean |change| of the calibrated probability when a film is rendered without the shortcut: of the finding that "
        "it is tied to, for brightness of all findings."
    )
    return Table("reliance", "Without shortcuts", columns, rows, [*note, mark])


def folds_table(folds: Sequence[Mapping[str, Any]], note: Sequence[str]) -> Table:
    """Return one row per run."""
    metrics = [metric for metric in LABELS if all(metric in row for row in folds)]
    columns = [Column("Arm"), Column("Seed"), Column("Fold"), Column("Studies", "count"), Column("Patients", "count")]
    columns += [Column("Best epoch"), *(Column(LABELS[metric], "number") for metric in metrics)]
    views = sorted({view for row in folds for view in row["by_view"]})
    columns += [Column(f"AUROC, {view}", "number") for view in views] + [Column("AUROC without films", "number")]
    rows = []
    for row in folds:
        fold = "–" if row["fold"] is None else str(row["fold"])
        who = [row["arm"], str(row["seed"]), fold, row["studies"], row["patients"], str(row["best_epoch"])]
        beside = [*(row["by_view"].get(view) for view in views), row["label_only"]]
        rows.append([*who, *(row[metric] for metric in metrics), *beside])
    mark = (
        "Without films: a model of age, sex and view alone; what it reaches, a network can reach by recognizing them."
    )
    return Table("folds", "Every run on its own test studies, means over findings", columns, rows, [*note, mark])


def runs_table(runs: Sequence[Mapping[str, Any]], note: Sequence[str]) -> Table:
    """Return what was aggregated: folders and the hashes by which they are found again."""
    keys = ("arm", "seed", "fold", "folder", "epochs", "config_sha256", "split_sha256", "summary_sha256")
    columns = [*(Column(key.removesuffix("_sha256").capitalize()) for key in keys), Column("Flags")]
    rows = [
        ["–" if run[key] is None else str(run[key])[:8] if "sha256" in key else str(run[key]) for key in keys]
        + ["; ".join(run["flags"]) or "none"]
        for run in runs
    ]
    return Table("runs", "The runs", columns, rows, note)
