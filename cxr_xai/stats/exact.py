"""Exact bounds at 0 and 1, where every replicate agrees and a bootstrap would claim to know for certain.

For a score in [0, 1] with mean ``μ``, ``P(score = 1) ≤ μ``. If ``n`` independent units all scored 1, ``μ`` is thus not
rejected at ``α/2`` while ``μⁿ ≥ α/2``: the lower bound is ``(α/2)^(1/n)``, the end of the Clopper–Pearson interval
(Hanley & Lippman-Hand 1983, JAMA 249:1743, "If nothing goes wrong, is everything all right?"). Korn & Graubard (1998,
Survey Methodology 24:193) put the effective sample size ``n / design effect`` there for clustered data. At the ends the
design effect cannot be estimated (no variance), so it takes its largest value, images of a patient being copies of one
another: ``n`` counts patients. The bound is conservative, never too short.

An AUROC of 1 says that all pairs of a positive and a negative are in order. Pairs share patients; the independent ones
among them are pairs of disjoint patients, ``n`` of them (`stats.clusters.pair_units`), so that ``P(AUROC = 1) ≤ θⁿ``.
How the usual intervals fail for areas near 1 in small samples: Obuchowski & Lieber 1998, Acad. Radiol. 5:561.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def exact_ends(value: npt.ArrayLike, units: npt.ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the two-sided Clopper–Pearson ends for values of exactly 0 or 1.

    Args:
        value: ``(…)`` 0 or 1; elsewhere the ends are NaN.
        units: ``(…)`` independent units, ``n``; NaN ends where there is none.
        level: coverage held at least, in (0, 1).

    Returns:
        low ``(α/2)^(1/n)`` and 1 at a value of 1; 0 and ``1 - (α/2)^(1/n)`` at a value of 0.

    >>> [round(float(end), 4) for end in exact_ends(0.0, 10)]
    [0.0, 0.3085]
    """
    value, n = np.broadcast_arrays(np.asarray(value, dtype=np.float64), np.asarray(units, dtype=np.float64))
    reach = ((1 - level) / 2) ** np.divide(1, n, out=np.full(n.shape, np.nan), where=n > 0)
    known = n > 0
    low = np.where(value == 1, reach, np.where((value == 0) & known, 0.0, np.nan))
    high = np.where(value == 0, 1 - reach, np.where((value == 1) & known, 1.0, np.nan))
    return low, high
