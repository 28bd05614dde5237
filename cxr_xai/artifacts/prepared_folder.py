"""The folder that preparing a source leaves: names and tables."""

from pathlib import Path
from typing import Any

from cxr_xai.errors import UserError
from cxr_xai.files import read_json

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
            UserError: this is no prepared source.
        """
        if not self.summary.is_file():
            raise UserError(f"{self.path} is no prepared source (no prepared.json); run scripts/prepare.py.")
        summary: dict[str, Any] = read_json(self.summary)
        return summary
