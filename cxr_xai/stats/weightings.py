"""Many weightings of the same patients: bootstrap counts, leave-one-out, swaps. All statistics walk them alike."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from cxr_xai.errors import UserError

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Weights = npt.NDArray[np.generic]
Statistic = Callable[[Weights], Floats]
"""``(B, P)`` weights of patients to ``(B, …)`` values."""

_CHUNK = 2**17  # numbers walked at once: half a mebibyte as float32, which a core's cache holds


def batches(weights: Weights, width: int, images: int) -> Iterator[tuple[slice, npt.NDArray[np.floating]]]:
    """Yield ``(rows, (P, b) transposed weights of those rows)``, few enough at once to stay in the cache.

    Args:
        weights: ``(B, P)``.
        width: numbers that the caller holds per weighting.
        images: number of images that a row of ``weights`` weighs: small integers are walked as float32, which halves
            the time, where no sum of ``images`` of them (halves for ties included) can reach 2²³ and round.
    """
    step = max(16, _CHUNK // max(width, weights.shape[1], 1))
    whole = weights.dtype.kind in "biu" and int(weights.max(initial=0)) * images < 2**23
    for start in range(0, len(weights), step):
        rows = slice(start, start + step)
        yield rows, np.ascontiguousarray(weights[rows].T, dtype=np.float32 if whole else np.float64)


def weighted_sums(table: Floats, weights: Weights, codes: Codes | None = None) -> Floats:
    """Return sums of every column under every weighting.

    Args:
        table: ``(R, C)``, no NaN.
        weights: ``(B, P)``.
        codes: ``(R,)`` the column of ``weights`` of each row; by default row ``r`` has column ``r``.

    Returns:
        ``(B, C)``.

    >>> weighted_sums(np.array([[1.0], [2.0], [4.0]]), np.array([[1, 1], [2, 0]]), np.array([0, 0, 1])).ravel().tolist()
    [7.0, 6.0]
    """
    if codes is not None:
        columns = [np.bincount(codes, weights=column, minlength=weights.shape[1]) for column in table.T]
        table = np.stack(columns, axis=1) if columns else np.zeros((weights.shape[1], 0))
    step = max(16, 2**22 // max(weights.shape[1], 1))
    starts = range(0, len(weights), step)
    parts = [weights[start : start + step].astype(np.float64) @ table for start in starts]
    return np.concatenate(parts) if parts else np.zeros((0, table.shape[1]))


def ratio(numerator: npt.NDArray[np.floating], denominator: npt.NDArray[np.floating]) -> Floats:
    """Return the quotient, NaN where the denominator is not positive."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    quotient: Floats = np.divide(numerator, denominator, out=np.full(shape, np.nan), where=denominator > 0)
    return quotient


def mean_defined(values: Floats) -> Floats:
    """Return the mean over the last axis, NaN left out; the mean of none is NaN.

    >>> mean_defined(np.array([[1.0, np.nan], [np.nan, np.nan]])).tolist()
    [1.0, nan]
    """
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0).sum(axis=-1), np.asarray(defined.sum(axis=-1)))


def known_scores(target: npt.ArrayLike, score: npt.ArrayLike) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Return target and score as arrays, and where the target is known.

    Raises:
        UserError: a known target has a score that is not finite.
    """
    y, s = np.asarray(target, dtype=np.float64), np.asarray(score, dtype=np.float64)
    known = ~np.isnan(y)
    bad = int((~np.isfinite(s[known])).sum())
    if bad:
        raise UserError(f"found {bad} scores that are not finite; check predictions")
    return y, s, known
