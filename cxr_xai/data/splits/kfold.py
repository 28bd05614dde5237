"""Folds of patients: one division of the whole source, of which each run tests one."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from cxr_xai.data.index import Index
from cxr_xai.data.splits.patients import stratify_patients
from cxr_xai.data.splits.set_aside import describe, require_share, set_aside
from cxr_xai.data.splits.split import EXTERNAL, Split, hash_division, make_split
from cxr_xai.errors import UserError


class KFoldSplit:
    """Divides patients into k stratified folds; one tests, val is carved from the others by patient.

    The division belongs to ``k``, ``pool`` and ``seed`` alone, so that the k runs together test every study of the pool
    once; ``about["folds_sha256"]`` of their splits proves that they share it. Boxed patients are spread over folds and
    val.

    Args:
        k: number of folds.
        fold: which of them tests, 0 to k - 1.
        pool: ``all`` divides every patient. ``train_val`` divides those of the published train_val list; the published
            test list is then the part ``external``, which every fold's model predicts and none was tuned on, so that
            an ensemble of the folds may be scored there.
        val_fraction: share of the other folds' images that validates.
        seed: which patients go where.
        selection: share of val's boxed patients that is set aside to choose an epoch by.
    """

    def __init__(
        self,
        k: int = 5,
        fold: int = 0,
        pool: Literal["all", "train_val"] = "all",
        val_fraction: float = 0.125,
        seed: int = 0,
        selection: float = 0.0,
    ) -> None:
        if k < 2:
            raise UserError(f"split.k is {k}; cross-validation needs 2 folds or more.")
        if not 0 <= fold < k:
            raise UserError(f"split.fold is {fold}; with split.k={k} the folds are 0 to {k - 1}.")
        if pool not in ("all", "train_val"):
            raise UserError(f"split.pool is {pool!r}; the pools are all and train_val.")
        if not 0 < val_fraction < 1:
            raise UserError(f"split.val_fraction is {val_fraction}; it must lie between 0 and 1.")
        self.k, self.fold, self.pool, self.val_fraction, self.seed = k, fold, pool, val_fraction, seed
        self.selection = require_share(selection)

    def split(self, index: Index) -> Split:
        """Divide every row of the label file; with ``pool=train_val`` images in neither list take no part.

        Raises:
            UserError: there are fewer patients than folds, ``pool=train_val`` and the lists are absent, or a share is
                to be set aside and nobody is.
        """
        studies, boxed = index.studies, frozenset(index.boxes["image_id"])
        official = studies["official"].fillna("").to_numpy(str)
        pooled = self._find_pool(official)
        if (patients := studies["patient_id"][pooled].nunique()) < self.k:
            raise UserError(f"split.k is {self.k}, and there are {patients} patients; a fold needs one at least.")
        rows = np.flatnonzero(pooled)
        folds = stratify_patients(studies.iloc[rows], boxed, [1 / self.k] * self.k, self.seed)
        division = np.where(~pooled & (official == "test"), EXTERNAL, "").astype("<U8")
        division[rows] = folds.astype(str)
        part = np.where(division == EXTERNAL, EXTERNAL, "").astype("<U8")
        part[rows[folds == self.fold]] = "test"
        rest = rows[folds != self.fold]
        shares = [1 - self.val_fraction, self.val_fraction]
        part[rest] = np.array(["train", "val"])[stratify_patients(studies.iloc[rest], boxed, shares, self.seed)]
        part = set_aside(part, index, self.selection)
        about = {"k": self.k, "fold": self.fold, "pool": self.pool, "seed": self.seed, **describe(self.selection)}
        scheme = "kfold" if self.pool == "all" else "kfold of train_val"
        return make_split(scheme, studies, part, {**about, "folds_sha256": hash_division(studies, division)})

    def _find_pool(self, official: npt.NDArray[np.str_]) -> npt.NDArray[np.bool_]:
        if self.pool == "all":
            return np.ones(len(official), bool)
        if missing := [name for name in ("train_val", "test") if name not in official]:
            raise UserError(
                f"split.pool=train_val needs train_val_list.txt and test_list.txt, and no image is in {missing[0]}"
                "_list.txt; copy the lists into datamodule.root, or use split.pool=all."
            )
        pooled: npt.NDArray[np.bool_] = official == "train_val"
        return pooled
