"""Differences between arms as tables, the primary one first."""

from collections.abc import Mapping, Sequence
from typing import Any

from cxr_xai.report.format import name
from cxr_xai.report.labels import LABELS, MEAN
from cxr_xai.report.tables import Column, Kind, Table

Summary = Mapping[str, Any]


def contrasts_table(summary: Summary, note: Sequence[str]) -> Table:
    """Return contrasts × metrics of the means over findings, the primary one first."""
    design = summary["design"]
    rows = sorted(_contrast_rows(summary, lambda over: over == MEAN or "primary"), key=lambda row: not row[-1])
    strong = frozenset(n for n, row in enumerate(rows) if row[-1])
    marks = [
        *_contrast_marks(summary),
        f"≡ {LABELS[design['margin_of']]} shown to lie within ±{design['margin']:g} (two one-sided tests).",
    ]
    return Table("contrasts", "Differences between arms, means over findings", _contrast_columns(),
                 [row[:-1] for row in rows], [*note, *marks], strong)  # fmt: skip


def details_table(summary: Summary, note: Sequence[str]) -> Table:
    """Return contrasts × metrics × findings."""
    rows = [row[:-1] for row in _contrast_rows(summary, lambda over: over != MEAN)]
    title = "Differences between arms per finding"
    return Table("contrasts_findings", title, _contrast_columns(), rows, [*note, *_contrast_marks(summary)])


def _contrast_columns() -> list[Column]:
    heads: list[tuple[str, Kind]] = [("Contrast", "text"), ("Of", "text"), ("Difference", "difference"), ("p", "p")]
    heads += [
        ("p (Holm)", "p"),
        ("p (DeLong)", "p"),
        ("p (t over folds)", "p"),
        ("p (Nadeau–Bengio)", "p"),
        ("Verdict", "text"),
    ]
    return [Column(label, kind) for label, kind in heads]


def _contrast_rows(summary: Summary, wanted: Any) -> list[list[Any]]:
    rows = []
    for contrast, metric, over, row in walk_contrasts(summary):
        if wanted(over) is True or (wanted(over) == "primary" and row["primary"]):
            of = LABELS[metric] + ("" if over == MEAN else f", {name(over)}")
            t, corrected = row["p_t"], row["p_corrected"]
            known = {key: row[key] for key in ("value", "low", "high")}
            rows.append(
                [
                    contrast,
                    of,
                    known,
                    row["p"],
                    None if row["primary"] else row["holm"],
                    row["p_delong"],
                    t,
                    corrected,
                    verdict(row, summary["design"]["alpha"]),
                    row["primary"],
                ]
            )
    return rows


def walk_contrasts(summary: Summary) -> list[tuple[str, str, str, Mapping[str, Any]]]:
    """Return contrast, metric, ``macro`` or finding, and the difference: classification, boxes, then shortcuts."""
    explainers = list(summary["box_contrasts"].values())[:1]  # the first gives the headline
    return [
        (contrast, metric, over, row)
        for source in (summary["contrasts"], *explainers, summary.get("reliance_contrasts", {}))
        for contrast, metrics in source.items()
        for metric, differences in metrics.items()
        for over, row in differences.items()
    ]


def verdict(row: Mapping[str, Any], alpha: float) -> str:
    """Say what a difference shows: the sign where its test rejects, ≡ within the margin, else nothing shown."""
    p = row["holm"]
    if row["value"] is None or p is None:
        return "–"
    words = [("larger" if row["value"] > 0 else "smaller") if p < alpha else "", "≡" if row["equivalent"] else ""]
    return ", ".join(word for word in words if word) or "not shown"


def _contrast_marks(summary: Summary) -> list[str]:
    design = summary["design"]
    who = design["declared_by"]
    declared = (
        f"The primary contrast was declared by {who}; its p stands alone." if who else "None was declared primary."
    )
    marks = [
        declared,
        *filter(None, [design["remark"]]),
        "p: predictions swapped between arms patient by patient, all seeds at once; Holm over findings × contrasts of "
        "a metric; DeLong in Obuchowski's form for patients with several images, AUROC of a finding only. "
        f"Tests are at {design['alpha']:g}, intervals at 95 %.",
    ]
    if design["folds"]:
        marks.append(
            "t over folds takes folds that share training data for independent; Nadeau–Bengio corrects for it, a "
            "heuristic."
        )
    if (seeds := len(design["seeds"])) < 3:
        marks.append(f"Made from {seeds} seed{'s' if seeds > 1 else ''}; 3 are needed to tell arms from luck.")
    return marks
