"""``pareto.csv``: what every epoch reached on val and in the boxes of the selection fold, and which one was chosen."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.files import whole

PARETO_COLUMNS = ("epoch", "auroc", "localization", "score", "on_front", "best_so_far", "chosen")
"""One row per epoch that was validated: macro AUROC on val and localization in the selection fold, both rounded as they
were compared, and what combines them. ``on_front``: no other epoch is as good in both and better in one.
``best_so_far``: the epoch's weights were kept when it ended. ``chosen``: they are those of ``best.ckpt``."""


def find_front(one: npt.ArrayLike, other: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which points no other point dominates: is as large in both coordinates and larger in one.

    Args:
        one: ``(N,)``, larger is better.
        other: likewise; a point with NaN dominates nothing and is on no front.

    >>> find_front([0.8, 0.7, 0.7, 0.8], [0.2, 0.3, 0.1, 0.2]).tolist()
    [True, True, False, True]
    """
    points = np.stack([np.asarray(one, np.float64), np.asarray(other, np.float64)], axis=-1)
    above = points[None] - points[:, None]  # [i, j]: by how much j exceeds i
    dominates = (above >= 0).all(-1) & (above > 0).any(-1)
    return np.asarray(np.isfinite(points).all(-1) & ~dominates.any(-1), np.bool_)


def add_epoch(path: Path, epoch: int, auroc: float, localization: float, score: float, best_so_far: bool) -> None:
    """Add an epoch's row, in place of those that an earlier run had from this epoch on; the file is written whole."""
    row = {"epoch": epoch, "auroc": auroc, "localization": localization, "score": score, "best_so_far": best_so_far}
    old = read_pareto(path)
    kept = old[old["epoch"] < epoch].to_dict("records")
    _write(path, pd.DataFrame([*kept, row]))


def cut_pareto(path: Path, epoch: int) -> None:
    """Drop the rows of this epoch and later ones; front and choice are those of the rows that stay."""
    table = read_pareto(path)
    kept = table[table["epoch"] < epoch]
    if len(kept) == len(table):
        return
    if len(kept):
        _write(path, kept)
    else:
        path.unlink()


def read_pareto(path: Path) -> pd.DataFrame:
    """Return the columns ``PARETO_COLUMNS``; no rows where there is no file."""
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=list(PARETO_COLUMNS))


def _write(path: Path, table: pd.DataFrame) -> None:
    kept = np.flatnonzero(table["best_so_far"].to_numpy(bool))
    chosen = np.arange(len(table)) == (kept[-1] if len(kept) else -1)
    table = table.assign(on_front=find_front(table["auroc"], table["localization"]), chosen=chosen)
    with whole(path) as partial:
        table[list(PARETO_COLUMNS)].to_csv(partial, index=False, float_format="%.10g")  # .4887, not .48869999999999997
