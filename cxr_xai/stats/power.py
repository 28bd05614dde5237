"""How small a difference between two arms the planned runs could find: known before anything is run."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from cxr_xai.stats.weightings import Floats, ratio


class DetectableEffect(NamedTuple):
    """Smallest true differences of AUROC that are found with the power asked for.

    Attributes:
        findings: ``(K,)``; NaN with fewer than two positives or negatives.
        macro: of the mean over the findings that have one.
        design_effect: by how much patients with several images inflate the variance.
    """

    findings: Floats
    macro: float
    design_effect: float


def auroc_variance(positives: npt.ArrayLike, negatives: npt.ArrayLike, area: float = 0.8) -> Floats:
    """Return the variance of an AUROC before there are data (Hanley & McNeil 1982, Radiology 143:29).

    Exact for exponential scores; for normal ones it is conservative, more so for rare positives (1.4 at .80).

    ``(A(1-A) + (n₁-1)(Q₁-A²) + (n₀-1)(Q₀-A²)) / (n₁ n₀)`` with ``Q₁ = A/(2-A)`` and ``Q₀ = 2A²/(1+A)``.

    Args:
        positives: ``(…)`` independent positives ``n₁``.
        negatives: ``(…)`` independent negatives ``n₀``.
        area: assumed AUROC ``A``.

    Returns:
        ``(…)``; NaN where either number is below 2.

    >>> round(float(np.sqrt(auroc_variance(51, 58, area=0.893))), 4)
    0.0325
    """
    n1, n0 = np.asarray(positives, dtype=np.float64), np.asarray(negatives, dtype=np.float64)
    q1, q0, square = area / (2 - area), 2 * area**2 / (1 + area), area**2
    total = area * (1 - area) + (n1 - 1) * (q1 - square) + (n0 - 1) * (q0 - square)
    return ratio(total, np.where((n1 >= 2) & (n0 >= 2), n1 * n0, np.nan))


def minimum_detectable_effect(
    positives: npt.ArrayLike,
    negatives: npt.ArrayLike,
    patients: int,
    *,
    area: float = 0.8,
    between_arms: float = 0.8,
    between_findings: float = 0.05,
    icc: float = 0.3,
    training_sd: float = 0.003,
    seeds: int = 3,
    folds: int = 1,
    alpha: float = 0.05,
    power: float = 0.8,
) -> DetectableEffect:
    """Return the smallest difference of AUROC between two arms on the same studies that the runs would find.

    ``(z_{1-α/2} + z_power) √(2 V (1 - r) + 2 σ² / (seeds · folds))``: ``V`` by `auroc_variance` with numbers divided by
    the design effect, ``r`` the correlation of the two areas (Hanley & McNeil 1983, Radiology 148:839), ``σ`` the
    spread of training. Folds are scored apart: ``V`` of a fold's share of the studies, over the number of folds.

    Args:
        positives: ``(K,)`` positive studies of each finding among all that are tested.
        negatives: ``(K,)`` negative ones.
        patients: they belong to.
        area: assumed AUROC; .80 is what a network reaches on the official split.
        between_arms: ``r``. Scores of two arms that correlate by .85 within a label, about what two networks on the
            same films do, give areas that correlate by .82; the default is a little more careful.
        between_findings: correlation of the areas of two findings, for the macro mean: measured .02 on average
            (-.15 to .25) on 22,433 real studies.
        icc: intra-class correlation; the design effect is ``1 + (images per patient - 1) · icc``: 1.8 for the 3.6
            images of those studies (measured 1.0–3.4 by finding, median 1.7), 3.4 for the official test's 9.2.
        training_sd: ``σ``, standard deviation of an AUROC between seeds; an assumption until ``sweep=seeds`` tells.
        seeds: runs averaged per arm and fold.
        folds: of the cross-validation; 1 for one split.
        alpha: two-sided error.
        power: chance of finding it.

    >>> effect = minimum_detectable_effect([86, 1069], [25_510, 24_527], patients=2_797)
    >>> effect.findings.round(3).tolist(), round(effect.design_effect, 2)
    ([0.095, 0.028], 3.45)
    """
    n1, n0 = np.asarray(positives, dtype=np.float64), np.asarray(negatives, dtype=np.float64)
    design = 1 + (float((n1 + n0).max()) / patients - 1) * icc
    shared = auroc_variance(n1 / (design * folds), n0 / (design * folds), area) / folds
    sampled, trained = 2 * (1 - between_arms) * shared, 2 * training_sd**2 / (seeds * folds)
    sure = ndtri(1 - alpha / 2) + ndtri(power)
    defined = sampled[~np.isnan(sampled)]
    apart, together = defined.sum(), np.sqrt(defined).sum() ** 2
    macro = (
        ((1 - between_findings) * apart + between_findings * together) / len(defined) ** 2 if len(defined) else np.nan
    )
    return DetectableEffect(sure * np.sqrt(sampled + trained), float(sure * np.sqrt(macro + trained)), design)
