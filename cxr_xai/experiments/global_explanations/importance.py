"""From values per film to importance per finding and region, alone and of two runs side by side."""

from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_xai.data.anatomy.regions import REGIONS
from cxr_xai.experiments.estimates import count_patients, estimates
from cxr_xai.findings import FINDINGS
from cxr_xai.stats.bootstrap import bootstrap_means
from cxr_xai.stats.corrections import holm
from cxr_xai.stats.paired import bootstrap_p

Floats = npt.NDArray[np.float64]
MEAN = "mean"
"""Name of the mean over findings beside them."""
SIDES = ("first", "second", "difference")


def summarize_importance(phi: Floats, patients: npt.NDArray[np.str_], replicates: int) -> dict[str, Any]:
    """Return ``{finding or mean: {region: {size, direction}}}``.

    ``size`` is the mean of ``|φ|`` over films, in units of the logit: how much a region moves the network, either way.
    ``direction`` is the mean of ``φ``: which way.

    Args:
        phi: ``(N, R, K)``.
        patients: ``(N,)`` identifiers; whole patients are drawn with replacement.
        replicates: of the bootstrap.
    """
    table = _with_mean(np.stack([np.abs(phi), phi], axis=-1))  # (N, R, K + 1, 2)
    value, drawn = _means(table, patients, replicates)
    ends = estimates(value, drawn, count_patients(patients))
    return {
        finding: {region: {"size": ends[r][k][0], "direction": ends[r][k][1]} for r, region in enumerate(REGIONS)}
        for k, finding in enumerate((*FINDINGS, MEAN))
    }


def compare_importance(
    first: Floats, second: Floats, patients: npt.NDArray[np.str_], replicates: int
) -> dict[str, Any]:
    """Return paired differences of importance, first − second, on the same films.

    ``{finding or mean: {region: {first, second, difference}}}``, of sizes; ``mean`` has the ``share`` of all sizes,
    too, as ``{first, second, difference, p, p_holm}``: it asks where a network looks, whatever the scale of its logits.
    Holm's correction is over the regions' shares, the family that is decided on; single findings are for looking.
    """
    sizes = _with_mean(np.stack([np.abs(first), np.abs(second)], axis=-1))
    table = np.concatenate([sizes, sizes[..., :1] - sizes[..., 1:]], axis=-1)
    value, drawn = _means(table, patients, replicates)
    behind = count_patients(patients)
    ends = estimates(value, drawn, behind)
    share, shares = _share(value[:, -1, :2]), _share(drawn[:, :, -1, :2])
    told, p = estimates(share, shares, behind), bootstrap_p(shares[:, :, 2])
    corrected = holm(p)
    result: dict[str, Any] = {}
    for k, finding in enumerate((*FINDINGS, MEAN)):
        result[finding] = {}
        for r, region in enumerate(REGIONS):
            result[finding][region] = dict(zip(SIDES, ends[r][k], strict=True))
    for r, region in enumerate(REGIONS):
        tested = {"p": float(p[r]), "p_holm": float(corrected[r])}
        result[MEAN][region]["share"] = dict(zip(SIDES, told[r], strict=True)) | tested
    return result


def summarize_interactions(pairs: Floats) -> list[dict[str, Any]]:
    """Return pairs of regions by their mean ``|interaction|`` over films and findings, largest first.

    Args:
        pairs: ``(N, R, R, K)``; films with NaN (sampled coalitions) are left out.
    """
    known = np.isfinite(pairs).all(axis=(1, 2, 3)) if len(pairs) else np.zeros(0, bool)
    if not known.any():
        return []
    size, direction = np.abs(pairs[known]).mean(axis=(0, 3)), pairs[known].mean(axis=(0, 3))
    rows, columns = np.tril_indices(len(REGIONS), -1)
    order = np.argsort(-size[rows, columns], kind="stable")
    return [
        {
            "first": REGIONS[columns[n]],
            "second": REGIONS[rows[n]],
            "size": float(size[rows[n], columns[n]]),
            "direction": float(direction[rows[n], columns[n]]),
        }
        for n in order
    ]


def _share(sizes: Floats) -> Floats:
    """``(…, R, 2)`` sizes of two networks → ``(…, R, 3)`` shares of all regions' sizes, and their difference."""
    total = sizes.sum(axis=-2, keepdims=True)
    shares = np.divide(sizes, total, out=np.full(sizes.shape, np.nan), where=total > 0)
    return np.concatenate([shares, shares[..., :1] - shares[..., 1:]], axis=-1)


def _with_mean(table: Floats) -> Floats:
    return np.concatenate([table, table.mean(axis=2, keepdims=True)], axis=2)


def _means(table: Floats, patients: npt.NDArray[np.str_], replicates: int) -> tuple[Floats, Floats]:
    flat = table.reshape(len(table), -1)
    means = bootstrap_means(flat, np.zeros(len(flat), np.int64), patients, replicates)
    return means.value[0].reshape(table.shape[1:]), means.replicates[:, 0].reshape(replicates, *table.shape[1:])
