"""``metrics.csv``: one line per epoch and key, always written."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from cxr_xai.files import whole

HEADER = ("epoch", "key", "value")
TRAINING = ("train/", "val/", "probe/")
"""Stages of training; lines of all others (``test/``, ``sealed/``) are written when it is over."""


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
    def cut(self, epoch: int) -> None:
        """Drop lines that are written again: of this epoch, of later ones, and of what follows training."""
        if not self.path.is_file():
            return
        with self.path.open(newline="") as file:
            lines = [line for line in csv.reader(file) if len(line) == 3 and line[1].startswith(TRAINING)]
        with whole(self.path) as partial, partial.open("w", newline="") as file:
            csv.writer(file).writerows([HEADER, *(line for line in lines if int(line[0]) < epoch)])
