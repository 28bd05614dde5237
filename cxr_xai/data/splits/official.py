"""The published lists; the only split whose AUROC may stand beside the literature's."""

import numpy as np

from cxr_xai.data.index import Index
from cxr_xai.data.splits.patients import stratify_patients
from cxr_xai.data.splits.split import Split, make_split
from cxr_xai.errors import UserError


class OfficialSplit:
    """Test is the published list; val is carved from train_val by patient, since the release has no division.

    Args:
        val_fraction: share of the train_val images that validates.
        seed: which patients those are.
    """

    def __init__(self, val_fraction: float = 0.125, seed: int = 0) -> None:
        if not 0 < val_fraction < 1:
            raise UserError(f"split.val_fraction is {val_fraction}; it must lie between 0 and 1.")
        self.val_fraction, self.seed = val_fraction, seed

    def split(self, index: Index) -> Split:
        """Divide by the lists; images in neither list take no part.

        Raises:
            UserError: the lists are absent or tear a patient apart.
        """
        official = index.studies["official"].fillna("").to_numpy(str)
        if missing := [name for name in ("train_val", "test") if name not in official]:
            if index.films_of or index.about.get("crosswalk"):  # a source without lists beside its tables
                raise UserError(
                    f"split=official: no film of {index.name} here is of the published part {missing[0]}; use "
                    "split=patient, or give datamodule.root (or reader.held_out) that part."
                )
            raise UserError(
                f"split=official needs train_val_list.txt and test_list.txt, and no image is in {missing[0]}_list.txt; "
                "copy the lists into datamodule.root, or use split=patient."
            )
        part = np.where(official == "test", "test", "").astype("<U5")
        rows = np.flatnonzero(official == "train_val")
        carved = stratify_patients(
            index.studies.iloc[rows],
            frozenset(index.boxes["image_id"]),
            [1 - self.val_fraction, self.val_fraction],
            self.seed,
        )
        part[rows] = np.array(["train", "val"])[carved]
        return make_split("official", index.studies, part, {"seed": self.seed, "val_fraction": self.val_fraction})
