"""One attribute: numbers of its groups, each against the others, and the largest gap, metric by metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.errors import UserError
from cxr_xai.experiments.subgroups.measures import METRICS, Behind, Fold, columns, count_behind, measure, names_of
from cxr_xai.experiments.subgroups.read import Judged
from cxr_xai.stats.gaps import Groups, average_folds, flip_each, flip_largest, largest_gap
from cxr_xai.stats.intervals import interval
from cxr_xai.stats.subsets import Masks, Subsets
from cxr_xai.stats.weightings import Floats

MACRO = "macro"
OTHERS = "all others"
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Attribute:
    """Groups of one attribute.

    Attributes:
        name: of the attribute.
        groups: their names, sorted.
        labels: ``(N,)`` group of each study, empty where unknown.
        pairs: what is held against what: positions among ``groups``, from ``len(groups)`` on all others than a group.
    """

    name: str
    groups: tuple[str, ...]
    labels: npt.NDArray[np.str_]
    pairs: tuple[tuple[int, int], ...]

    def masks(self, labels: npt.NDArray[np.str_]) -> Masks:
        """Return ``(M, N)`` rows of each group, then of all others where a pair asks for them."""
        mine = np.stack([labels == group for group in self.groups])
        if max(max(pair) for pair in self.pairs) < len(self.groups):
            return mine
        return np.concatenate([mine, (labels != "") & ~mine])

    def side(self, number: int) -> str:
        """Return the name of one side of a pair."""
        return self.groups[number] if number < len(self.groups) else OTHERS


def make_attribute(values: pd.Series, reference: str | None = None) -> Attribute:
    """Make the groups of an attribute: two are held against each other, more each against all others or a reference.

    Raises:
        UserError: no group is called like the reference.
    """
    labels = values.fillna("").to_numpy(str)
    groups = tuple(sorted(set(labels[labels != ""].tolist()), key=_natural))
    if reference is not None and reference not in groups:
        raise UserError(f"reference.{values.name}={reference}: no such group; there are {', '.join(groups)}.")
    numbers = range(len(groups))
    if reference is not None:
        at = groups.index(reference)
        pairs = tuple((g, at) for g in numbers if g != at)
    else:
        pairs = ((0, 1),) if len(groups) == 2 else tuple((g, len(groups) + g) for g in numbers)
    return Attribute(str(values.name), groups, labels, pairs)


def _natural(group: str) -> tuple[float, str]:
    digits = group.split("-")[0].rstrip("+")
    return (float(digits) if digits.isdigit() else np.inf), group


@dataclass(frozen=True)
class Compared:
    """One metric of one attribute.

    Attributes:
        metric: its name.
        groups: numbers of the groups, a row each.
        gaps: a row per pair; ``p`` is corrected over the pairs.
        largest: a row per finding; ``p`` is of the largest gap, whichever groups it is between.
        tests: what the p values need: ``(G, K + 1)`` numbers and ``(P, G, K + 1)`` influences of groups, and of pairs.
    """

    metric: str
    groups: Rows
    gaps: Rows
    largest: Rows
    tests: tuple[Floats, Floats, Floats, Floats]


def compare_groups(attribute: Attribute, judged: Judged, metric: str, folds: Sequence[Fold]) -> Compared:
    """Measure the groups by one metric and hold them against each other; p values come later, for all at once.

    A finding counts in a mean where every group that is compared has enough cases of it, so that means of groups are of
    the same findings. A group with few findings is not compared in the mean: `choose_common`.
    """
    labels = attribute.labels
    if METRICS[metric].of == "boxes":
        labels = pd.Series(labels, index=judged.images).reindex(judged.boxes["image_id"]).fillna("").to_numpy(str)
    masks = attribute.masks(labels)
    measured, behind = measure(metric, judged, masks, folds), count_behind(metric, judged, masks)
    size = len(attribute.groups)
    alone = [_average(metric, measured, [m], np.zeros(len(names_of(metric)), bool)) for m in range(len(masks))]
    defined = np.stack([~np.isnan(one.value[0, :-1]) for one in alone])
    enough = behind.enough & defined
    shared, common = choose_common(enough[:size])
    joint = _average(metric, measured, range(size), common, shared[:, None] & common)
    each = _average(metric, measured, range(size), common, enough[:size])
    value = np.concatenate([each.value[:, :-1], joint.value[:, -1:]], axis=1)
    influence = np.concatenate([each.influence[..., :-1], joint.influence[..., -1:]], axis=2)
    rows = _group_rows(attribute, metric, (alone, joint), behind._replace(enough=enough), (shared, common))
    gaps, gap_value, gap_influence = _gap_rows(attribute, metric, measured, enough, behind)
    largest = _largest_rows(attribute, metric, value, (enough[:size], shared, common))
    return Compared(metric, rows, gaps, largest, (value, influence, gap_value, gap_influence))


def choose_common(enough: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return ``(G,)`` the groups whose means are compared, and ``(K,)`` the findings that these means are over.

    Compared are the groups with at least half the findings of the best furnished one, or the two with most of them.

    >>> shared, common = choose_common(np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0]], bool))
    >>> shared.tolist(), common.tolist()
    ([True, True, False], [True, True, False])
    >>> choose_common(np.array([[1, 1, 1], [1, 0, 0]], bool))[1].tolist()
    [True, False, False]
    """
    number = enough.sum(axis=1)
    shared = (number > 0) & (number >= number.max(initial=0) / 2)
    if shared.sum() < 2:
        shared = (number > 0) & np.isin(np.arange(len(number)), np.argsort(-number, kind="stable")[:2])
    return shared, enough[shared].all(axis=0) & bool(shared.any())


