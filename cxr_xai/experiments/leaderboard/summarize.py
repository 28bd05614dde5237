"""From scores of cases to the table: means with intervals over patients, and differences from the reference."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.experiments.leaderboard.arms import Arm
from cxr_xai.experiments.reliance.measure import LEAST, LOCAL
from cxr_xai.findings import FINDINGS, INDEX
from cxr_xai.metrics.localization import BOUNDED
from cxr_xai.metrics.skill import macro_skill
from cxr_xai.stats.bootstrap import MeansBootstrap, bootstrap_means
from cxr_xai.stats.compare import ALPHA
from cxr_xai.stats.corrections import holm
from cxr_xai.stats.intervals import interval
from cxr_xai.stats.paired import bootstrap_p

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]
Entry = dict[str, Any]

MIN_CASES = 20
"""A finding with fewer is given, but outside the mean over findings; a mean of fewer is marked and gives no verdict."""
ALONE = np.ones(1, bool)
"""The only group, where there is one."""
LESION = ("energy", "pointing", "mask_iou", "energy_ratio")
BOX = ("iou", "energy", "pointing")
HEADLINES = {"phantom": ("lesions", "energy"), "boxes": ("boxes", "iou")}
"""Where the score is that ranks, by mode."""


@dataclass(frozen=True)
class Means:
    """Means per group with what their intervals need.

    Attributes:
        drawn: means and replicates.
        people: ``(F,)`` patients behind each.
    """

    drawn: MeansBootstrap
    people: npt.NDArray[np.int64]

    @classmethod
    def draw(
        cls, values: Floats, groups: Codes, patients: npt.NDArray[np.str_], replicates: int, n_groups: int = 1
    ) -> "Means":
        """Average values per group; undefined ones drop out."""
        drawn = bootstrap_means(values, groups, patients, replicates, n_groups=n_groups)
        known = ~np.isnan(values)
        people = [len(np.unique(patients[known & (groups == k)])) for k in range(n_groups)]
        return cls(drawn, np.array(people, np.int64))

    def at(self, group: int) -> Entry:
        """Return one mean with its interval."""
        low, high, _ = self.drawn.interval
        return as_entry(self.drawn.value[group], low[group], high[group], self.drawn.rows[group], self.people[group])

    def over(self, counted: Flags, bounded: bool = True) -> Entry:
        """Return the mean over the groups that count and are defined; the one with the fewest patients widens it."""
        counted = counted & ~np.isnan(self.drawn.value)
        if not counted.any():
            return as_entry(np.nan, np.nan, np.nan, 0, 0)
        value, behind = self.drawn.value[counted].mean(), self.drawn.patients[counted, 0].min()
        units = self.drawn.units[counted, 0].min() if bounded else None
        ends = interval(value, self._replicates(counted), kind="percentile", units=units, patients=behind)
        return as_entry(value, ends.low, ends.high, self.drawn.rows[counted].min(), self.people[counted].min())

    def difference(self, counted: Flags) -> Entry:
        """Return a mean difference, which has no end of its range, and its ``p`` of none; undefined where too few."""
        entry = self.over(counted, bounded=False)
        counted = counted & ~np.isnan(self.drawn.value)
        told = counted.any() and not entry["few"] and self.people[counted].min() >= 2
        return entry | {"p": float(bootstrap_p(self._replicates(counted))) if told else np.nan}

    def _replicates(self, counted: Flags) -> Floats:
        replicates: Floats = self.drawn.replicates[:, counted].mean(axis=1)
        return replicates


def summarize_places(cases: pd.DataFrame, arm: Arm, reference: Arm, kind: str, replicates: int) -> Entry:
    """Return how well maps lie in lesions (``kind="lesion"``) or boxes (``"box"``), per finding and over all.

    The mean over findings is over those of the ``over`` findings with `MIN_CASES` cases that are defined for this arm
    (``over`` of the metric); ``micro`` is over all cases. Dead maps count 0 in bounded scores; ``live`` leaves them
    out. ``difference`` is to the reference, on the same cases and draws.
    """
    rows = (cases["kind"] == kind).to_numpy()
    mine, other = arm.scores[rows], reference.scores[rows]
    groups = np.array([INDEX[name] for name in cases.loc[rows, "finding"]], np.int64)
    patients, one = cases.loc[rows, "patient_id"].to_numpy(str), np.zeros_like(groups)
    counted = np.bincount(groups, minlength=len(FINDINGS)) >= MIN_CASES
    live = ~mine["dead"].to_numpy(bool)
    entry: Entry = {"cases": int(rows.sum()), "dead": int((~live).sum()), "over": int(counted.sum())}
    entry["findings"] = {name: {"cases": int((groups == k).sum())} for k, name in enumerate(FINDINGS)}
    for metric in LESION if kind == "lesion" else BOX:
        values, theirs = bounded(mine, metric), bounded(other, metric)
        found = Means.draw(values, groups, patients, replicates, len(FINDINGS))
        within = (groups, len(FINDINGS)) if counted.any() else (one, 1)
        apart = Means.draw(values - theirs, within[0], patients, replicates, within[1])
        entry[metric] = {
            "over": int((counted & ~np.isnan(found.drawn.value)).sum()),
            "macro": found.over(counted),
            "micro": Means.draw(values, one, patients, replicates).at(0),
            "live": Means.draw(np.where(live, values, np.nan), one, patients, replicates).at(0),
            "difference": apart.difference(counted if counted.any() else ALONE),
        }
        for name, k in INDEX.items():
            entry["findings"][name][metric] = found.at(k)
    if kind == "box":
        entry["skill"] = skill_of(mine, groups, patients, counted, replicates)
    return entry


def summarize_recall(cases: pd.DataFrame, arm: Arm, reference: Arm, kind: str, replicates: int) -> Entry:
    """Return the share of the evidence inside the mask of a shortcut that the network leans on, by shortcut.

    Args:
        cases: of the run.
        arm: whose maps.
        reference: what it is compared with.
        kind: ``for`` (positive evidence) or ``against`` (negative evidence).
        replicates: of the bootstrap.
    """
    entry: Entry = {}
    for name in ("all", *LOCAL):
        rows = ((cases["kind"] == kind) & ((cases["shortcut"] == name) | (name == "all"))).to_numpy()
        if not rows.any():
            continue
        mine, patients = arm.scores[rows], cases.loc[rows, "patient_id"].to_numpy(str)
        values, zeros = bounded(mine, "energy"), np.zeros(int(rows.sum()), np.int64)
        difference = values - bounded(reference.scores[rows], "energy")
        entry[name] = {
            "cases": int(rows.sum()),
            "studies": int(cases.loc[rows, "image_id"].nunique()),
            "patients": len(np.unique(patients)),
            "dead": int(mine["dead"].sum()),
            "recall": Means.draw(values, zeros, patients, replicates).at(0),
            "share": float(mine["share"].mean()),
            "ceiling": float(mine["ceiling_energy"].mean()),
            "difference": Means.draw(difference, zeros, patients, replicates).difference(ALONE),
        }
    return entry


def summarize_reliance(reliance: pd.DataFrame, replicates: int) -> list[Entry]:
    """Return, per shortcut and finding, how leaving the shortcut out changes the probability; largest change first."""
    rows = []
    for (shortcut, finding), group in reliance.groupby(["shortcut", "finding"], sort=False):
        change = (group["prob"] - group["prob_without"]).to_numpy(np.float64)
        patients, zeros = group["patient_id"].to_numpy(str), np.zeros(len(group), np.int64)
        drawn = Means.draw(change, zeros, patients, replicates)
        rows.append(
            {
                "shortcut": str(shortcut),
                "finding": str(finding),
                "studies": len(group),
                "undefined": int(np.isnan(change).sum()),
                "change": drawn.over(ALONE, bounded=False),
                "size": Means.draw(np.abs(change), zeros, patients, replicates).at(0),
                "leaning": int((np.abs(change) >= LEAST).sum()),
                "for": int((change >= LEAST).sum()),
            }
        )
    return sorted(rows, key=lambda row: -np.nan_to_num(row["size"]["value"]))


def bounded(table: pd.DataFrame, metric: str) -> Floats:
    """Return one score with 0 for dead maps where it lies in [0, 1]; what is undefined stays NaN."""
    values = table[metric].to_numpy(np.float64)
    return np.where(table["dead"].to_numpy(bool), 0.0, values) if metric in BOUNDED else values


def skill_of(
    table: pd.DataFrame, groups: npt.NDArray[np.int64], patients: npt.NDArray[np.str_], counted: Any, replicates: int
) -> Entry:
    """Return macro skill: a ratio of means, numerator and denominator resampled together."""
    trio = np.column_stack([bounded(table, "iou"), table["prior_iou"], table["ceiling_iou"]])
    drawn = bootstrap_means(trio, groups, patients, replicates, n_groups=len(FINDINGS))
    boxes = np.where(counted, MIN_CASES, 0)
    method, prior, ceiling = np.moveaxis(drawn.value, -1, 0)
    value = macro_skill(method, prior, ceiling, boxes, MIN_CASES)
    method, prior, ceiling = np.moveaxis(drawn.replicates, -1, 0)
    behind = drawn.patients[counted, 0].min(initial=np.inf)
    people = min((len(np.unique(patients[groups == k])) for k in np.flatnonzero(counted)), default=0)
    again = macro_skill(method, prior, ceiling, boxes, MIN_CASES)
    ends = interval(value, again, kind="percentile", patients=behind)
    return as_entry(value, ends.low, ends.high, MIN_CASES, people)


def as_entry(value: Any, low: Any, high: Any, cases: int, people: int) -> Entry:
    """Return plain floats for JSON: ``few`` below `MIN_CASES` cases, and no interval from a single patient."""
    low, high = (low, high) if people >= 2 else (np.nan, np.nan)
    return {"value": float(value), "low": float(low), "high": float(high), "few": bool(cases < MIN_CASES)}


def enough(tests: int) -> int:
    """Return the replicates with which the smallest p value, ``2 / (B + 1)``, is half of Holm's first hurdle.

    >>> enough(23)
    1840
    """
    return math.ceil(4 * tests / ALPHA - 1e-9)


def judge(rows: Sequence[Entry], mode: str, primary: str | None) -> None:
    """Give every difference ``p_holm`` and a ``verdict``: the primary contrast by its ``p``, the others by Holm's.

    A family is all contrasts of one metric; of recall, all contrasts × shortcuts, and once more all shortcuts together.

    Args:
        rows: one per arm, with what `summarize_places` and `summarize_recall` say.
        mode: ``phantom`` or ``boxes``.
        primary: the arm whose contrast of the headline was declared beforehand, or None.
    """
    key, metric = HEADLINES[mode]
    arms = [row for row in rows if not row["reference"]]
    for row in (row for row in rows if row["reference"]):
        scores = [*(row[key][each] for each in (LESION if mode == "phantom" else BOX))]
        for entry in (*scores, *row.get("for", {}).values(), *row.get("against", {}).values()):
            entry["difference"] |= {"p": np.nan, "p_holm": np.nan, "verdict": "reference"}
    for each in LESION if mode == "phantom" else BOX:
        declared = primary if each == metric else None
        _adjust([row[key][each]["difference"] for row in arms if row["label"] != declared])
        for row in arms:
            if row["label"] == declared:
                alone = row[key][each]["difference"]
                alone |= {"p_holm": np.nan, "verdict": verdict(alone, alone["p"])}
    for kind in ("for", "against") if mode == "phantom" else ():
        _adjust([entry["difference"] for row in arms for name, entry in row[kind].items() if name != "all"])
        _adjust([row[kind]["all"]["difference"] for row in arms if row[kind]])


def _adjust(differences: Sequence[Entry]) -> None:
    for difference, p in zip(differences, holm([one["p"] for one in differences]).tolist(), strict=True):
        difference |= {"p_holm": p, "verdict": verdict(difference, p)}


def verdict(difference: Mapping[str, Any], p: float) -> str:
    """Say what a difference says at 5 %.

    Args:
        difference: with ``value`` and ``few``.
        p: corrected, unless it is the primary contrast's.

    >>> verdict({"value": 0.1, "few": False}, 0.04), verdict({"value": 0.1, "few": False}, 0.05)
    ('better', 'not told apart')
    >>> verdict({"value": 0.1, "few": True}, float("nan"))
    'too few cases'
    """
    if math.isnan(difference["value"]) or (math.isnan(p) and not difference["few"]):
        return "undefined"
    if difference["few"]:
        return "too few cases"
    return "not told apart" if p >= ALPHA else "better" if difference["value"] > 0 else "worse"


def rank(arms: Sequence[Entry], mode: str) -> list[Entry]:
    """Sort arms by their headline, best first; undefined ones come last."""
    key, metric = HEADLINES[mode]

    def headline(arm: Entry) -> float:
        entry = arm[key][metric]
        value = entry["macro" if arm[key]["over"] else "micro"]["value"]
        return -1.0 if value is None or value != value else float(value)

    return sorted(arms, key=lambda arm: (-headline(arm), arm["label"]))
