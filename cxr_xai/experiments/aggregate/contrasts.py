"""Arms against each other, on the same patients: bootstrap and permutation first, t-tests over folds beside them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.average import counted, source_of
from cxr_xai.experiments.aggregate.pool import Pool
from cxr_xai.report.protocol import PlanShown
from cxr_xai.stats.compare import ALPHA, MACRO, adjust, compare_arms

Contrasts = dict[str, dict[str, dict[str, dict[str, Any]]]]
"""Contrast → metric → ``macro`` or finding → what `add` says of the difference."""

COLUMNS = {
    "value": "difference",
    "low": "low",
    "high": "high",
    "p": "p_permutation",
    "holm": "p_holm",
    "p_bootstrap": "p_bootstrap",
    "p_delong": "p_delong",
    "p_t": "p_t",
    "p_corrected": "p_corrected",
    "equivalent": "equivalent",
    "primary": "primary",
}


@dataclass(frozen=True)
class Question:
    """What is compared with what.

    Attributes:
        contrasts: (arm, reference) pairs; the primary one, if there is one, first.
        metric: of the primary contrast, and that of the margin; it is about the mean over findings, or one of them.
        over: ``macro`` or a finding.
        source: who declared the primary contrast, in words; empty where nobody did.
        remark: why an analysis plan that is there declares none; empty where it does, or there is none.
        alpha: level of the tests.
    """

    contrasts: Sequence[tuple[str, str]]
    metric: str = "auroc"
    over: str = MACRO
    source: str = ""
    remark: str = ""
    alpha: float = ALPHA

    def primary(self, metric: str) -> tuple[str, str] | None:
        """Return the primary contrast and what it is about, for tables of its metric; None for other metrics."""
        return (name_of(self.contrasts[0]), self.over) if self.source and metric == self.metric else None


def ask(
    arms: Sequence[str],
    declared: Mapping[str, tuple[str, str]],
    reference: str | None,
    metric: str = "auroc",
    over: str = MACRO,
) -> Question:
    """Choose the contrasts: every other arm against the reference; without a reference every pair.

    Args:
        arms: all of them.
        declared: who says so → the primary (arm, reference), most important first.
        reference: of the sweep, if it names one.
        metric: of the primary contrast.
        over: likewise.

    Raises:
        UserError: a primary contrast names an arm that is not there, or one arm twice.

    >>> ask(["a", "b", "c"], {"the plan": ("c", "b")}, None).contrasts
    [('c', 'b'), ('a', 'b')]
    """
    source, primary = next(iter(declared.items()), ("", None))
    if primary is not None:
        if unknown := [arm for arm in primary if arm not in arms]:
            raise UserError(f"{source} is about the arm {unknown[0]!r}; the arms here are {', '.join(arms)}.")
        if primary[0] == primary[1]:
            raise UserError(f"{source} is about {primary[0]} twice; give an arm and its reference.")
        reference = primary[1]
    if reference in arms:
        others = [arm for arm in arms if arm not in (reference, *(primary or ())[:1])]
        pairs = [*([primary] if primary else []), *((arm, str(reference)) for arm in others)]
    else:
        pairs = [(second, first) for n, first in enumerate(arms) for second in arms[n + 1 :]]
    return Question(pairs, metric, over, source)


def choose_question(
    arms: Sequence[str],
    option: Sequence[str] | None,
    sweep: Mapping[str, Any],
    plan: PlanShown | None = None,
) -> Question:
    """Return what is asked: the primary contrast of the analysis plan, else of the command, else of the sweep.

    Args:
        arms: all of them.
        option: arm and reference as given on the command line.
        sweep: the contents of ``sweep.json``: ``reference`` and ``primary``, an ``arm`` that is held ``against`` it.
        plan: that the runs recorded. One about arms that are not here, or that came after test labels were read,
            declares nothing: its contrast is corrected like all others.

    Raises:
        UserError: the option is no pair, names an arm that is not there, or contradicts a plan.
    """
    declared: dict[str, tuple[str, str]] = {}
    reference = sweep.get("reference")
    metric, over = "auroc", MACRO
    remark = "" if plan is None else _why_not(plan, arms)
    if plan is not None and not remark:
        who = f"the analysis plan {plan.sha256[:8]}, first seen {plan.first_seen[:10]}"
        if option is not None and tuple(option) != plan.plan.arms:
            raise UserError(
                f"primary={_pair(option)} contradicts {who}, before test labels were read: {_pair(plan.plan.arms)}; "
                "leave primary out, and its contrasts stand beside the planned one."
            )
        declared[who] = plan.plan.arms
        metric, over = plan.plan.metric, plan.plan.over
    elif option is not None:
        if len(option) != 2:
            raise UserError(f"primary={list(option)}; it is an arm and its reference: primary=[focal,bce].")
        declared["the command line"] = (str(option[0]), str(option[1]))
    if primary := sweep.get("primary"):
        declared["the sweep"] = (str(primary["arm"]), str(primary["against"]))
    question = ask(arms, declared, None if reference is None else str(reference), metric, over)
    alpha = ALPHA if plan is None or remark else plan.plan.alpha
    return replace(question, remark=remark, alpha=alpha)


def _why_not(plan: PlanShown, arms: Sequence[str]) -> str:
    """Say why a plan declares no primary contrast of these arms; empty where it does."""
    if absent := [arm for arm in plan.plan.arms if arm not in arms]:
        return f"The analysis plan {plan.sha256[:8]} is about the arm {absent[0]}, which is not here; it did not apply."
    if plan.post_hoc:
        return (
            f"The analysis plan {plan.sha256[:8]} came after test labels were read: its contrast is not primary, and "
            "is corrected like the others."
        )
    return ""


def _pair(arms: Sequence[str]) -> str:
    return f"[{','.join(map(str, arms))}]"


def compare(
    pool: Pool,
    question: Question,
    metrics: Sequence[str],
    train_studies: float,
    margin: float,
    replicates: int,
    tell: Callable[[], None] = lambda: None,
) -> Contrasts:
    """Return contrast → metric → ``macro`` or finding → difference with its interval and tests.

    F1 is compared for the findings whose thresholds val could choose in every run; the others are NaN.

    Args:
        pool: tested studies.
        question: what is compared.
        metrics: of which metrics.
        train_studies: that a fold was trained on, without val, on average.
        margin: of equivalence, in units of the question's metric; others are not held against it.
        replicates: of the bootstrap.
        tell: called after each contrast and metric.
    """
    result: Contrasts = {name_of(pair): {} for pair in question.contrasts}
    for metric in metrics:
        target = np.where(counted(pool, metric), pool.target, np.nan)
        tables = {}
        for pair in question.contrasts:
            first, second = (pool.scores[arm][source_of(metric)[0]] for arm in pair)
            tables[name_of(pair)] = compare_arms(
                target,
                first,
                second,
                pool.patients,
                metric,
                margin,
                fold=pool.fold,
                train_studies=train_studies,
                contrasts=len(question.contrasts),
                replicates=replicates,
                alpha=question.alpha,
            )
            tell()
        add(result, tables, question, metric)
    return result


def add(result: Contrasts, tables: Mapping[str, pd.DataFrame], question: Question, metric: str) -> None:
    """Correct the contrasts of one metric together and put them under their names; the mean comes first.

    ``equivalent`` is None but for the metric that the margin is in units of.
    """
    if not tables:
        return
    joined = adjust(tables, question.primary(metric))
    if metric != question.metric:
        joined["equivalent"] = None
    for contrast in tables:
        rows = joined.loc[contrast]
        order = [MACRO, *(str(over) for over in rows.index if over != MACRO)]
        result[contrast][metric] = {
            over: {key: _plain(rows.at[over, column]) for key, column in COLUMNS.items()} for over in order
        }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def name_of(pair: tuple[str, str]) -> str:
    """Return a contrast in words.

    >>> name_of(("focal", "bce"))
    'focal − bce'
    """
    return f"{pair[0]} − {pair[1]}"
