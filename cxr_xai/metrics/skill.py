"""Skill: how far a map has come from a prior that never saw the image to the best its grid allows.

Everything here takes means per finding, not single maps: a ratio of means, never a mean of ratios. Arrays may carry
bootstrap replicates in front, ``(B, F)``, so that numerator and denominator are resampled together.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Skill(NamedTuple):
    """Skill per finding, and the plain difference to print where skill is undefined.

    Attributes:
        skill: ``(…, F)`` 0 at the prior, 1 at the ceiling; NaN where ``ceiling - prior < min_gap``.
        difference: ``(…, F)`` method - prior, defined wherever both are.
    """

    skill: Floats
    difference: Floats


def skill(method: npt.ArrayLike, prior: npt.ArrayLike, ceiling: npt.ArrayLike, min_gap: float = 0.10) -> Skill:
    """Return ``(method - prior) / (ceiling - prior)`` per finding.

    Args:
        method: ``(…, F)`` means over the maps of each finding, dead maps counted 0.
        prior: ``(…, F)`` means of the class box prior over the same maps; NaN where it is undefined.
        ceiling: ``(…, F)`` means of the ceiling over the same maps.
        min_gap: below this room between prior and ceiling the ratio says nothing and is NaN.

    Returns:
        skill and difference, each ``(…, F)``.

    >>> skill([0.4, 0.4], [0.2, 0.2], [0.6, 0.25]).skill.tolist()
    [0.5000000000000001, nan]
    """
    method, prior, ceiling = (np.asarray(means, dtype=np.float64) for means in (method, prior, ceiling))
    difference, gap = method - prior, ceiling - prior
    # a gap of exactly min_gap counts, also after rounding (0.3 - 0.2 < 0.1 in floats)
    wide = gap >= min_gap - 1e-12
    ratio = np.divide(difference, gap, out=np.full(np.broadcast(difference, gap).shape, np.nan), where=wide & (gap > 0))
    return Skill(ratio, difference)


def macro_skill(
    method: npt.ArrayLike,
    prior: npt.ArrayLike,
    ceiling: npt.ArrayLike,
    counts: npt.ArrayLike,
    min_boxes: int = 20,
) -> Floats:
    """Return ``Σ(method - prior) / Σ(ceiling - prior)`` over the findings with enough boxes.

    Args:
        method: ``(…, F)`` means over the maps of each finding, dead maps counted 0.
        prior: ``(…, F)`` means of the class box prior over the same maps; NaN where it is undefined.
        ceiling: ``(…, F)`` means of the ceiling over the same maps.
        counts: ``(F,)`` boxes of each finding in the data (not in a replicate).
        min_boxes: a finding with fewer is left out.

    Returns:
        ``(…)``. A finding with NaN in any of the three is left out of both sums; NaN where none is left or there is
        no room between prior and ceiling.

    >>> round(float(macro_skill([0.4, 0.9], [0.2, 0.1], [0.6, 0.9], counts=[30, 19])), 3)  # the second has 19 boxes
    0.5
    """
    method, prior, ceiling = (np.asarray(means, dtype=np.float64) for means in (method, prior, ceiling))
    difference, gap = np.broadcast_arrays(method - prior, ceiling - prior)
    taken = (np.asarray(counts) >= min_boxes) & ~np.isnan(difference) & ~np.isnan(gap)
    numerator = np.where(taken, difference, 0).sum(axis=-1)
    denominator = np.asarray(np.where(taken, gap, 0).sum(axis=-1))
    ratio: Floats = np.divide(numerator, denominator, out=np.full(denominator.shape, np.nan), where=denominator > 0)
    return ratio
