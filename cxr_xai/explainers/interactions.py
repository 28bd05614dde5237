"""What two regions do together beyond what each does alone.

Source: Grabisch & Roubens, An axiomatic approach to the concept of interaction among players, 1999
(https://doi.org/10.1007/s001820050125).
"""

from math import factorial

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def shapley_interactions(values: Floats) -> Floats:
    """Return the Shapley interaction index of every pair of players, from the values of all coalitions.

    ``I_ij = Σ_S |S|! (R − |S| − 2)! / (R − 1)! · (v(S∪ij) − v(S∪i) − v(S∪j) + v(S))`` over coalitions without i and j:
    0 for all pairs where contributions add up.

    Args:
        values: ``(2^R, F)``; player ``r`` is in coalition ``c`` where bit ``r`` of ``c`` is set.

    Returns:
        ``(R, R, F)`` symmetric, 0 on the diagonal.

    >>> both = np.array([0.0, 1.0, 2.0, 7.0])[:, None]  # 1 and 2 alone, 4 more together
    >>> shapley_interactions(both)[0, 1].tolist()
    [4.0]
    """
    players = len(values).bit_length() - 1
    coalitions = np.arange(len(values))
    sizes = np.array([int(one).bit_count() for one in coalitions])
    result = np.zeros((players, players, values.shape[1]))
    for i in range(players):
        for j in range(i):
            pair = (1 << i) | (1 << j)
            without = coalitions[(coalitions & pair) == 0]
            weight = np.array([factorial(s) * factorial(players - s - 2) for s in sizes[without]]) / factorial(
                players - 1
            )
            change = values[without | pair] - values[without | 1 << i] - values[without | 1 << j] + values[without]
            result[i, j] = result[j, i] = weight @ change
    return result
