"""Real films of the training part that explainers compare with."""

import hashlib

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.errors import UserError
from cxr_xai.types import Background


class Backgrounds:
    """A ``DrawBackground`` over the training part, read when it is first asked.

    Films are chosen by hash of their image id, so that every run with this split has the same ones, in whatever order
    its table lists them, and the first 16 of 1,000 are the 16. They are plain: decoded and scaled, not augmented.
    Val, test and what the split holds out are never among them.

    Args:
        datamodule: the source and its split.
    """

    def __init__(self, datamodule: ChestXrayDataModule) -> None:
        self.datamodule = datamodule
        self._known: dict[int, Background] = {}

    def __call__(self, count: int) -> Background:
        """Return the first ``count`` films, read once for each number; do not write into them.

        Raises:
            UserError: fewer than one was asked for, or more than the training part has films.
        """
        if count < 1:
            raise UserError(f"a background of {count} films was asked for; an explainer compares with 1 or more.")
        if count not in self._known:
            self._known[count] = self._read(count)
        return self._known[count]

    def _read(self, count: int) -> Background:
        dataset = self.datamodule.dataset("train")
        if count > len(dataset.rows):
            raise UserError(
                f"a background of {count:,} films was asked for and the training part has {len(dataset.rows):,}; "
                "set explainer.background_size (integrated_gradients: films) to fewer, or unpack more of the release."
            )
        rows = first_by_hash(self.datamodule.index.studies["image_id"].iloc[dataset.rows].tolist(), count)
        size = max(self.datamodule.batch_size, 1)
        chunks = [
            self.datamodule.plain(dataset.batch(dataset.rows[rows[start : start + size]]), 0).image
            for start in range(0, count, size)
        ]
        image = torch.cat(chunks).contiguous()
        return Background(image, hashlib.sha256(image.numpy().tobytes()).hexdigest())


def first_by_hash(names: list[str], count: int) -> npt.NDArray[np.int64]:
    """Return the positions of the ``count`` names whose SHA-256 comes first, in that order.

    >>> first_by_hash(["b", "a", "c"], 2).tolist()
    [2, 0]
    """
    return np.argsort([hashlib.sha256(name.encode()).hexdigest() for name in names], kind="stable")[:count]
