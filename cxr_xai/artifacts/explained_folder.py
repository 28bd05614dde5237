"""What explaining a set of films leaves: names of its files."""

from pathlib import Path
from typing import Any

from cxr_xai.artifacts.summary import read_summary, write_summary

SCHEMA_VERSION = 1

SCORE_COLUMNS = (
    *("image_id", "finding", "logit", "prob", "calibrated", "threshold", "pred"),
    *("explainer", "dead", "peak_x", "peak_y", "half_area", "residual", "boxes", "pointing", "energy", "iou"),
)
"""One row per film, finding and explainer. ``peak_x, peak_y``: where the map is highest, as shares of the film;
``half_area``: the smallest share of the film that holds half of the map's evidence; ``residual``: by how much the map's
sum misses what its method promises, NaN where it promises none; scores are NaN where no box was given or the map is
dead."""


class ExplainedFolder:
    """A folder of explained films.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.record = self.path / "explained.json"
        self.scores = self.path / "scores.csv"
        self.report = self.path / "report.html"

    def read_record(self) -> dict[str, Any]:
        """Read what the maps rest on.

        Raises:
            UserError: nothing was explained here, or by another version.
        """
        return read_summary(self.record, SCHEMA_VERSION, "explained films", "scripts/explain.py")

    def write_record(self, record: dict[str, Any]) -> None:
        """Write what the maps rest on; this file comes after maps and scores."""
        write_summary(self.record, SCHEMA_VERSION, record)

    def maps(self, explainer: str) -> Path:
        """Return the folder of one explainer's raw maps, one ``.npz`` a film."""
        return self.path / "maps" / explainer

    def sheet(self, stem: str) -> Path:
        """Return the picture of one film under all its maps."""
        return self.path / "panels" / f"{stem}.png"
