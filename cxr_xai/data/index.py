"""The study table: one tidy row per image of the label file, whatever source it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.adjudicated import COLUMNS as ADJUDICATED
from cxr_xai.data.masks import Masks
from cxr_xai.findings import FINDINGS, boxed_among

STUDY_COLUMNS = ("image_id", "patient_id", "followup", "age", "sex", "view", "path", "official", *FINDINGS)
BOX_COLUMNS = ("image_id", "patient_id", "finding", "x0", "y0", "x1", "y1")


@dataclass(frozen=True)
class Index:
    """Everything known about a source before an image is opened.

    Attributes:
        name: the source: ``nih``, ``phantom``, ``vindr`` …
        studies: the columns ``STUDY_COLUMNS``, one row per image of the label file, whose names are plain file names.
            ``path`` is None where the image file is absent, ``official`` is ``train_val``, ``test`` or missing, ``age``
            is in years and ``followup`` counts from 0, both NaN where unknown; ``sex`` is ``M``, ``F`` or empty,
            ``view`` ``PA``, ``AP`` or empty; findings are 0, 1 or NaN (unknown).
        boxes: the columns ``BOX_COLUMNS``; corners are fractions of the film's width and height, so they fit any size.
        sources: what was read: file name → SHA-256, the label file first.
        counts: what was found and dropped, in words → number, in the order in which it is printed.
        about: how the source was made, where it was made; whose labels these are, and by which rules, elsewhere.
        box_list: which of ``sources`` has the boxes; None without boxes.
        attributes: what else is known about films: ``image_id`` and a column an attribute, strings, missing unknown.
        adjudicated: what radiologists said of some films, beside what was mined: ``data.adjudicated.COLUMNS``.
        labels: whose the findings are, where a source has more than one kind; empty for its own.
        masks: the pixels that ``boxes`` were drawn around, for sources that mark pixels; None where boxes are all.
        films_of: the source whose films these are, where it is another one (RSNA's are films of ``nih``).
        linked: whether ``patient_id`` are the ids of ``films_of``; if not, nobody knows who is who.
    """

    name: str
    studies: pd.DataFrame
    boxes: pd.DataFrame
    sources: Mapping[str, str]
    counts: Mapping[str, int]
    about: Mapping[str, Any] = field(default_factory=dict)
    box_list: str | None = None
    attributes: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=["image_id"]))
    adjudicated: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=list(ADJUDICATED)))
    labels: str = ""
    masks: Masks | None = None
    films_of: str = ""
    linked: bool = True

    @property
    def origin(self) -> str:
        """The source whose patients these are."""
        return self.films_of or self.name

    @property
    def targets(self) -> npt.NDArray[np.float32]:
        """``(rows, K)`` labels in the order of ``FINDINGS``."""
        return self.studies[list(FINDINGS)].to_numpy(np.float32)

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """``(rows,)`` true where the image file is there."""
        return self.studies["path"].notna().to_numpy()

    def positives(self) -> dict[str, int]:
        """Positive rows per finding, over the whole label file."""
        totals = np.nansum(self.targets, axis=0)
        return {name: int(total) for name, total in zip(FINDINGS, totals, strict=True)}

    def boxes_by_finding(self) -> dict[str, int]:
        """Boxes per boxed finding, of all that the source has boxes for."""
        counts = self.boxes["finding"].value_counts()
        return {name: int(counts.get(name, 0)) for name in boxed_among(counts.index)}


class Reader(Protocol):
    """What a source must offer: read (or make, then read) the folder ``root``."""

    def read(self, root: Path) -> Index:
        """Read the source; a missing folder, file or column is a ``UserError`` that says what to do."""
        ...

    def read_tables(self, root: Path) -> Index:
        """Read labels and boxes alone: no film need be there, every path is None; errors likewise."""
        ...


@runtime_checkable
class HeaderReader(Protocol):
    """A `Reader` that takes from headers of films what its source has no table of."""

    def read_beside(self, root: Path, headers: pd.DataFrame) -> Index:
        """Read tables as ``read_tables`` does, beside headers (``width, height, age, sex, view`` by image id)."""
        ...
