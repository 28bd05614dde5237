"""Multi-label stratified division of patients.

Source: Sechidis, Tsoumakas and Vlahavas, On the stratification of multi-label data, ECML PKDD 2011
(https://doi.org/10.1007/978-3-642-23808-6_10), carried over from rows to patients: what is balanced are the label
counts summed over all images of a patient, so a patient with 184 images weighs what they weigh.
"""

import numpy as np
import numpy.typing as npt


def stratify_groups(
    counts: npt.NDArray[np.float64], fractions: npt.NDArray[np.float64], seed: int
) -> npt.NDArray[np.int64]:
    """Assign groups to parts so that every column's total is divided like ``fractions``.

    Rare columns are served first, and within a column the groups with the largest counts, while there is still room to
    balance them. Each group goes to the part that lacks most of the column, relative to its share; ties go to the part
    that lacks most images, relative to its share.

    Args:
        counts: ``(groups, columns)`` non-negative; the last column counts images and must be positive everywhere.
        fractions: ``(parts,)`` positive, sum 1.
        seed: decides the order among equal groups.

    Returns:
        ``(groups,)`` part numbers.

    >>> stratify_groups(np.array([[1.0, 1], [1, 1], [0, 1], [0, 1]]), np.array([0.5, 0.5]), seed=0).tolist()
    [0, 1, 0, 1]
    """
    totals = counts.sum(axis=0)
    lacking = np.outer(fractions, totals)
    part = np.full(len(counts), -1)
    shuffled = np.random.default_rng(seed).permutation(len(counts))
    for column in np.argsort(totals, kind="stable"):
        groups = shuffled[(part[shuffled] < 0) & (counts[shuffled, column] > 0)]
        for group in groups[np.argsort(-counts[groups, column], kind="stable")]:
            wanted = lacking[:, column] / fractions
            tied = np.flatnonzero(wanted >= wanted.max() - 1e-9)
            best = tied[np.argmax(lacking[tied, -1] / fractions[tied])]
            part[group] = best
            lacking[best] -= counts[group]
    return part
