"""From the classes of another source to the 14 findings: what is the same becomes a label, nothing else does by itself.

``crosswalk.csv`` has a row for each pair, whose ``relation`` says what *their* class is to our finding: ``same``,
``wider`` (ours is a kind of theirs), ``overlaps``, or ``none`` for a class without a counterpart; no class is
narrower. Every row says why. Infiltration, Consolidation and Pneumonia overlap, and an opacity may be any of them: no
pair of these is the same under two names.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS, INDEX

TABLE = Path(__file__).with_name("crosswalk.csv")
SAME = "same"
WIDER = "wider"
IMPLIED = "implied"
"""The rule that adds what follows by logic: where a wider class is absent, so is every kind of it. A finding without a
class that can call it present stays unknown: absent alone, it would teach and score nothing but never."""

Labels = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """A row: their class, our finding (empty where there is none), how they relate, and the rule that equates them."""

    theirs: str
    ours: str
    relation: str
    rule: str
    why: str


@cache
def read_pairs(source: str) -> tuple[Pair, ...]:
    """Return the rows of one source."""
    with TABLE.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.pop("source") == source]
    return tuple(Pair(**row) for row in rows)


class Crosswalk:
    """Translates the labels of one source.

    Args:
        source: ``vindr``, ``rsna``, ``chexpert`` or ``majkowska``.
        rules: beside ``same``, which always holds: ``implied``, or a name in the column ``rule``, by which pairs that
            merely overlap are taken as the same.

    Raises:
        UserError: there is no such rule for this source.
    """

    def __init__(self, source: str, rules: str | Sequence[str] = SAME) -> None:
        self.source, self.pairs = source, read_pairs(source)
        self.rules = tuple(sorted({SAME, *([rules] if isinstance(rules, str) else rules)}))
        if unknown := [rule for rule in self.rules if rule not in (SAME, *self.choices)]:
            raise UserError(
                f"datamodule.reader.crosswalk={unknown[0]}: no such rule for {source}; choose among "
                f"{', '.join([SAME, *self.choices])}."
            )

    @property
    def choices(self) -> tuple[str, ...]:
        """The rules beside ``same`` that add anything for this source."""
        same = {pair.ours for pair in self.pairs if pair.relation == SAME}
        implied = any(pair.relation == WIDER and pair.ours in same for pair in self.pairs)
        return (*sorted({pair.rule for pair in self.pairs if pair.rule}), *([IMPLIED] if implied else []))

    @property
    def classes(self) -> tuple[str, ...]:
        """Their classes, each once."""
        return tuple(dict.fromkeys(pair.theirs for pair in self.pairs))

    @property
    def equal(self) -> dict[str, str]:
        """Our finding → their class that is the same, or is taken so by a rule."""
        return {p.ours: p.theirs for p in self.pairs if p.relation == SAME or (p.rule and p.rule in self.rules)}

    @property
    def silent(self) -> tuple[str, ...]:
        """The findings that no class can make known under these rules."""
        return tuple(name for name in FINDINGS if name not in self.equal)

    @property
    def unused(self) -> tuple[str, ...]:
        """Their classes that are no label of ours under these rules."""
        return tuple(name for name in self.classes if name not in self.equal.values())

    def places(self, theirs: str) -> tuple[str, ...]:
        """Return the findings that evidence of their class is evidence of.

        >>> Crosswalk("vindr").places("Pleural effusion"), Crosswalk("vindr").places("Nodule/Mass")
        (('Effusion',), ())
        """
        return tuple(ours for ours, name in self.equal.items() if name == theirs)

    def translate(self, labels: pd.DataFrame, said: pd.DataFrame | None = None) -> Labels:
        """Return ``(rows, K)`` labels of ours; what no rule makes known stays NaN.

        Args:
            labels: one column a class of theirs, 0, 1 or NaN (unknown); a class that has no column is unknown.
            said: what the source itself said, where ``labels`` have more: NaN where it said nothing. What follows
                follows from its 0 alone, and for findings of which it said nothing.

        >>> made = Crosswalk("chexpert", "implied").translate(pd.DataFrame({"Lung Opacity": [0.0, 1.0]}))
        >>> made[:, INDEX["Edema"]].tolist(), made[:, INDEX["Nodule"]].tolist()
        ([0.0, nan], [nan, nan])
        """
        said = labels if said is None else said
        made = np.full((len(labels), len(FINDINGS)), np.nan, np.float32)
        for ours, theirs in self.equal.items():
            if theirs in labels:
                made[:, INDEX[ours]] = labels[theirs]
        for pair in self.pairs if IMPLIED in self.rules else ():
            if pair.relation == WIDER and pair.theirs in said and (same := self.equal.get(pair.ours)):
                open_ = said[same].isna().to_numpy() if same in said else True
                column = made[:, INDEX[pair.ours]]
                column[np.isnan(column) & open_ & (said[pair.theirs] == 0).to_numpy()] = 0
        return made
