"""Tables of boxes beside the headline: how many are found, and what is left where both arms predict the finding."""

from collections.abc import Mapping, Sequence
from typing import Any

from cxr_xai.report.contrast_tables import verdict
from cxr_xai.report.format import count, name, number
from cxr_xai.report.labels import LABELS, MEAN
from cxr_xai.report.tables import Column, Table

MICRO = "micro"
OVER = {MEAN: "mean over findings", MICRO: "all pairs"}
FOUND_MARKS = (
    "Agreement: an IoU of at least {least} and the map's peak inside the box. > .1 … .7: share of boxes with a greater "
    "IoU. Each map is judged by itself; shares are taken within each fold, averaged over its seeds, and then over "
    "folds, every fold the same (± is over folds). A dead map finds nothing.",
    "The prior sees no image; no map on the grid finds more than the ceiling, and agreement has none.",
)


def found_table(explainer: str, by_arm: Mapping[str, Any], note: Sequence[str], slug: str) -> Table:
    """Return arms, their priors and ceilings × agreement and T(IoU)."""
    first = next(iter(by_arm.values()))
    thresholds = [number(t, 1) for t in first["curves"]["thresholds"]]
    columns = [Column("Arm"), Column("Over"), Column("Agreement", "estimate")]
    columns += [Column(f"> {t}", "estimate") for t in thresholds]
    rows: list[list[Any]] = []
    strong: list[int] = []
    for over, words in OVER.items():
        if over == MEAN and not first["macro"]["over"]:
            continue
        for line, label, numbers in _lines(by_arm):
            pairs = numbers["agreement"]["prior"]["pairs"] if line == "prior" else numbers["pairs"]
            where = f"{words} ({numbers['macro']['over'] if over == MEAN else count(pairs)})"
            strong += [len(rows)] if over == MEAN and line == "run" else []
            rows.append([label, where, _agreement(numbers, line, over), *numbers["curves"]["iou"][over][line]])
    marks = [mark.format(least=number(first["agreement"]["least"], 1)) for mark in FOUND_MARKS]
    title = f"How many sealed boxes are found: {explainer}"
    return Table(f"found_{slug}", title, columns, rows, [*note, *marks], frozenset(strong))


def _lines(by_arm: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """Return arms and then what is beside them, priors and ceilings once where they are the same for all arms."""
    rows = [("run", arm, numbers) for arm, numbers in by_arm.items()]
    for line in ("prior", "ceiling"):
        alike = len({repr(numbers["curves"]["iou"][MICRO][line]) for numbers in by_arm.values()}) == 1
        shown = list(by_arm.items())[:1] if alike else list(by_arm.items())
        rows += [(line, line if alike else f"{line} of {arm}", numbers) for arm, numbers in shown]
    return rows


def _agreement(numbers: Mapping[str, Any], line: str, over: str) -> Any:
    if line == "ceiling":
        return None
    entry = numbers["agreement"] if line == "run" else numbers["agreement"]["prior"]
    return entry[MEAN] if over == MEAN else {key: entry[key] for key in ("value", "low", "high", "sd") if key in entry}


def agreement_table(explainer: str, by_arm: Mapping[str, Any], note: Sequence[str], slug: str) -> Table:
    """Return findings × agreement of every arm and its prior."""
    columns = [Column("Finding"), Column("Boxes", "count")]
    for arm in by_arm:
        columns += [Column(arm, "estimate"), Column(f"prior of {arm}" if len(by_arm) > 1 else "prior", "estimate")]
    rows = []
    for finding, row in next(iter(by_arm.values()))["findings"].items():
        if row["pairs"]:
            each = [numbers["agreement"] for numbers in by_arm.values()]
            cells = [part["findings"][finding] for own in each for part in (own, own["prior"])]
            rows.append([name(finding) + ("" if row["in_macro"] else " †"), row["boxes"], *cells])
    least = next(iter(by_arm.values()))["agreement"]["least"]
    marks = [FOUND_MARKS[0].format(least=number(least, 1)), "† fewer than 20 boxes, outside the mean."]
    title = f"Agreement with the sealed boxes per finding: {explainer}"
    return Table(f"agreement_{slug}", title, columns, rows, [*note, *marks])


def both_table(explainer: str, by_contrast: Mapping[str, Any], alpha: float, note: Sequence[str], slug: str) -> Table:
    """Return contrasts × scores on boxes whose finding both arms predict."""
    columns = [Column("Contrast"), Column("Boxes"), Column("Of"), Column("First", "estimate")]
    columns += [Column("Second", "estimate"), Column("Difference", "difference"), Column("p", "p")]
    columns += [Column("p (Holm)", "p"), Column("Verdict")]
    rows: list[list[Any]] = []
    for contrast, found in by_contrast.items():
        boxes = f"{count(found['boxes'])} of {count(found['of_boxes'])}"
        if found["arms"] is None:
            rows.append([contrast, boxes, "all", None, None, None, None, None, "undefined"])
            continue
        first, second = found["arms"].values()
        for score, differences in found["differences"].items():
            for over, words in OVER.items():
                if over == MEAN and not first[MEAN]["over"]:
                    continue
                row = differences[over]
                of = f"{LABELS[score]}, {words}" + (f" ({first[MEAN]['over']})" if over == MEAN else "")
                known = {key: row[key] for key in ("value", "low", "high")}
                sides = [arm[over][score] for arm in (first, second)]
                rows.append([contrast, boxes, of, *sides, known, row["p"], row["holm"], verdict(row, alpha)])
    marks = (
        "Secondary, never primary: a box counts where the runs of both arms, seed by seed and fold by fold, predict "
        "its finding, each at its own threshold from val. Which boxes remain depends on both networks.",
        "Undefined below 20 boxes; means over the findings with 20 or more. p: maps swapped between arms patient by "
        "patient; Holm over findings, means and contrasts of a score.",
    )
    title = f"Boxes whose finding both arms predict: {explainer}"
    return Table(f"both_predicted_{slug}", title, columns, rows, [*note, *marks])
