"""What a leaderboard leaves in a run folder: names and columns of its files."""

from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.artifacts.summary import read_summary, write_summary
from cxr_xai.files import whole

SCHEMA_VERSION = 2

CASE_COLUMNS = ("case", "kind", "row", "image_id", "patient_id", "finding", "shortcut", "change", "prob", "shown")
"""One row per judged map. ``kind``: ``lesion`` (the finding is there and predicted; its mask is the truth), ``for`` and
``against`` (leaving the shortcut out lowers, or raises, the finding's probability by .1 or more: ``change``), or
``box`` (no masks are known). ``shown``: drawn on the page."""

SCORE_COLUMNS = (
    *("case", "dead", "share", "pointing", "energy", "energy_ratio", "mask_iou"),
    *("ceiling_energy", "iou", "prior_iou", "ceiling_iou"),
)
"""One row per case and explainer; ``ceiling_energy``: the most that a map of this grid
can have inside the mask. NaN where a map is dead or a score is not defined for the kind."""


class LeaderboardFolder:
    """``leaderboard/`` of a run folder.

    Args:
        run: the run folder.
    """

    def __init__(self, run: Path) -> None:
        self.path = Path(run) / "leaderboard"
        self.summary = self.path / "summary.json"
        self.table = self.path / "leaderboard.csv"
        self.cases = self.path / "cases.parquet"
        self.reliance = self.path / "reliance.parquet"
        self.report = self.path / "report.html"

    def scores(self, label: str) -> Path:
        """Return the parquet of one explainer."""
        return self.path / "explainers" / f"{label}.parquet"

    def maps(self, label: str) -> Path:
        """Return the raw maps of one explainer for the cases that the page shows."""
        return self.path / "explainers" / f"{label}.npz"

    def record(self, label: str) -> Path:
        """Return what is written last for one explainer, and makes its files valid."""
        return self.path / "explainers" / f"{label}.json"

    def films(self) -> Path:
        """Return films and masks of the cases that the page shows."""
        return self.path / "shown.npz"

    def read_summary(self) -> dict[str, Any]:
        """Read ``summary.json``.

        Raises:
            UserError: there is none, or another version wrote it.
        """
        return read_summary(self.summary, SCHEMA_VERSION, "leaderboard", "scripts/leaderboard.py")

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write ``summary.json``."""
        write_summary(self.summary, SCHEMA_VERSION, summary)


def write_parquet(path: Path, table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Write a table with exactly these columns, whole."""
    with whole(path) as partial:
        table[list(columns)].to_parquet(partial, index=False)
