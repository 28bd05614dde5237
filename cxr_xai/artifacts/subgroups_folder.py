"""What comparing subgroups leaves: names, tables and the summary."""

from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.artifacts.summary import read_summary, write_summary
from cxr_xai.files import write_csv

SCHEMA_VERSION = 1

TABLES = {
    "sizes": ("attribute", "group", "studies", "patients", "shared_patients", "boxes"),
    "prevalence": ("attribute", "group", "finding", "positives", "known", "prevalence"),
    "groups": (
        *("attribute", "group", "metric", "finding", "value", "low", "high", "undefined", "cases", "enough", "over"),
    ),
    "gaps": (
        *("attribute", "group", "against", "metric", "finding", "first", "second", "gap", "low", "high", "undefined"),
        *("p", "enough", "over", "prevalence", "prevalence_against"),
    ),
    "largest": (
        *("attribute", "metric", "finding", "lowest", "highest", "low_value", "high_value", "gap", "groups"),
        *("left_out", "over", "p", "p_adjusted", "adjusted_by"),
    ),
}
"""The tables, ``<name>.csv``. ``enough`` is false where a group has fewer than 20 cases or 10 patients of what a metric
needs: such numbers are given and take part in nothing. ``p`` of a gap is corrected over the groups of its attribute,
that of a largest gap over which groups it is between; ``p_adjusted`` over the family that ``adjusted_by`` names."""


class SubgroupsFolder:
    """What ``scripts/subgroups.py`` leaves, ``<folder>/subgroups`` unless another place is given.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.summary = self.path / "summary.json"
        self.report = self.path / "report.html"

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write one of ``TABLES`` with exactly its columns."""
        write_csv(self.path / f"{name}.csv", table[list(TABLES[name])])

    def read_table(self, name: str) -> pd.DataFrame:
        """Read one of ``TABLES``."""
        texts = dict.fromkeys(("attribute", "group", "against", "lowest", "highest", "left_out"), str)
        return pd.read_csv(
            self.path / f"{name}.csv", dtype={key: of for key, of in texts.items() if key in TABLES[name]}
        )

    def read_summary(self) -> dict[str, Any]:
        """Read the numbers.

        Raises:
            UserError: nothing was compared here, or by another version.
        """
        return read_summary(self.summary, SCHEMA_VERSION, "comparison of subgroups", "scripts/subgroups.py")

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write the numbers."""
        write_summary(self.summary, SCHEMA_VERSION, summary)
