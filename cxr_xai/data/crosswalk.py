"""From the classes of another source to the 14 findings: what is the same becomes a label, nothing else does by itself.

``crosswalk.csv`` has a row for each pair, whose ``relation`` says what *their* class is to our finding: ``same``,
``narrower`` (theirs is a kind of ours), ``wider`` (ours is a kind of theirs), ``overlaps``, or ``none`` for a class
without a counterpart. Every row says why. Infiltration, Consolidation, Pneumonia and opacities overlap: no pair of them
is the same under two names.
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
IMPLIED = "implied"
"""The rule that adds what follows by logic: a narrower class that is present, a wider one that is absent."""

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
        source: ``vindr``, ``rsna`` or ``chexpert``.
        rules: beside ``same``, which always holds: ``implied``, or a name in the column ``rule``, by which pairs that
            merely overlap are taken as the same.

    Raises:
        UserError: there is no such rule for this source.
    """

    def __init__(self, source: str, rules: str | Sequence[str] = SAME) -> None:
        self.pairs = read_pairs(source)
        self.rules = tuple(sorted({SAME, *([rules] if isinstance(rules, str) else rules)}))
        named = sorted({pair.rule for pair in self.pairs if pair.rule})
        if unknown := [rule for rule in self.rules if rule not in (SAME, IMPLIED, *named)]:
            raise UserError(
                f"datamodule.reader.crosswalk={unknown[0]}: no such rule for {source}; choose among "
                f"{', '.join([SAME, IMPLIED, *named])}."
            )

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
        implied = {p.ours for p in self.pairs if p.relation in ("narrower", "wider") and IMPLIED in self.rules}
        return tuple(name for name in FINDINGS if name not in self.equal and name not in implied)

    @property
    def unused(self) -> tuple[str, ...]:
        """Their classes that are no label of ours under these rules."""
        return tuple(name for name in self.classes if name not in self.equal.values())

    def places(self, theirs: str) -> tuple[str, ...]:
        """Return the findings that evidence of their class is evidence of: the same, and with ``implied`` wider ones.

        >>> Crosswalk("vindr").places("Pleural effusion"), Crosswalk("vindr").places("Nodule/Mass")
        (('Effusion',), ())
        """
        equal = [ours for ours, name in self.equal.items() if name == theirs]
        kinds = [p.ours for p in self.pairs if p.theirs == theirs and p.relation == "narrower"]
        return tuple(dict.fromkeys([*equal, *(kinds if IMPLIED in self.rules else [])]))

    def translate(self, labels: pd.DataFrame) -> tuple[Labels, int]:
        """Return ``(rows, K)`` labels of ours, and how many were left unknown because two implications contradict.

        Args:
            labels: one column a class of theirs, 0, 1 or NaN (unknown); a class that has no column is unknown.

        A label that is stated stands; what is implied fills in where none is. What is left stays NaN.

        >>> made, _ = Crosswalk("chexpert", "implied").translate(pd.DataFrame({"Lung Opacity": [0.0, 1.0]}))
        >>> made[:, INDEX["Edema"]].tolist(), made[:, INDEX["Hernia"]].tolist()
        ([0.0, nan], [nan, nan])
        """
        made = np.full((len(labels), len(FINDINGS)), np.nan, np.float32)
        for ours, theirs in self.equal.items():
            if theirs in labels:
                made[:, INDEX[ours]] = labels[theirs]
        if IMPLIED not in self.rules:
            return made, 0
        follows = {1.0: np.zeros(made.shape, bool), 0.0: np.zeros(made.shape, bool)}
        for pair in self.pairs:
            value = {"narrower": 1.0, "wider": 0.0}.get(pair.relation)
            if value is not None and pair.theirs in labels:
                follows[value][:, INDEX[pair.ours]] |= (labels[pair.theirs] == value).to_numpy()
        both, open_ = follows[1.0] & follows[0.0], np.isnan(made)
        for value, said in follows.items():
            made[open_ & said & ~both] = value
        return made, int((both & open_).sum())
