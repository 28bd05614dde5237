"""How much of a map's positive evidence lies in how little of it."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def gini(maps: npt.NDArray[np.floating]) -> Floats:
    """Return the Gini coefficient of the positive evidence over cells: 0 where it is even, 1 − 1/cells in one cell.

    ``G = Σ (2i − n − 1) x_i / (n Σ x)`` with ``x`` ascending. It does not change when the map is scaled. Source: Hurley
    & Rickard, Comparing measures of sparsity, 2009 (https://arxiv.org/abs/0811.4706).

    Args:
        maps: ``(…, h, w)`` raw, signed; negative evidence counts as none.

    Returns:
        ``(…)``; NaN for a map without positive evidence, or with values that are not finite.

    >>> gini(np.array([[0.0, 0.0], [0.0, 3.0]])), gini(np.ones((2, 2)))
    (array(0.75), array(0.))
    """
    x = _sort(maps)
    count = x.shape[-1]
    weight = 2 * np.arange(1, count + 1) - count - 1
    total = x.sum(axis=-1)
    return _divide((x * weight).sum(axis=-1), count * total)


def half_area(maps: npt.NDArray[np.floating]) -> Floats:
    """Return the smallest share of a map's area that holds half of its positive evidence, between cells linearly.

    It is .5 where the evidence is even, and half a cell where it lies in one.

    Args:
        maps: ``(…, h, w)`` raw, signed.

    Returns:
        ``(…)``; NaN as in `gini`.

    >>> half_area(np.array([[0.0, 0.0], [0.0, 3.0]])), half_area(np.ones((2, 2)))
    (array(0.125), array(0.5))
    """
    x = _sort(maps)[..., ::-1]
    count, total = x.shape[-1], x.sum(axis=-1, keepdims=True)
    share = _divide(np.cumsum(x, axis=-1), total)
    first = (share < 0.5).sum(axis=-1, keepdims=True)  # whole cells that do not hold half yet
    last = np.minimum(first, count - 1)
    held = np.take_along_axis(share, np.maximum(last - 1, 0), -1) * (last > 0)
    own = _divide(np.take_along_axis(x, last, -1), total)
    return np.asarray((last + _divide(0.5 - held, own))[..., 0] / count)


def _sort(maps: npt.NDArray[np.floating]) -> Floats:
    flat = np.asarray(maps, np.float64)
    flat = flat.reshape(*flat.shape[:-2], -1)
    flat = np.where(np.isfinite(flat).all(axis=-1, keepdims=True), flat, 0)
    return np.sort(np.maximum(flat, 0), axis=-1)


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    out = np.full(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)), np.nan)
    quotient: Floats = np.divide(numerator, denominator, out=out, where=denominator > 0)
    return quotient
