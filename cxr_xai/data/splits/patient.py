"""Random patients, stratified: 70/15/15 as in much of the field. Never beside official-split numbers."""

import numpy as np

from cxr_xai.data.index import Index
from cxr_xai.data.splits.patients import stratify_patients
from cxr_xai.data.splits.set_aside import describe, require_share, set_aside
from cxr_xai.data.splits.split import PARTS, Split, make_split
from cxr_xai.errors import UserError


class PatientSplit:
    """Divides all patients, multi-label stratified, boxed patients spread over the three parts.

    Args:
        fractions: share of images for train, val and test.
        seed: which patients go where.
        selection: share of val's boxed patients that is set aside to choose an epoch by.
    """

    def __init__(
        self, fractions: tuple[float, float, float] = (0.70, 0.15, 0.15), seed: int = 0, selection: float = 0.0
    ) -> None:
        if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
            raise UserError(f"split.fractions is {list(fractions)}; it must be three positive shares that sum to 1.")
        self.fractions, self.seed, self.selection = list(fractions), seed, require_share(selection)

    def split(self, index: Index) -> Split:
        """Divide every row of the label file.

        Raises:
            UserError: a share is to be set aside, and nobody is.
        """
        boxed = frozenset(index.boxes["image_id"])
        numbers = stratify_patients(index.studies, boxed, self.fractions, self.seed)
        part = set_aside(np.array(PARTS)[numbers], index, self.selection)
        return make_split("patient", index.studies, part, {"seed": self.seed, **describe(self.selection)})
