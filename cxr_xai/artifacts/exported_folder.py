"""What exporting a run leaves: names of its files."""

from pathlib import Path
from typing import Any

from cxr_xai.artifacts.summary import read_summary, write_summary

SCHEMA_VERSION = 1


class ExportedFolder:
    """A folder of exported networks, ``<run>/exported``.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def network(self, suffix: str) -> Path:
        """Return the network's file, ``network.onnx`` or ``network.pt2``."""
        return self.path / f"network{suffix}"

    def sidecar(self, suffix: str) -> Path:
        """Return the text beside it: its metadata, its hash and how far it is from the run's own network."""
        return self.path / f"network{suffix}.json"

    def maps(self, suffix: str) -> Path:
        """Return the picture of its maps beside the run's own."""
        return self.path / f"maps{suffix}.png"

    def read_sidecar(self, suffix: str) -> dict[str, Any]:
        """Read what is said of an exported network.

        Raises:
            UserError: nothing was exported here, or by another version.
        """
        return read_summary(self.sidecar(suffix), SCHEMA_VERSION, "exported network", "scripts/export.py")

    def write_sidecar(self, suffix: str, record: dict[str, Any]) -> None:
        """Write what is said of an exported network; this file comes after it."""
        write_summary(self.sidecar(suffix), SCHEMA_VERSION, record)
