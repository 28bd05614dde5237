"""Rows become means with intervals, each beside its controls."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.artifacts.sanity_folder import KEYS
from cxr_xai.experiments.sanity.faithful import ADDS_UP
from cxr_xai.metrics.faithfulness.imputers import NoisyLinearImputer
from cxr_xai.stats.bootstrap import bootstrap_means

BETTER = {
    "deletion": "lower",
    "insertion": "higher",
    "road": "higher",
    "sensitivity_n": "higher",
    "infidelity": "lower",
    "max_sensitivity": "lower",
    "spearman_abs": "lower",
    "spearman": "higher",
    "top_overlap": "lower",
    "pointing": "lower",
    "energy": "lower",
    "displacement": "lower",
    "icc": "higher",
}
"""What speaks for a method. Of a randomized network likeness and hits speak against it."""

LOWER_IN = {("randomization", "spearman"), ("findings", "spearman")}
"""Where the same measure speaks the other way."""


UNBOUNDED = ("displacement", "max_sensitivity", "road", "deletion", "insertion")
"""Measures of which 0 and 1 are no ends: where no replicate differs, there is no exact bound to give."""


def summarize(test: str, table: pd.DataFrame, replicates: int, seed: int) -> list[dict[str, Any]]:
    """Return one line per condition and measure.

    Args:
        test: its name.
        table: ``condition image_id patient_id finding dead``, measures, and ``measure@control`` on the same rows.
        replicates: of the patient bootstrap.
        seed: of its draws.

    Returns:
        ``test condition measure better value low high rows undefined dead patients controls``; a control has ``value
        low high rows`` and ``difference``, the method minus the control on the rows where both are defined.
    """
    lines = []
    for condition, rows in table.groupby("condition", sort=False):
        for measure in measures_of(rows):
            values = rows[measure].to_numpy(np.float64)
            defined = ~np.isnan(values)
            mean = means(values[:, None], rows["patient_id"], replicates, seed)
            if measure in UNBOUNDED and defined.any() and np.ptp(values[defined]) == 0:
                mean[0] |= dict.fromkeys(("low", "high"), mean[0]["value"])
            lines.append(
                {
                    "test": test,
                    "condition": str(condition),
                    "measure": measure,
                    "better": "lower" if (test, measure) in LOWER_IN else BETTER.get(measure, ""),
                    **mean[0],
                    "rows": int(defined.sum()),
                    "undefined": int((~defined).sum()),
                    "dead": float(rows["dead"].astype(float).sum()),
                    "patients": int(rows["patient_id"][defined].nunique()),
                    "controls": {
                        name: compare(values, rows[f"{measure}@{name}"], rows["patient_id"], replicates, seed)
                        for name in controls_of(rows, measure)
                    },
                }
            )
    return lines


def measures_of(rows: pd.DataFrame) -> list[str]:
    """Return the measures of one condition: columns that have no control's name, and are no point of a curve."""
    skipped = {*KEYS, "dead", "drop"}
    named = [column for column in map(str, rows) if column not in skipped and "@" not in column and column in BETTER]
    return [column for column in named if belongs(column, str(rows["condition"].iloc[0]))]


def belongs(measure: str, condition: str) -> bool:
    """Say whether a measure is taken under a condition; one that is and has no value is shown as undefined."""
    if measure in ("sensitivity_n", "infidelity"):
        return condition == ADDS_UP
    if measure == "road":
        return condition == NoisyLinearImputer.name
    return measure not in ("deletion", "insertion") or condition != ADDS_UP


def controls_of(rows: pd.DataFrame, measure: str) -> list[str]:
    """Return the controls that a measure has."""
    return [column.partition("@")[2] for column in map(str, rows) if column.startswith(f"{measure}@")]


def compare(
    values: npt.NDArray[np.float64], control: "pd.Series[float]", patients: "pd.Series[str]", replicates: int, seed: int
) -> dict[str, Any]:
    """Return a control's mean and the method's difference to it, both over the rows that have the two."""
    other = control.to_numpy(np.float64)
    method, alone, apart = means(np.stack([values, other, values - other], axis=1), patients, replicates, seed)
    both = ~(np.isnan(values) | np.isnan(other))
    return {**alone, "method": method["value"], "difference": apart, "rows": int(both.sum())}


def means(
    values: npt.NDArray[np.float64], patients: "pd.Series[str]", replicates: int, seed: int
) -> list[dict[str, float]]:
    """Return ``value low high`` of each column, patients resampled."""
    if np.isnan(values).any(axis=1).all():
        return [dict.fromkeys(("value", "low", "high"), np.nan) for _ in values.T]
    drawn = bootstrap_means(values, np.zeros(len(values), np.int64), patients, replicates, seed, n_groups=1)
    ends = zip(drawn.value[0], drawn.interval.low[0], drawn.interval.high[0], strict=True)
    return [{"value": float(value), "low": float(low), "high": float(high)} for value, low, high in ends]


def join_controls(method: pd.DataFrame, **controls: pd.DataFrame) -> pd.DataFrame:
    """Put the measures of controls beside the method's, row by row of (condition, image, finding)."""
    keys = ["condition", "image_id", "finding"]
    joined = method
    for name, table in controls.items():
        columns = [column for column in table if column in BETTER]
        named = table[[*keys, *columns]].rename(columns={column: f"{column}@{name}" for column in columns})
        joined = joined.merge(named, on=keys, how="left", validate="one_to_one")
    return joined


def mean_curves(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the mean curve of each imputer and mode, over the pairs that have one."""
    for condition, rows in table.groupby("condition", sort=False):
        for mode in ("deletion", "insertion"):
            columns = [column for column in map(str, rows) if column.startswith(f"{mode} ")]
            points = rows[columns].to_numpy(np.float64)
            live = points[~np.isnan(points).any(axis=1)]
            if len(columns) and len(live):
                shares = [100 * step / (len(columns) - 1) for step in range(len(columns))]
                yield {
                    "condition": str(condition),
                    "mode": mode,
                    "share": shares,
                    "mean": live.mean(axis=0).tolist(),
                    "rows": len(live),
                }


def as_rows(explainer: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one flat row per line and control, for the CSV."""
    rows = []
    for line in lines:
        flat = {key: value for key, value in line.items() if key != "controls"}
        base = {"explainer": explainer, **flat}
        rows += [
            {
                **base,
                "control": name,
                "control_value": control["value"],
                "control_low": control["low"],
                "control_high": control["high"],
                "difference": control["difference"]["value"],
                "difference_low": control["difference"]["low"],
                "difference_high": control["difference"]["high"],
                "paired_rows": control["rows"],
            }
            for name, control in line["controls"].items()
        ] or [base]
    return rows
