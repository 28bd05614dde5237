"""Folds of patients: one division of the whole source, of which each run tests one."""

import numpy as np

from cxr_xai.data.index import Index
from cxr_xai.data.splits.patients import stratify_patients
from cxr_xai.data.splits.split import Split, hash_division, make_split
from cxr_xai.errors import UserError


class KFoldSplit:
    """Divides all patients into k stratified folds; one tests, val is carved from the others by patient.

    The division belongs to ``k`` and ``seed`` alone, so that the k runs together test every study once;
    ``about["folds_sha256"]`` of their splits proves that they share it. Boxed patients are spread over folds and val.

    Args:
        k: number of folds.
        fold: which of them tests, 0 to k - 1.
        val_fraction: share of the other folds' images that validates.
        seed: which patients go where.
    """

    def __init__(self, k: int = 5, fold: int = 0, val_fraction: float = 0.125, seed: int = 0) -> None:
        if k < 2:
            raise UserError(f"split.k is {k}; cross-validation needs 2 folds or more.")
        if not 0 <= fold < k:
            raise UserError(f"split.fold is {fold}; with split.k={k} the folds are 0 to {k - 1}.")
        if not 0 < val_fraction < 1:
            raise UserError(f"split.val_fraction is {val_fraction}; it must lie between 0 and 1.")
        self.k, self.fold, self.val_fraction, self.seed = k, fold, val_fraction, seed

    def split(self, index: Index) -> Split:
        """Divide every row of the label file.

        Raises:
            UserError: there are fewer patients than folds.
        """
        studies, boxed = index.studies, frozenset(index.boxes["image_id"])
        if (patients := studies["patient_id"].nunique()) < self.k:
            raise UserError(f"split.k is {self.k}, and there are {patients} patients; a fold needs one at least.")
        folds = stratify_patients(studies, boxed, [1 / self.k] * self.k, self.seed)
        part = np.where(folds == self.fold, "test", "").astype("<U5")
        rest = np.flatnonzero(folds != self.fold)
        shares = [1 - self.val_fraction, self.val_fraction]
        part[rest] = np.array(["train", "val"])[stratify_patients(studies.iloc[rest], boxed, shares, self.seed)]
        about = {"k": self.k, "fold": self.fold, "seed": self.seed}
        return make_split("kfold", studies, part, {**about, "folds_sha256": hash_division(studies, folds)})
