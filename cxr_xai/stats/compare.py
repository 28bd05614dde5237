"""Two arms compared in every way at once, one row per finding: what the aggregate's tables are made of."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS
from cxr_xai.stats.clusters import metric_patients
from cxr_xai.stats.corrections import holm
from cxr_xai.stats.equivalence import equivalent
from cxr_xai.stats.intervals import interval
from cxr_xai.stats.paired import PairedBootstrap, PairedFold, bootstrap_p, pair_folds, paired_bootstrap, paired_delong
from cxr_xai.stats.permutation import permutation_p, permutations_needed, permute_arms, require_permutations
from cxr_xai.stats.resampled_t import corrected_t, paired_t
from cxr_xai.stats.statistic import Measure
from cxr_xai.stats.weightings import Floats, mean_defined

MACRO = "macro"
ALPHA = 0.05


def compare_arms(
    target: npt.ArrayLike,
    first: Sequence[npt.ArrayLike],
    second: Sequence[npt.ArrayLike],
    patients: npt.ArrayLike,
    metric: Measure,
    margin: float,
    *,
    fold: npt.ArrayLike | None = None,
    train_studies: float = np.nan,
    contrasts: int = 1,
    replicates: int = 2000,
    permutations: int | None = None,
    seed: int = 0,
    names: Sequence[str] = FINDINGS,
    behind: npt.ArrayLike | None = None,
    alpha: float = ALPHA,
) -> pd.DataFrame:
    """Compare two arms on the same studies, at 95 %: all columns speak of ``first - second``.

    A metric is taken within each fold and seed, never over pooled probabilities, and averaged with equal weights.

    Args:
        target: ``(N, K)`` 1 present, 0 absent, NaN unknown.
        first: ``S`` arrays ``(N, K)`` of probabilities, one per seed (three or more, so that a difference is not one of
            seeds); for ``f1`` the decisions (0 or 1), as each run has thresholds of its own.
        second: likewise.
        patients: ``(N,)`` identifiers.
        metric: ``auroc auprc f1 brier ece``, or a measure such as `mean_measure`.
        margin: largest difference that does not matter.
        fold: ``(N,)`` the fold whose models predicted the study; None where there is one.
        train_studies: mean number of studies that a fold was trained on, without val; NaN leaves ``p_corrected`` NaN.
        contrasts: number of contrasts in the family that the table will join in `adjust`.
        replicates: of the bootstrap.
        permutations: by default as many as the family needs; fewer are refused.
        seed: of draws and swaps.
        names: of the ``K`` columns; a named metric gets a row ``macro`` below them, a measure gives its own.
        behind: ``(rows,)`` effective patients behind each row of a measure, for `expanded_level`; a named metric finds
            its own, a measure without them is not widened.
        alpha: level of the tests and of equivalence; intervals stay at 95 %.

    Returns:
        One row per name: ``first second difference low high undefined p_permutation p_bootstrap equivalent``, ``t p_t
        p_corrected`` over folds (NaN for one fold), ``seeds folds``, ``p_delong`` (AUROC per finding, else NaN).

    Raises:
        UserError: unequal numbers of seeds, misshapen arrays, a patient in two folds, or too few permutations.
    """
    rows = [*names] if callable(metric) else [*names, MACRO]
    permutations = _enough(permutations, len(rows) * contrasts, alpha)
    folds = pair_folds(target, first, second, patients, fold)
    drawn = paired_bootstrap(folds, metric, replicates, seed)
    if len(drawn.first) != len(names):
        raise UserError(f"found {len(drawn.first)} columns and {len(names)} names; give one name per column")
    swapped = permute_arms(folds, metric, permutations, seed)
    sizes = np.full(len(rows), np.inf) if behind is None else np.asarray(behind, dtype=np.float64)
    if not callable(metric):
        sizes[: len(names)] = metric_patients(metric, target, np.unique(patients, return_inverse=True)[1])
    table = _table(rows, drawn, swapped, (margin, alpha), sizes, len(np.asarray(target)) / len(folds) / train_studies)
    return table.assign(seeds=len(first), folds=len(folds), p_delong=_without_resampling(folds, metric, len(rows)))


def _without_resampling(folds: list[PairedFold], metric: Measure, rows: int) -> Floats:
    p = paired_delong(folds) if metric == "auroc" else np.empty(0)
    return np.append(p, np.full(rows - len(p), np.nan))


def _enough(permutations: int | None, family: int, alpha: float) -> int:
    if permutations is None:
        return permutations_needed(family, alpha)
    require_permutations(permutations, family, alpha)
    return permutations


def _table(
    rows: list[str],
    drawn: PairedBootstrap,
    swapped: Floats,
    within: tuple[float, float],
    behind: Floats,
    test_over_train: float,
) -> pd.DataFrame:
    parts = [drawn.first, drawn.second, drawn.by_fold, drawn.replicates, swapped]
    first, second, by_fold, draws, swaps = [
        part if len(rows) == part.shape[-1] else _with_macro(part) for part in parts
    ]
    ends = interval(first - second, draws, kind="percentile", patients=behind)
    plain = [paired_t(column) for column in by_fold.T]
    corrected = [corrected_t(column, 1, test_over_train) for column in by_fold.T]
    return pd.DataFrame(
        {
            "first": first,
            "second": second,
            "difference": first - second,
            "low": ends.low,
            "high": ends.high,
            "undefined": ends.undefined,
            "p_permutation": permutation_p(first - second, swaps),
            "p_bootstrap": bootstrap_p(draws),
            "equivalent": equivalent(draws, *within, behind),
            "t": [test.t for test in plain],
            "p_t": [test.p for test in plain],
            "p_corrected": [test.p for test in corrected],
        },
        index=pd.Index(rows, name="finding"),
    )


def adjust(tables: Mapping[str, pd.DataFrame], primary: tuple[str, str] | None = None) -> pd.DataFrame:
    """Join the contrasts of one metric and correct their permutation p values together.

    Args:
        tables: contrast → table of `compare_arms`, all of one metric.
        primary: (contrast, row) declared beforehand, usually the ``macro`` row of one contrast in AUROC: it stands
            outside the family and keeps its own p value. None for metrics without one.

    Returns:
        One row per contrast and finding; columns of `compare_arms` and ``primary``, ``p_holm`` over all rows but the
        primary one (its own p value there).

    Raises:
        UserError: the primary contrast is not among the tables.
    """
    table = pd.concat(dict(tables), names=["contrast"])
    is_primary = np.zeros(len(table), dtype=bool)
    if primary is not None:
        if primary not in table.index:
            raise UserError(f"primary contrast {primary[0]}, row {primary[1]}: not among {', '.join(tables)}")
        is_primary = np.array([key == primary for key in table.index])
    p = table["p_permutation"].to_numpy(np.float64)
    corrected = np.where(is_primary, p, holm(np.where(is_primary, np.nan, p)))
    return table.assign(primary=is_primary, p_holm=corrected)


def _with_macro(values: Floats) -> Floats:
    return np.concatenate([values, mean_defined(values)[..., None]], axis=-1)
