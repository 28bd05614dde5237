"""``metrics.csv``: one line per epoch and key, always written."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from cxr_xai.files import whole

HEADER = ("epoch", "key", "value")
TRAINING = ("train/", "val/", "probe/", "selection/")
"""How the names of values begin that belong to an epoch; all others are of the finished run."""


class MetricsCsv(Logger):
    """Appends ``epoch,key,value`` lines.

    Args:
        path: the file.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "csv"

    @property
    def version(self) -> str:
        """One file per run: no version."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the run folder has the whole configuration."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append the metrics of an epoch; Lightning hands the epoch over among them."""
        epoch = int(metrics.get("epoch", step or 0))
        new = not self.path.is_file()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(HEADER)
            writer.writerows((epoch, key, repr(float(value))) for key, value in metrics.items() if key != "epoch")

    @rank_zero_only
    def cut(self, size: int) -> None:
        """Drop what was logged since the file had this many bytes, and a torn last line: it is logged again."""
        if not self.path.is_file():
            return
        kept = self.path.read_bytes()[:size]
        kept = kept[: kept.rfind(b"\n") + 1]
        if kept:
            with whole(self.path) as partial:
                partial.write_bytes(kept)
        else:
            self.path.unlink()


def read_epochs(path: Path) -> dict[int, dict[str, float]]:
    """Return the values of every finished epoch, which is one that has values of train: they are logged last."""
    epochs: dict[int, dict[str, float]] = {}
    if path.is_file():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                if row["key"].startswith(TRAINING):
                    epochs.setdefault(int(row["epoch"]), {})[row["key"]] = float(row["value"])
    return {epoch: row for epoch, row in epochs.items() if any(key.startswith("train/") for key in row)}
