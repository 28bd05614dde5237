"""What testing explainers on a run's network leaves: names, tables that are kept, and the summary."""

from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.artifacts.summary import read_summary, write_summary
from cxr_xai.files import read_json, whole, write_json

SCHEMA_VERSION = 1

KEYS = ("condition", "image_id", "patient_id", "finding")
"""What heads every table of a test. ``condition`` is the imputer, the stage, the change; further columns are measures,
``measure@control`` is the same of a control on the same film, and ``dead`` says that the map names nothing."""


class SanityFolder:
    """What ``scripts/sanity.py`` leaves, ``<run>/sanity`` unless another place is given.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.summary = self.path / "summary.json"
        self.lines = self.path / "summary.csv"
        self.report = self.path / "report.html"

    def table(self, label: str, test: str) -> Path:
        """Return the place of one test of one explainer."""
        return self.path / label / f"{test}.csv"

    def keep(self, label: str, test: str, table: pd.DataFrame, key: str) -> None:
        """Write a table, then the hash of what it depends on: without the second it does not count."""
        path = self.table(label, test)
        path.with_suffix(".json").unlink(missing_ok=True)
        with whole(path) as partial:
            table.to_csv(partial, index=False, float_format="%.9g")
        write_json(path.with_suffix(".json"), {"key": key, "rows": len(table)})

    def kept(self, label: str, test: str, key: str) -> pd.DataFrame | None:
        """Return a table that depends on just this, or None."""
        path = self.table(label, test)
        try:
            if read_json(path.with_suffix(".json"))["key"] != key:
                return None
            table = pd.read_csv(path, dtype={"condition": str, "image_id": str, "patient_id": str, "finding": str})
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return table.fillna({"condition": ""})

    def read_summary(self) -> dict[str, Any]:
        """Read the numbers.

        Raises:
            UserError: nothing was tested here, or by another version.
        """
        return read_summary(self.summary, SCHEMA_VERSION, "tests of explainers", "scripts/sanity.py")

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write the numbers."""
        write_summary(self.summary, SCHEMA_VERSION, summary)
