"""Which keys runs have logged, by what they hold."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Logged:
    """What some runs have logged.

    Attributes:
        numbers: keys of numbers.
        pictures: keys of pictures.
        tables: keys of tables.
        charts: key → how its chart is drawn, as W&B has it.
    """

    numbers: set[str] = field(default_factory=set)
    pictures: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    charts: dict[str, Any] = field(default_factory=dict)

    def __or__(self, other: "Logged") -> "Logged":
        return Logged(
            self.numbers | other.numbers,
            self.pictures | other.pictures,
            self.tables | other.tables,
            self.charts | other.charts,
        )

    @property
    def keys(self) -> set[str]:
        """All of them."""
        return self.numbers | self.pictures | self.tables | self.charts.keys()
