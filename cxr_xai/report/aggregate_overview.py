"""An aggregate as dashboards take it: numbers that sort, its tables, its figures."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cxr_xai.loggers.overview import Bars, Curves, Overview
from cxr_xai.report.aggregate import draw_arms, draw_boxes, draw_differences, draw_findings
from cxr_xai.report.aggregate_tables import make_tables, slug
from cxr_xai.report.contrast_tables import verdict, walk_contrasts
from cxr_xai.report.format import name, or_nan
from cxr_xai.report.labels import LABELS, MEAN
from cxr_xai.report.tables import Table, cell_text
from cxr_xai.visualization.raster import rasterize

Summary = Mapping[str, Any]
ENDS = ("low", "high")
TESTS = ("p", "holm")
OF_BOXES = ("iou", "skill", "energy", "pointing")


def make_aggregate_overview(summary: Summary) -> Overview:
    """Put together what is shown of ``aggregate.json``; keys are ``aggregate/…``, ``difference/…``, ``primary/…``."""
    protocol, design = summary["protocol"], summary["design"]
    contrasts, boxes = tabulate_contrasts(summary), boxes_of(summary)
    tables = {f"tables/{table.name}": write_cells(table) for table in make_tables(summary)}
    tables |= {"arms": tabulate_arms(summary), "contrasts": contrasts}
    return Overview(
        "aggregate",
        {
            "sweep": summary["name"],
            "arm": "aggregate",
            "protocol": protocol["label"],
            "arms": list(design["arms"]),
            "folds": design["folds"],
            "seeds": list(design["seeds"]),
            "replicates": design["replicates"],
            "margin": design["margin"],
            "declared_by": design["declared_by"],
        },
        {**count_runs(summary), **flatten_arms(summary), **flatten_contrasts(contrasts)},
        prefixed("aggregate", tables),
        prefixed("aggregate", draw_aggregate(summary)),
        {"aggregate/charts/arms": Bars("aggregate/arms", "arm", "auroc", "Mean AUROC by arm")},
        {f"aggregate/charts/found_{slug(name_)}": draw_found(by_arm) for name_, by_arm in boxes.items()},
    )


def prefixed(prefix: str, keyed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same under ``<prefix>/<key>``: runs of every kind share one list of keys."""
    return {f"{prefix}/{key}": value for key, value in keyed.items()}


def count_runs(summary: Summary) -> dict[str, float]:
    """Return how much the numbers rest on."""
    counts = {"runs": len(summary["runs"]), "studies": summary["studies"], "patients": summary["patients"]}
    return {f"aggregate/{key}": float(value) for key, value in counts.items()}


def flatten_arms(summary: Summary) -> dict[str, float]:
    """Return ``aggregate/<metric>/<arm>`` of the means over findings, with their ends where they have an interval."""
    numbers: dict[str, float] = {}
    for arm, found in summary["arms"].items():
        for metric, entry in found["macro"].items():
            numbers |= spread(f"aggregate/{metric}/{slug(arm)}", entry)
    for by_arm in list(boxes_of(summary).values())[:1]:  # the first explainer gives the headline
        for arm, found in by_arm.items():
            for metric in OF_BOXES:
                numbers |= spread(f"aggregate/{metric}/{slug(arm)}", found["macro"][metric])
    return numbers


def spread(key: str, entry: Mapping[str, Any]) -> dict[str, float]:
    """Return value and ends of an interval under flat keys.

    >>> spread("a", {"value": 0.5, "low": 0.25, "high": None, "sd": 1})
    {'a': 0.5, 'a/low': 0.25, 'a/high': nan}
    """
    ends = {f"{key}/{end}": or_nan(entry[end]) for end in ENDS if end in entry}
    return {key: or_nan(entry["value"]), **ends}


def boxes_of(summary: Summary) -> Mapping[str, Any]:
    """Return explainer → arm → numbers on boxes."""
    boxes: Mapping[str, Any] = summary["localization"]
    return boxes


