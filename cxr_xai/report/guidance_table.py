"""What guidance changed: paired changes of all that it may do good or harm to, in one table and one sentence."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cxr_xai.report.contrast_tables import walk_contrasts
from cxr_xai.report.format import ends, is_known, signed
from cxr_xai.report.labels import LABELS, MEAN
from cxr_xai.report.tables import Column, Table

Summary = Mapping[str, Any]
Row = Mapping[str, Any]

UNGUIDED = "none"
"""The member of the group that guides nothing."""
CHANGED = ("auroc", "auroc_without", "iou", "skill", "energy", "reliance")
"""What the table shows, as far as it was compared; less reliance is better, of the others more."""
NOTE = (
    "Arm minus reference on the same patients, means over findings (reliance: over marker and drain, |change| of the "
    "probability of the finding that the shortcut is tied to), with the 95 % interval. AUROC without shortcuts: every "
    "test film without its shortcuts."
)


def guided_contrasts(summary: Summary) -> dict[str, dict[str, Row]]:
    """Return contrast → metric → difference of the mean, for arms that differ in their guidance; the primary one first.

    Empty where all arms have the same.
    """
    design = summary["design"]
    guidance = design.get("guidance", {})
    found: dict[str, dict[str, Row]] = {}
    for contrast, (arm, reference) in _pairs(design).items():
        if guidance.get(arm) != guidance.get(reference):
            found[contrast] = {}
    for contrast, metric, over, row in walk_contrasts(summary):
        if contrast in found and metric in CHANGED and over == MEAN and is_known(row["value"]):
            found[contrast][metric] = row
    return {contrast: rows for contrast, rows in found.items() if rows}


def guidance_table(summary: Summary, note: Sequence[str]) -> Table | None:
    """Return contrasts × changes; None where no arm differs in its guidance."""
    found = guided_contrasts(summary)
    if not found:
        return None
    design = summary["design"]
    metrics = [metric for metric in CHANGED if any(metric in rows for rows in found.values())]
    columns = [Column("Contrast"), Column("Boxes of the arm"), Column("Boxes of the reference")]
    columns += [*(Column(LABELS[metric], "difference") for metric in metrics)]
    pairs = _pairs(design)
    rows, shown = [], []
    for contrast, changes in found.items():
        cells = [{key: changes[m][key] for key in ("value", "low", "high")} if m in changes else None for m in metrics]
        rows.append([contrast, *(short(design["uses_of_boxes"][arm]) for arm in pairs[contrast]), *cells])
        shown.append(f"{contrast}: {in_words(changes, design['alpha'])}")
    said = f"Shown at {design['alpha']:g}, the primary contrast by its p and the others by Holm's: {'; '.join(shown)}."
    return Table("guidance", "What guidance changed", columns, rows, [*note, NOTE, said])


def short(use: str) -> str:
    """Return a use of boxes for a narrow column: without counts, and without the threshold that no headline rests on.

    >>> short("monitored, trained on (70 boxes of 26 patients of train), cross-fitted")
    'monitored, trained on'
    """
    return re.sub(r" \([^()]*\)|, cross-fitted", "", use)


def beside(design: Mapping[str, Any]) -> str:
    """Say what boxes were used for by each arm, where they differ; empty where they do not."""
    uses = design.get("uses_of_boxes", {})
    if len(set(uses.values())) < 2:
        return ""
    said = "; ".join(f"{arm}: {use}" for arm, use in uses.items())
    return (
        f"Use of boxes by arm: {said}. All arms are scored on the same held-out patients and sealed boxes, and stand "
        "beside no published result."
    )


def in_words(changes: Mapping[str, Row], alpha: float) -> str:
    """Return what is shown to differ, in a few words.

    >>> in_words({"iou": {"value": 0.1, "holm": 0.01}, "auroc": {"value": -0.1, "holm": 0.9}}, 0.05)
    'larger IoU'
    """
    sides = _sides(changes, alpha)
    said = [
        f"{side} {_join([LABELS[metric] for metric in sides[side]])}" for side in ("larger", "smaller") if sides[side]
    ]
    return ", ".join(said) or "nothing"


def found_sentence(summary: Summary) -> str:
    """Return one sentence about the first contrast, the primary one if one was declared, whichever way it came out."""
    design = summary["design"]
    for contrast, changes in guided_contrasts(summary).items():
        sides = _sides(changes, design["alpha"])
        said = [
            f"{side}: {_join([_value(metric, changes[metric]) for metric in sides[side]])}"
            for side in ("larger", "smaller", "not told apart")
            if sides[side]
        ]
        arms = " beside ".join(_guided(arm, design["guidance"][arm]) for arm in _pairs(design)[contrast])
        return f"Arm {arms}, on the same patients, {'; '.join(said)}."
    return ""


def _pairs(design: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {f"{arm} − {reference}": (arm, reference) for arm, reference in design["contrasts"]}


def _guided(arm: str, guidance: str) -> str:
    return arm if arm == guidance == UNGUIDED else f"{arm} (guidance {guidance})"


def _sides(changes: Mapping[str, Row], alpha: float) -> dict[str, list[str]]:
    sides: dict[str, list[str]] = {"larger": [], "smaller": [], "not told apart": []}
    for metric in (name for name in CHANGED if name in changes):
        row = changes[metric]
        shown = is_known(row["holm"]) and row["holm"] < alpha
        sides["not told apart" if not shown else "larger" if row["value"] > 0 else "smaller"].append(metric)
    return sides


def _value(metric: str, row: Row) -> str:
    reach = ends(row)
    return f"{LABELS[metric]} {signed(row['value'])}" + (f" ({reach})" if reach else "")


def _join(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
