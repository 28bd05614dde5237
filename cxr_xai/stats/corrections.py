"""Many p values at once: Holm's correction for claims, Benjamini and Hochberg's for what is only looked through."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def holm(p: npt.ArrayLike) -> Floats:
    """Return Holm's adjusted p values (1979, Scand. J. Stat. 6:65), valid under any dependence.

    With the p values ascending, ``max over j ≤ i of (m - j + 1) p_j``, at most 1. The family is every p value handed in
    that is defined: hand in findings × contrasts of one metric without the primary contrast.

    Args:
        p: any shape, in [0, 1]; NaN stays NaN and is no member of the family.

    Returns:
        shaped like ``p``; below ``α`` is significant at a family-wise error of ``α``.

    >>> holm([0.01, 0.04, 0.03, np.nan]).tolist()
    [0.03, 0.06, 0.06, nan]
    """
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.size, np.nan)
    members = np.flatnonzero(~np.isnan(values.reshape(-1)))
    order = members[np.argsort(values.reshape(-1)[members], kind="stable")]
    steps = np.arange(len(order), 0, -1) * values.reshape(-1)[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.reshape(values.shape)


def benjamini_hochberg(p: npt.ArrayLike) -> Floats:
    """Return Benjamini & Hochberg's adjusted p values (1995, J. R. Stat. Soc. B 57:289).

    With the p values ascending, ``min over j ≥ i of m p_j / j``. Of all that fall below ``q`` no more than a share
    ``q`` is false on average, for independent or positively dependent tests: a list to look through, not a claim.

    Args:
        p: any shape, in [0, 1]; NaN stays NaN and is no member of the family.

    >>> benjamini_hochberg([0.01, 0.04, 0.03, np.nan]).tolist()
    [0.03, 0.04, 0.04, nan]
    """
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.size, np.nan)
    members = np.flatnonzero(~np.isnan(values.reshape(-1)))
    order = members[np.argsort(-values.reshape(-1)[members], kind="stable")]
    steps = values.reshape(-1)[order] * len(order) / np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1) if len(order) else steps
    return adjusted.reshape(values.shape)