def _average(
    metric: str,
    measured: Sequence[Subsets],
    which: Sequence[int] | range,
    counted: npt.NDArray[np.bool_],
    taken: Masks | None = None,
) -> Groups:
    chosen = list(which)
    cut = [Subsets(fold.value[chosen], fold.drawn[:, chosen], fold.left_out[:, chosen]) for fold in measured]
    shape = cut[0].value.shape
    everywhere = np.ones(shape, bool) if taken is None else np.tile(taken, (1, shape[1] // taken.shape[1]))
    return average_folds(cut, everywhere, partial(columns, metric, counted=counted))


def _entries(value: Floats, drawn: Floats, patients: npt.ArrayLike, units: Floats | None = None) -> Rows:
    """Return ``value low high undefined`` of ``(K,)`` numbers with their ``(B, K)`` replicates."""
    ends = interval(value, drawn, None, "percentile", units=units, patients=patients)
    numbers = zip(value, ends.low, ends.high, ends.undefined, strict=True)
    return [
        {"value": float(one), "low": float(low), "high": float(high), "undefined": int(undefined)}
        for one, low, high, undefined in numbers
    ]


def _group_rows(
    attribute: Attribute,
    metric: str,
    numbers: tuple[Sequence[Groups], Groups],
    behind: Behind,
    chosen: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
) -> Rows:
    (alone, joint), (shared, common) = numbers, chosen
    rows: Rows = []
    for g, group in enumerate(attribute.groups):
        one = alone[g]
        value, drawn = np.append(one.value[0, :-1], joint.value[g, -1]), one.drawn[:, 0].copy()
        drawn[:, -1] = joint.drawn[:, g, -1]
        patients, units = np.append(behind.patients[g], np.inf), np.append(behind.units[g], np.nan)
        enough = np.append(behind.enough[g], shared[g] and common.any())
        entries = _entries(value, drawn, patients, units)
        for k, (finding, entry) in enumerate(zip((*names_of(metric), MACRO), entries, strict=True)):
            mean = finding == MACRO
            cases, over = (None, int(common.sum()) * bool(shared[g])) if mean else (int(behind.cases[g, k]), None)
            head = {"attribute": attribute.name, "group": group, "metric": metric, "finding": finding}
            rows.append({**head, **entry, "cases": cases, "over": over, "enough": bool(enough[k])})
    return rows


def _gap_rows(
    attribute: Attribute, metric: str, measured: Sequence[Subsets], enough: npt.NDArray[np.bool_], behind: Behind
) -> tuple[Rows, Floats, Floats]:
    rows: Rows = []
    values, influences = [], []
    for a, b in attribute.pairs:
        counted = enough[a] & enough[b]
        both = _average(metric, measured, [a, b], counted)
        gap, drawn = both.value[0] - both.value[1], both.drawn[:, 0] - both.drawn[:, 1]
        allowed = np.append(counted, counted.any())
        values.append(np.where(allowed, gap, np.nan))
        influences.append(both.influence[:, 0] - both.influence[:, 1])
        patients = np.append(np.minimum(behind.patients[a], behind.patients[b]), np.inf)
        entries = _entries(gap, drawn, patients)
        for k, (finding, entry) in enumerate(zip((*names_of(metric), MACRO), entries, strict=True)):
            head = {"attribute": attribute.name, "group": attribute.side(a), "against": attribute.side(b)}
            sides = {"first": float(both.value[0, k]), "second": float(both.value[1, k]), "gap": entry.pop("value")}
            over = int(counted.sum()) if finding == MACRO else None
            rows.append({**head, "metric": metric, "finding": finding, **sides, **entry, "over": over,
                         "enough": bool(allowed[k])})  # fmt: skip
    return rows, np.stack(values), np.stack(influences, axis=1)


def _largest_rows(
    attribute: Attribute,
    metric: str,
    value: Floats,
    chosen: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
) -> Rows:
    enough, shared, common = chosen
    gap, low, high = largest_gap(value)
    rows: Rows = []
    for k, finding in enumerate((*names_of(metric), MACRO)):
        inside = shared if finding == MACRO else enough[:, k]
        known = bool(np.isfinite(gap[k]))
        rows.append({
            "attribute": attribute.name, "metric": metric, "finding": finding,
            "lowest": attribute.groups[low[k]] if known else "", "highest": attribute.groups[high[k]] if known else "",
            "low_value": float(value[low[k], k]), "high_value": float(value[high[k], k]), "gap": float(gap[k]),
            "groups": int(inside.sum()), "left_out": ", ".join(
                group for group, there in zip(attribute.groups, inside, strict=True) if not there),
            "over": (int(common.sum()) if known else 0) if finding == MACRO else None,
        })  # fmt: skip
    return rows


def add_p_values(attribute: Attribute, compared: Sequence[Compared], flips: int, seed: int = 0) -> None:
    """Give every gap its p value; metrics of studies share one set of signs, metrics of boxes another.

    Args:
        attribute: the groups.
        compared: every metric of the attribute; their rows get ``p``.
        flips: how often signs are drawn.
        seed: of the draws.
    """
    for one in compared:
        for row in (*one.gaps, *one.largest):
            row["p"] = float("nan")
    for of in ("studies", "boxes"):
        mine = [one for one in compared if METRICS[one.metric].of == of and METRICS[one.metric].tested]
        if not mine:
            continue
        value, influence, gaps, gap_influence = (
            np.concatenate([one.tests[n] for one in mine], axis=-1) for n in range(4)
        )
        largest = flip_largest(value, influence, flips, seed)
        each = largest[None] if len(attribute.groups) == 2 else flip_each(gaps, gap_influence, flips, seed)
        start = 0
        for one in mine:
            width = one.tests[0].shape[1]
            _hand_out(one, largest[start : start + width], each[:, start : start + width])
            start += width


def _hand_out(one: Compared, largest: Floats, each: Floats) -> None:
    for row, p in zip(one.largest, largest, strict=True):
        row["p"] = float(p)
    for row, p in zip(one.gaps, each.reshape(-1), strict=True):
        row["p"] = float(p) if row["enough"] else float("nan")
