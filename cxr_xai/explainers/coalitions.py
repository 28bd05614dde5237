"""Shapley values of a few players: which coalitions to ask, and what their answers say.

Source: Lundberg & Lee, A unified approach to interpreting model predictions, NeurIPS 2017
(https://arxiv.org/abs/1705.07874); pairs of complements after Covert & Lee, Improving KernelSHAP, AISTATS 2021
(https://arxiv.org/abs/2012.01536).
"""

from itertools import chain, combinations
from math import comb

import numpy as np
import numpy.typing as npt

Coalitions = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def draw_coalitions(players: int, budget: int, seed: int = 0) -> tuple[Coalitions, Floats]:
    """Return ``(M, S)`` coalitions between none and all, and their weights, which sum to 1.

    Where the budget allows, all ``2^S − 2``, under Shapley's kernel: the values are then exact. Otherwise sizes are
    taken whole from the outside (1 and S − 1, then 2 and S − 2, …) as long as they would be drawn at least that often,
    and the rest is drawn by the kernel, each coalition with its complement.

    Args:
        players: ``S ≥ 2``.
        budget: at most so many coalitions.
        seed: of the draws.

    >>> coalitions, weights = draw_coalitions(3, budget=6)
    >>> coalitions.sum(axis=1).tolist(), weights.round(3).tolist()
    ([1, 1, 1, 2, 2, 2], [0.167, 0.167, 0.167, 0.167, 0.167, 0.167])
    """
    sizes = np.arange(1, players)
    kernel = 1 / (sizes * (players - sizes))
    share: dict[int, float] = dict(zip(sizes.tolist(), (kernel / kernel.sum()).tolist(), strict=True))
    rows: list[Coalitions] = []
    weights: list[Floats] = []
    left, open_share = budget, 1.0
    for size in range(1, players // 2 + 1):
        pair = sorted({size, players - size})
        count = len(pair) * comb(players, size)
        mass = sum(share[one] for one in pair)
        whole = players < 62 and 2**players - 2 <= budget
        if not whole and (count > left or left * mass / open_share < count):
            break
        members = chain.from_iterable(combinations(range(players), one) for one in pair)
        rows.append(_rows(members, players, count))
        weights.append(np.full(count, mass / count))
        left, open_share = left - count, open_share - mass
        for one in pair:
            del share[one]
    if share and left > 1:
        drawn, often = _draw(players, share, left, seed)
        rows.append(drawn)
        weights.append(open_share * often / often.sum())
    kept = np.concatenate(weights)
    return np.concatenate(rows), kept / kept.sum()


def _rows(members: "chain[tuple[int, ...]]", players: int, count: int) -> Coalitions:
    rows = np.zeros((count, players), bool)
    for row, member in zip(rows, members, strict=True):
        row[list(member)] = True
    return rows


def _draw(players: int, share: dict[int, float], count: int, seed: int) -> tuple[Coalitions, Floats]:
    """Draw pairs of coalition and complement until ``count`` are distinct, or it takes too long; count repetitions."""
    random = np.random.default_rng(seed)
    sizes, chances = np.array(list(share)), np.array(list(share.values()))
    seen: dict[bytes, float] = {}
    for _ in range(4 * count):
        if len(seen) + 2 > count:
            break
        row = np.zeros(players, bool)
        row[random.choice(players, random.choice(sizes, p=chances / chances.sum()), replace=False)] = True
        for one in (row, ~row):
            seen[one.tobytes()] = seen.get(one.tobytes(), 0) + 1
    rows = np.frombuffer(b"".join(seen), bool).reshape(-1, players)
    return rows, np.array(list(seen.values()), np.float64)


def solve_shapley(
    coalitions: Coalitions, weights: Floats, values: Floats, nothing: Floats, everything: Floats
) -> Floats:
    """Return the ``(S, F)`` Shapley values: weighted least squares under ``Σ φ = v(all) − v(none)``, never broken.

    Args:
        coalitions: ``(M, S)``; S of 1 needs none.
        weights: ``(M,)``.
        values: ``(M, F)`` of the coalitions, all games at once.
        nothing: ``(F,)`` of the empty coalition.
        everything: ``(F,)`` of the full one.

    >>> v = np.array([[1.0], [2.0], [4.0]])  # alone: 1, 2, 4; they add up
    >>> rows, w = draw_coalitions(3, 6)
    >>> solve_shapley(rows, w, rows @ v, np.zeros(1), np.array([7.0])).round(6).tolist()
    [[1.0], [2.0], [4.0]]
    """
    total = everything - nothing
    players = coalitions.shape[1]
    if players == 1:
        return total[None]
    rows = coalitions.astype(np.float64)
    # The last player has what the others leave, so that the constraint is no approximation.
    design = (rows[:, :-1] - rows[:, -1:]) * np.sqrt(weights)[:, None]
    answer = (values - nothing - rows[:, -1:] * total) * np.sqrt(weights)[:, None]
    first = np.linalg.lstsq(design, answer, rcond=None)[0]
    return np.concatenate([first, (total - first.sum(axis=0))[None]])
