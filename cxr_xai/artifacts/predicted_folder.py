"""What predicting a folder of films leaves: names and columns of its files."""

from pathlib import Path
from typing import Any

from cxr_xai.artifacts.summary import read_summary, write_summary
from cxr_xai.findings import FINDINGS

SCHEMA_VERSION = 1

PREDICTED_COLUMNS = (
    *("file", "finding", "logit", "prob", "calibrated", "threshold", "pred"),
    *("dead", "peak_x", "peak_y", "half_area"),
)
"""One row per film and finding. ``file``: its path below the folder; ``prob``: the sigmoid of ``logit``; ``pred``:
whether ``calibrated`` reaches ``threshold``; ``peak_x, peak_y``: where the map is highest, as shares of the film;
``half_area``: the smallest share of the film that holds half of the map's evidence; NaN for dead maps."""

FILM_COLUMNS = (
    *("file", "problem", "notes", "copy_of", "width", "height", "mode", "sha256", "predicted"),
    *FINDINGS,
)
"""One row per file that was taken for a film. ``problem``: why it was left out, or empty; ``notes``: what is odd about
it; ``copy_of``: the first film with the same pixels; ``predicted``: findings that reach their thresholds; then the
calibrated probabilities."""


class PredictedFolder:
    """A folder of predictions.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.record = self.path / "predicted.json"
        self.parquet = self.path / "predictions.parquet"
        self.csv = self.path / "predictions.csv"
        self.films = self.path / "films.csv"
        self.report = self.path / "report.html"
        self.parts = self.path / "parts"

    def read_record(self) -> dict[str, Any]:
        """Read what the predictions rest on.

        Raises:
            UserError: nothing was predicted here, or by another version.
        """
        return read_summary(self.record, SCHEMA_VERSION, "predictions", "scripts/predict.py")

    def write_record(self, record: dict[str, Any]) -> None:
        """Write what the predictions rest on; its presence means that they are complete."""
        write_summary(self.record, SCHEMA_VERSION, record)

    def panel(self, file: str) -> Path:
        """Return the picture of one film, in folders as the films lie in."""
        return self.path / "panels" / f"{file}.png"
