"""The folder that aggregating runs leaves: names and tables."""

from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.artifacts.summary import read_summary, write_summary
from cxr_xai.files import read_json, whole

SCHEMA_VERSION = 2

OUT_OF_FOLD_COLUMNS = (
    "arm",
    "seed",
    "fold",
    "image_id",
    "patient_id",
    "finding",
    "target",
    "prob",
    "calibrated",
    "pred",
)
"""One row per arm, seed, tested study and finding; ``fold`` is that whose model, which never saw the patient, spoke."""


class AggregateFolder:
    """What ``scripts/aggregate.py`` leaves, ``outputs/<name>/aggregate`` unless another place is given.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.summary = self.path / "aggregate.json"
        self.out_of_fold = self.path / "out_of_fold.parquet"
        self.tables = self.path / "tables"
        self.report = self.path / "report.html"

    def read_summary(self) -> dict[str, Any]:
        """Read the numbers.

        Raises:
            UserError: nothing was aggregated here, or by another version.
        """
        return read_summary(self.summary, SCHEMA_VERSION, "aggregate", "scripts/aggregate.py")

    def read_tables(self) -> list[str]:
        """Return the names of the tables that a former aggregate wrote here, none if there is no telling."""
        try:
            return [str(name) for name in read_json(self.summary)["tables"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write the numbers; this file comes after the predictions and before what is made from it."""
        write_summary(self.summary, SCHEMA_VERSION, summary)

    def write_out_of_fold(self, table: pd.DataFrame) -> None:
        """Write ``OUT_OF_FOLD_COLUMNS``."""
        with whole(self.out_of_fold) as partial:
            table[[name for name in OUT_OF_FOLD_COLUMNS if name in table]].to_parquet(partial, index=False)
