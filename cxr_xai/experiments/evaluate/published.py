"""The published test list of a copy that holds nothing else."""

import numpy as np

from cxr_xai.data.index import Index
from cxr_xai.data.splits.split import Split, make_split


class PublishedTest:
    """Test is the published list, and there is nothing to train on: for scoring alone."""

    def split(self, index: Index) -> Split:
        """Divide by the list."""
        listed = (index.studies["official"] == "test").to_numpy(bool)
        return make_split("official", index.studies, np.where(listed, "test", "").astype("<U5"))