def tabulate_arms(summary: Summary) -> pd.DataFrame:
    """Return arms × means as numbers."""
    rows = []
    for arm, found in summary["arms"].items():
        row: dict[str, Any] = {"arm": arm}
        for metric, entry in found["macro"].items():
            row |= {key.removeprefix("/"): value for key, value in spread(metric, entry).items()}
        rows.append(row)
    return pd.DataFrame(rows).rename(columns=lambda key: key.replace("/", "_"))


def tabulate_contrasts(summary: Summary) -> pd.DataFrame:
    """Return every difference with its interval, tests and verdict, the primary contrast first."""
    rows: list[dict[str, Any]] = [
        {
            "contrast": contrast,
            "metric": metric,
            "over": over if over == MEAN else name(over),
            "difference": or_nan(row["value"]),
            **{end: or_nan(row[end]) for end in ENDS},
            **{test: or_nan(row[test]) for test in TESTS},
            "verdict": verdict(row, summary["design"]["alpha"]),
            "primary": bool(row["primary"]),
        }
        for contrast, metric, over, row in walk_contrasts(summary)
    ]
    columns = ("contrast", "metric", "over", "difference", *ENDS, *TESTS, "verdict", "primary")
    rows.sort(key=lambda row: not row["primary"])
    return pd.DataFrame(rows, columns=list(columns))


def flatten_contrasts(contrasts: pd.DataFrame) -> dict[str, float]:
    """Return ``difference/<metric>/<arm>_against_<reference>`` of means, and the primary one as ``primary/…``, too."""
    numbers: dict[str, float] = {}
    rows: list[dict[str, Any]] = contrasts.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        arms = "_against_".join(slug(arm) for arm in str(row["contrast"]).split(" − "))
        keys = [f"difference/{row['metric']}/{arms}"] if row["over"] == MEAN else []
        for key in [*keys, *(["primary/difference"] if row["primary"] else [])]:
            numbers[key] = row["difference"]
            numbers |= {f"{key}/{each}": row[each] for each in (*ENDS, *TESTS)}
    return numbers


def write_cells(table: Table) -> pd.DataFrame:
    """Return a table of the report as text, under the same heads."""
    rows = [[cell_text(c.kind, v) for c, v in zip(table.columns, row, strict=True)] for row in table.rows]
    return pd.DataFrame(rows, columns=[column.label for column in table.columns])


def draw_aggregate(summary: Summary) -> dict[str, list[tuple[Any, str]]]:
    """Return the figures of the report as pictures; the protocol stands under each."""
    said = summary["protocol"]["label"]
    figures = {
        "figures/arms": (draw_arms(summary["arms"], "auroc"), f"Mean {LABELS['auroc']} of every arm"),
        "figures/findings": (
            draw_findings(summary["arms"], "auroc"),
            f"{LABELS['auroc']} per finding and arm",
        ),
        "figures/differences": (draw_differences(summary), "Differences between arms, the primary one first"),
    }
    for explainer, by_arm in boxes_of(summary).items():
        title = f"IoU with the sealed boxes, {explainer}: prior, arms, ceiling"
        figures[f"figures/boxes_{slug(explainer)}"] = (draw_boxes(by_arm), title)
    return {key: [(rasterize(svg, title), f"{title}. {said}")] for key, (svg, title) in figures.items() if svg}


def draw_found(by_arm: Mapping[str, Any]) -> Curves:
    """Return the share of boxes found over thresholds of the IoU, by arm, beside prior and ceiling."""
    first = next(iter(by_arm.values()))
    kind = "macro" if first["macro"]["over"] else "micro"
    series = {arm: read_curve(found, kind, "run") for arm, found in by_arm.items()}
    beside = {key: read_curve(first, kind, key) for key in ("prior", "ceiling")}
    thresholds = [float(t) for t in first["curves"]["thresholds"]]
    return Curves(thresholds, {**series, **beside}, "Share of boxes with a greater IoU", "IoU greater than")


def read_curve(found: Mapping[str, Any], kind: str, whose: str) -> list[float]:
    """Return one curve of T(IoU)."""
    return [or_nan(entry["value"]) for entry in found["curves"]["iou"][kind][whose]]
