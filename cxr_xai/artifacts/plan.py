"""The analysis plan: what a person wants to find out, written before the runs and hashed into their certificates."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml

from cxr_xai.artifacts.ledger import first_read, utc_now
from cxr_xai.errors import UserError
from cxr_xai.findings import BOXED, FINDINGS

CLASSIFICATION = ("auroc", "auprc", "f1", "precision", "recall", "specificity", "accuracy", "brier", "ece")
LOCALIZATION = ("pointing", "energy", "iou", "skill")
TESTABLE = ("auroc", "auprc", "f1", "brier", "ece", *LOCALIZATION)
"""What arms are compared in, so that a primary contrast can be about it."""
METRICS = (*CLASSIFICATION, *LOCALIZATION)
MACRO = "macro"

Status = Literal["primary", "planned", "exploratory"]


@dataclass(frozen=True)
class Plan:
    """What was planned.

    Attributes:
        metric: of the primary contrast.
        over: ``macro``, or the one finding that the primary contrast is about.
        arms: the two arms; the first is expected to be better.
        findings: that secondary contrasts are about.
        metrics: of secondary contrasts; that of the primary one is always among them.
        margin: below this difference two arms count as equivalent, in units of the primary metric.
        alpha: level of the tests.
        seeds: of every arm.
    """

    metric: str
    over: str
    arms: tuple[str, str]
    findings: tuple[str, ...]
    metrics: tuple[str, ...]
    margin: float
    alpha: float
    seeds: tuple[int, ...]

    def status(self, metric: str, over: str) -> Status:
        """Tell what a number is: of the primary contrast, planned beside it, or exploratory.

        Args:
            metric: one of ``METRICS``, or any other name (exploratory).
            over: a finding or ``macro``; the mean of a planned metric is planned.
        """
        if (metric, over) == (self.metric, self.over):
            return "primary"
        return "planned" if metric in self.metrics and over in (*self.findings, MACRO) else "exploratory"


def read_plan(path: str | Path) -> tuple[Plan, str]:
    """Return the plan and its text.

    Raises:
        UserError: the file is missing, or is no plan.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"plan={path} cannot be read ({error}); .github/NUMBERS.md shows what a plan looks like."
        ) from error
    return parse_plan(text, str(path)), text


def parse_plan(text: str, name: str = "the plan") -> Plan:
    """Read a plan from YAML.

    >>> plan = parse_plan(
    ...     "{primary: {metric: auroc/macro, arms: [focal, bce]}, findings: all, metrics: [auroc, auprc],"
    ...     " margin: 0.01, alpha: 0.05, seeds: [0, 1, 2]}"
    ... )
    >>> plan.status("auroc", "macro"), plan.status("auprc", "Hernia"), plan.status("f1", "Hernia")
    ('primary', 'planned', 'exploratory')

    Raises:
        UserError: names the key, what was found and what belongs there.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"plan={name} is not YAML: {' '.join(str(error).split())}") from error
    keys = ("primary", "findings", "metrics", "margin", "alpha", "seeds")
    raw = _require_keys(raw, keys, name, "")
    primary = _require_keys(raw["primary"], ("metric", "arms"), name, "primary.")
    metric, _, over = str(primary["metric"]).partition("/")
    findings = FINDINGS if raw["findings"] == "all" else _list(raw["findings"], "findings", name)
    metrics = _list(raw["metrics"], "metrics", name)
    _require_known([metric, *metrics], METRICS, "metric", name)
    _require_known(findings, FINDINGS, "finding", name)
    _require_known([metric], TESTABLE, "primary.metric", name)
    _require_known([over], (MACRO, *(FINDINGS if metric in CLASSIFICATION else BOXED)), "primary.metric", name)
    arms, seeds = _list(primary["arms"], "primary.arms", name), _list(raw["seeds"], "seeds", name)
    margin, alpha = raw["margin"], raw["alpha"]
    rules = {
        "primary.arms": (len(set(arms)) == 2 == len(arms), arms, "two different arms"),
        "margin": (_is_number(margin) and margin > 0, margin, "a number above 0"),
        "alpha": (_is_number(alpha) and 0 < alpha < 1, alpha, "a number between 0 and 1"),
        "seeds": (all(type(seed) is int for seed in seeds), seeds, "whole numbers"),
    }
    for key, (holds, found, wanted) in rules.items():
        if not holds:
            raise UserError(f"plan={name}: {key} is {found!r}; it must be {wanted}.")
    first, second = (str(arm) for arm in arms)
    named = tuple(dict.fromkeys([metric, *metrics]))
    return Plan(metric, over, (first, second), tuple(findings), named, float(margin), float(alpha), tuple(seeds))


def _require_keys(raw: Any, keys: Sequence[str], name: str, prefix: str) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise UserError(f"plan={name}: {prefix.rstrip('.') or 'the file'} must have the keys {', '.join(keys)}.")
    if unknown := [str(key) for key in raw if key not in keys]:
        close = get_close_matches(unknown[0], keys, n=1, cutoff=0.5)
        hint = f"Did you mean {close[0]!r}?" if close else f"The keys are {', '.join(keys)}."
        raise UserError(f"plan={name}: no key {prefix}{unknown[0]}. {hint}")
    if absent := [key for key in keys if key not in raw]:
        raise UserError(f"plan={name}: {prefix}{absent[0]} is missing; the keys are {', '.join(keys)}.")
    return raw


def _list(value: Any, key: str, name: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise UserError(f"plan={name}: {key} is {value!r}; it must be a list.")
    return value


def _require_known(given: Sequence[Any], known: Sequence[str], what: str, name: str) -> None:
    if wrong := [entry for entry in given if entry not in known]:
        close = get_close_matches(str(wrong[0]), known, n=1, cutoff=0.6)
        hint = f"Did you mean {close[0]!r}?" if close else f"There are {', '.join(known)}."
        raise UserError(f"plan={name}: {what} {str(wrong[0])!r} is not known. {hint}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def record_plan(text: str | None, recorded: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return the plans that a run has seen, oldest first; the same text keeps the time when it was first seen.

    Args:
        text: of the plan at hand, None without one.
        recorded: what the certificate has so far: ``sha256, first_seen, text``.
    """
    plans = [dict(entry) for entry in recorded]
    if text is None:
        return plans
    digest = hashlib.sha256(text.encode()).hexdigest()
    if digest not in [entry["sha256"] for entry in plans]:
        plans.append({"sha256": digest, "first_seen": utc_now(), "text": text})
    return plans


def is_post_hoc(entry: Mapping[str, str], ledger: pd.DataFrame) -> bool:
    """Tell whether a recorded plan was first seen when test labels had been read already."""
    read = first_read(ledger)
    return read is not None and read <= entry["first_seen"]


def counting_plan(plans: Sequence[Mapping[str, str]], ledger: pd.DataFrame) -> Mapping[str, str] | None:
    """Return which recorded plan counts: the last one seen before test labels were read, else the first; or None.

    A plan may be mended until test labels are read. One that came later stands in the certificate and changes nothing.
    """
    before = [entry for entry in plans if not is_post_hoc(entry, ledger)]
    return before[-1] if before else next(iter(plans), None)
