"""A split: disjoint sets of patients, proved and hashed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.index import Index
from cxr_xai.errors import UserError

PARTS = ("train", "val", "test")

EXTERNAL = "external"
"""A fourth part that some schemes hold out: every fold's model predicts it, and nothing is chosen or tuned on it."""

SELECTION = "selection"
"""Boxed patients of val, set aside with all their studies: their boxes may choose an epoch; no number is of them."""

LISTED = {"official": "test", "kfold of train_val": EXTERNAL}
"""The schemes that keep the published test list whole, and the part that it is."""

PREDICTED = ("val", "test", EXTERNAL)
"""What a finished run predicts, in this order, where the split has it."""


@dataclass(frozen=True)
class Split:
    """The part of every row of the label file, rows without an image included.

    Attributes:
        scheme: ``official``, ``patient``, ``kfold``, ``kfold of train_val``, or ``file`` (a list by hand); every number
            carries it.
        part: ``(rows,)`` one of ``train``, ``val``, ``test``, ``selection``, ``external``, or ``""`` for rows in none.
        hash: SHA-256 over (image, part) in image order; equal hashes mean equal splits.
        about: how it was drawn, seed and fold among it; plain types.
    """

    scheme: str
    part: npt.NDArray[np.str_]
    hash: str
    about: Mapping[str, int | float | str] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[str, ...]:
        """Train, val, test, and ``selection`` and ``external`` where there are such."""
        return (*PARTS, *(name for name in (SELECTION, EXTERNAL) if (self.part == name).any()))

    def rows(self, part: str) -> npt.NDArray[np.int64]:
        """Return the rows of one part, in table order."""
        return np.flatnonzero(self.part == part)


class SplitScheme(Protocol):
    """What a member of the ``split`` group must offer."""

    def split(self, index: Index) -> Split:
        """Divide the whole label file, so that a partial copy has the same parts as a full one."""
        ...


def hash_division(studies: pd.DataFrame, names: npt.NDArray[Any]) -> str:
    """Return the SHA-256 over ``image,name`` lines in image order: equal for every edition of the label file.

    >>> hash_division(pd.DataFrame({"image_id": ["b", "a"]}), np.array([1, 2]))[:8]
    '57a14fde'
    """
    order = np.argsort(studies["image_id"].to_numpy(str))
    pairs = zip(studies["image_id"].to_numpy()[order], names[order], strict=True)
    return hashlib.sha256("\n".join(f"{image},{name}" for image, name in pairs).encode()).hexdigest()


def make_split(
    scheme: str,
    studies: pd.DataFrame,
    part: npt.NDArray[np.str_],
    about: Mapping[str, int | float | str] | None = None,
) -> Split:
    """Prove that no patient is in two parts, and hash the result.

    Raises:
        UserError: a patient is in two parts; the message names one.
    """
    placed = studies.loc[part != "", ["patient_id"]].assign(part=part[part != ""])
    parts_per_patient = placed.drop_duplicates().groupby("patient_id").size()
    if (parts_per_patient > 1).any():
        torn = parts_per_patient[parts_per_patient > 1]
        where = sorted(placed.loc[placed["patient_id"] == torn.index[0], "part"].unique())
        raise UserError(
            f"split={scheme} is not patient-disjoint: {len(torn)} patients are in two parts, the first is "
            f"{torn.index[0]} ({' and '.join(where)}); the lists must keep all images of a patient together."
        )
    return Split(scheme, part, hash_division(studies, part), about or {})


def prevalence_by_part(index: Index, split: Split) -> Mapping[str, npt.NDArray[np.float64]]:
    """Share of positives per finding in each part, over the rows with an image; NaN where none is known."""
    targets, present = index.targets, index.present
    shares = {}
    for part in split.parts:
        rows = targets[(split.part == part) & present].astype(np.float64)
        known, unknown = (~np.isnan(rows)).sum(axis=0), np.full(rows.shape[1], np.nan)
        shares[part] = np.divide(np.nansum(rows, axis=0), known, out=unknown, where=known > 0)
    return shares
