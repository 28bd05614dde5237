"""The folder that preparing a source leaves: names and tables."""

from pathlib import Path
from typing import Any

from cxr_xai.artifacts.summary import read_summary, write_summary

SCHEMA_VERSION = 1


class PreparedFolder:
    """One prepared source, ``outputs/prepare/<datamodule>-<split>-<hash8>``.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.summary = self.path / "prepared.json"
        self.films = self.path / "films.csv"
        self.quarantine = self.path / "quarantine.csv"
        self.missing = self.path / "missing.csv"
        self.duplicates = self.path / "duplicates.csv"
        self.split = self.path / "split.csv"
        self.pictures = self.path / "pictures"
        self.report = self.path / "report.html"

    def picture(self, image_id: str) -> Path:
        """Return where the small picture of a film lies, if one was written."""
        return self.pictures / f"{Path(image_id).stem}.png"

    def read_summary(self) -> dict[str, Any]:
        """Read the counts.

        Raises:
            UserError: this is no prepared source, or that of another version.
        """
        return read_summary(self.summary, SCHEMA_VERSION, "prepared source", "scripts/prepare.py")

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write the counts; this file comes last."""
        write_summary(self.summary, SCHEMA_VERSION, summary)
