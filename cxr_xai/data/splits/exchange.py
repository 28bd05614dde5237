"""Mends a division by exchanging groups between parts, until the largest deviation is small or nothing gets better.

The greedy rule serves rare columns first and has few groups left to balance what the last columns did. Exchanging is
plain local search on what a division is judged by: prevalences and sizes of the parts.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SIZE = 0.0025
"""Share of all images by which a part may be off, if that is to count as much as a prevalence that is wrong by all of
itself: sizes come first."""

ENOUGH = 0.02
"""Largest deviation that is left alone; a finding of 5 % then has between 4.9 and 5.1 % in every part."""

CANDIDATES = 32
"""Groups of each of two parts that are tried against each other in one step."""

STEPS = 200


def deviations(sums: Floats, wanted: Floats, images: float) -> Floats:
    """Return ``(…, columns)``: relative distances of a part's prevalences, and of its size in units of ``SIZE``.

    Args:
        sums: ``(…, columns)`` over the groups of a part, the last column images.
        wanted: ``(columns,)`` or ``(…, columns)``, the part's share of the totals.
        images: in all parts.
    """
    share = np.maximum(sums[..., -1:] / wanted[..., -1:], 1e-9)
    apart = (sums / share - wanted) / np.maximum(wanted, 1)
    apart[..., -1] = (sums[..., -1] - wanted[..., -1]) / (SIZE * images)
    return apart


def exchange_groups(counts: Floats, part: Ints, fractions: Floats, seed: int) -> Ints:
    """Return part numbers after exchanges; each lowers the sum of fourth powers of the deviations of two parts.

    Args:
        counts: ``(groups, columns)`` non-negative, the last column images.
        part: ``(groups,)`` part numbers to begin with.
        fractions: ``(parts,)`` positive, sum 1.
        seed: decides which groups are tried.

    >>> counts = np.array([[1.0, 1], [1, 1], [0, 1], [0, 1]])
    >>> exchange_groups(counts, np.array([0, 0, 1, 1]), np.array([0.5, 0.5]), seed=0).tolist() in (
    ...     [0, 1, 0, 1], [0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 1, 0])
    True
    """
    order = np.random.default_rng(seed).permutation(len(counts))
    counts, part = counts[np.ix_(order, counts.sum(axis=0) > 0)], part[order]
    having = np.asfortranarray(counts > 0)
    wanted = np.outer(fractions, counts.sum(axis=0))
    sums = np.stack([counts[part == k].sum(axis=0) for k in range(len(fractions))])
    stuck = np.zeros(wanted.size, bool)
    for _ in range(STEPS):
        apart = deviations(sums, wanted, wanted[:, -1].sum())
        size = np.where(stuck, 0, np.abs(apart).ravel())
        if size.max(initial=0) <= ENOUGH:
            break
        cell = int(size.argmax())
        k, column = divmod(cell, wanted.shape[1])
        found = _best_exchange(counts, having[:, column], part, sums, wanted, k, giving=apart[k, column] > 0)
        if found is None:
            stuck[cell] = True
            continue
        source, target, out, back, moved = found
        part[out], part[back] = target, source
        sums[source] -= moved
        sums[target] += moved
        stuck[:] = False
    mended = np.empty_like(part)
    mended[order] = part
    return mended


def _best_exchange(
    counts: Floats, having: npt.NDArray[np.bool_], part: Ints, sums: Floats, wanted: Floats, k: int, giving: bool
) -> tuple[int, int, Ints, Ints, Floats] | None:
    """Return the exchange by which part ``k`` best gives or takes a column, or None if none makes anything better.

    Args:
        counts: of all groups, in the order in which they are tried.
        having: ``(groups,)`` true where a group has some of the column.
        part: ``(groups,)``.
        sums: ``(parts, columns)``.
        wanted: likewise.
        k: the part that has too much of the column, or too little.
        giving: which of the two.

    Returns:
        From, to, groups out, groups back, and the counts that move.
    """
    best: tuple[int, int, Ints, Ints, Floats] | None = None
    gain, none = -1e-9, np.zeros(0, np.int64)
    for other in range(len(wanted)):
        if other == k:
            continue
        source, target = (k, other) if giving else (other, k)
        out = np.flatnonzero(having & (part == source))[:CANDIDATES]
        back = np.flatnonzero(part == target)[:CANDIDATES]
        if not len(out):
            continue
        # The first column of candidates gives nothing back.
        moved = counts[out][:, None] - np.concatenate([np.zeros((1, counts.shape[1])), counts[back]])
        change = (
            _cost(sums[source] - moved, wanted, source)
            - _cost(sums[source], wanted, source)
            + _cost(sums[target] + moved, wanted, target)
            - _cost(sums[target], wanted, target)
        )
        i, j = np.unravel_index(int(np.argmin(change)), change.shape)
        if change[i, j] < gain:
            gain = float(change[i, j])
            best = source, target, out[[i]], back[[j - 1]] if j else none, moved[i, j]
    return best


def _cost(sums: Floats, wanted: Floats, place: int) -> Floats:
    apart = deviations(sums, wanted[place], wanted[:, -1].sum())
    cost: Floats = (apart**4).sum(axis=-1)
    return cost
