"""How alike two maps are, and how alike the maps of different findings of one image are."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import rankdata
from torch import Tensor

from cxr_xai.metrics.faithfulness.orders import find_dead

FLAT = 1e-6
"""Relative spread below which a map is the same everywhere."""

TOP = 0.1
"""Share of the cells that count as a map's top region."""


def spearman(one: Tensor, other: Tensor) -> Tensor:
    """Return the rank correlation of paired maps, ties at their mean rank.

    Args:
        one: ``(M, …)``; take absolute values before where signs shall not count (Adebayo et al. report both).
        other: likewise.

    Returns:
        ``(M,)`` float64 in [-1, 1]; NaN where a map is not finite or the same everywhere (1e-6, relative).

    >>> spearman(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 4.0, 9.0]])).tolist()
    [1.0]
    """
    sides = [side.detach().cpu().double().flatten(1).numpy() for side in (one, other)]
    defined = np.logical_and(*(_varies(side) for side in sides))
    ranks = [rankdata(np.nan_to_num(side), axis=1) for side in sides]
    a, b = (side - side.mean(axis=1, keepdims=True) for side in ranks)
    spread = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    products = (a * b).sum(axis=1)
    return torch.from_numpy(np.where(defined, products / np.where(spread > 0, spread, 1), np.nan))


def _varies(side: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    reach = np.abs(side).max(axis=1)
    with np.errstate(invalid="ignore"):  # not finite: no order
        return np.asarray(np.isfinite(side).all(axis=1) & (np.ptp(side, axis=1) > FLAT * reach))


def top_region(maps: Tensor, share: float = TOP) -> Tensor:
    """Return ``(M, …)`` bool, the cells at or above the value that ``share`` of the cells reach (one cell at least).

    Ties at that value all belong to it, so that no corner is preferred.
    """
    flat = maps.flatten(1)
    count = max(1, round(share * flat.shape[1]))
    bound = flat.nan_to_num(nan=-torch.inf).topk(count, dim=1).values[:, -1:]
    return (flat >= bound).view(maps.shape)


def top_overlap(one: Tensor, other: Tensor, share: float = TOP) -> Tensor:
    """Return the IoU of the two maps' top regions.

    By chance it is about ``share / (2 - share)``, .053 for a tenth.

    Args:
        one: ``(M, h, w)`` signed: the most positive evidence counts.
        other: likewise.
        share: of the cells.

    Returns:
        ``(M,)`` in [0, 1]; NaN where a map is dead.

    >>> a = torch.tensor([[[0.0, 1.0, 2.0, 3.0]]])
    >>> top_overlap(a, a.flip(2), share=0.75).tolist()
    [0.5]
    """
    a, b = (top_region(side, share).flatten(1) for side in (one, other))
    score = (a & b).sum(1) / (a | b).sum(1)
    return score.where(~find_dead(one) & ~find_dead(other), torch.nan)


def compare_maps(before: Tensor, after: Tensor) -> dict[str, Tensor]:
    """Return ``spearman_abs``, ``spearman`` and ``top_overlap`` of paired maps, and ``dead`` of the later one.

    Args:
        before: ``(M, h, w)`` signed.
        after: likewise, on the same grid.

    Returns:
        ``(M,)`` each. The two correlations are defined for maps without positive evidence too, as long as they vary.
    """
    return {
        "spearman_abs": spearman(before.abs(), after.abs()),
        "spearman": spearman(before, after),
        "top_overlap": top_overlap(before, after).double(),
        "dead": find_dead(after).double(),
    }


def findings_alike(maps: Tensor) -> dict[str, Tensor]:
    """Compare the maps of all pairs of findings within each image.

    Args:
        maps: ``(N, F, h, w)`` signed.

    Returns:
        ``spearman`` and ``top_overlap``, ``(N, F (F - 1) / 2)`` in the order of `pairs_of`.
    """
    first, second = pairs_of(maps.shape[1])
    return _both(maps[:, first], maps[:, second])


def findings_alike_elsewhere(maps: Tensor, partner: Sequence[int]) -> dict[str, Tensor]:
    """Compare finding ``f`` of an image with finding ``g`` of another one: the baseline of `findings_alike`.

    Maps of one image that are no more alike than maps of two films owe their likeness to the findings and the chest;
    what is above it comes from the film itself.

    Args:
        maps: ``(N, F, h, w)`` signed.
        partner: ``N`` numbers of the other image, best that of another patient: `other_patients`.

    Returns:
        as `findings_alike`.
    """
    first, second = pairs_of(maps.shape[1])
    return _both(maps[:, first], maps[list(partner)][:, second])


def _both(one: Tensor, other: Tensor) -> dict[str, Tensor]:
    shape, grid = one.shape[:2], one.shape[2:]
    a, b = one.reshape(-1, *grid), other.reshape(-1, *grid)
    return {"spearman": spearman(a, b).view(shape), "top_overlap": top_overlap(a, b).double().view(shape)}


def pairs_of(findings: int) -> tuple[list[int], list[int]]:
    """Return the two columns of every pair.

    >>> pairs_of(3)
    ([0, 0, 1], [1, 2, 2])
    """
    pairs = [(f, g) for f in range(findings) for g in range(f + 1, findings)]
    return [f for f, _ in pairs], [g for _, g in pairs]


def other_patients(patients: Sequence[str]) -> list[int]:
    """Return for each image the next image of another patient, around the end; itself where there is none.

    >>> other_patients(["a", "a", "b"])
    [2, 2, 0]
    """
    count, partners = len(patients), []
    for here in range(count):
        places = ((here + step) % count for step in range(1, count))
        partners.append(next((place for place in places if patients[place] != patients[here]), here))
    return partners
