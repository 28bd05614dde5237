"""The run folder: names, schema and tables of everything a run leaves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.errors import UserError
from cxr_xai.files import read_json, whole, write_json

SCHEMA_VERSION = 3

PREDICTION_COLUMNS = ("image_id", "patient_id", "part", "finding", "target", "logit", "prob", "calibrated", "pred")
"""One row per study and finding of val, test and, where the split has it, ``external``. ``target`` may be NaN
(unknown); ``prob`` is the sigmoid of ``logit``, ``calibrated`` what val made of it, ``pred`` that at the threshold from
val."""

LOCALIZATION_COLUMNS = (
    "epoch",
    "half",
    "image_id",
    "patient_id",
    "finding",
    "explainer",
    "grid",
    "boxes",
    "prob",
    "dead",
    "residual",
    "pointing",
    "energy",
    "energy_ratio",
    "iou",
    "iobb",
    "mask_iou",
    "prior_pointing",
    "prior_energy",
    "prior_iou",
    "ceiling_energy",
    "ceiling_iou",
    "prior_iobb",
    "iou_quantile",
    "iou_otsu",
    "iou_cross_fitted",
    "wang_iou",
    "wang_iobb",
    "wang_false",
    "prior_iou_quantile",
    "prior_iou_otsu",
    "prior_iou_cross_fitted",
    "prior_wang_iou",
    "prior_wang_iobb",
    "prior_wang_false",
)
"""One row per epoch, study and boxed finding. ``half`` is ``monitored`` (every epoch) or ``sealed`` (once, at the
end); ``grid`` is that of the maps, ``7x7`` for 7 rows of 7 cells; ``residual`` by how much a map's sum misses
what its method promises, in logits, NaN where it promises none. Scores of dead maps and of findings without a
prior are NaN. ``iou`` is the headline's, at the fixed threshold; those at other thresholds (``iou_cross_fitted``
had boxes of other patients choose it) and by Wang's rule (``wang_false`` boxes per image with an IoU of at most
.1) are of the sealed half alone, NaN for the monitored one."""

RELIANCE_COLUMNS = (
    *("image_id", "patient_id", "shortcut", "finding", "target"),
    *("logit", "logit_without", "prob", "prob_without"),
)
"""Of the phantom alone: one row per test study, planted shortcut and finding, with and without the shortcut;
probabilities are calibrated. Rows of the shortcut ``all`` are without every planted one, and every test study has
them."""

PANEL_COLUMNS = ("kind", "epoch", "image_id", "finding", "target", "prob", "dead", "file")
"""``kind`` is ``epoch``, ``box``, ``TP``, ``FP`` or ``FN``; ``file`` is relative to the explainer's folder."""


class RunFolder:
    """One run's folder, ``outputs/<name>/<cell>``.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.certificate = self.path / "certificate.json"
        self.metrics = self.path / "metrics.csv"
        self.summary = self.path / "summary.json"
        self.split = self.path / "split.csv"
        self.quarantine = self.path / "quarantine.csv"
        self.predictions = self.path / "predictions.parquet"
        self.localization = self.path / "localization.parquet"
        self.reliance = self.path / "reliance.parquet"
        self.report = self.path / "report.html"
        self.ledger = self.path / "ledger.csv"
        self.checkpoints = self.path / "checkpoints"
        self.best = self.checkpoints / "best.ckpt"
        self.last = self.checkpoints / "last.ckpt"
        self.previous = self.checkpoints / "previous.ckpt"
        self.pareto = self.path / "pareto.csv"
        self.calibration = self.checkpoints / "calibration.json"
        self.lease = self.path / "running.lock"
        self.progress = self.path / "progress.json"
        self.failure = self.path / "failure.json"
        self.pruned = self.path / "pruned.json"
        self.output = self.path / "output.log"

    def explanations(self, explainer: str) -> Path:
        """Return the folder of one explainer: ``panels.csv``, pictures, raw maps."""
        return self.path / "explanations" / explainer

    def read_summary(self) -> dict[str, Any]:
        """Read the results of a complete run.

        Raises:
            UserError: the folder is not a complete run, its summary is damaged, or was written by another schema.
        """
        if not self.summary.is_file():
            raise UserError(f"{self.path} is not a complete run (no summary.json); run its training command again.")
        try:
            summary: dict[str, Any] = read_json(self.summary)
        except ValueError as error:
            raise UserError(
                f"{self.summary} is damaged ({error}); delete it, and the run's command writes it anew."
            ) from error
        if summary.get("schema_version") != SCHEMA_VERSION:
            raise UserError(
                f"{self.summary} has schema {summary.get('schema_version')}, this version reads {SCHEMA_VERSION}; "
                "use the version of cxr_xai that wrote it."
            )
        return summary

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write the results; this file is what makes a run complete."""
        write_json(self.summary, {"schema_version": SCHEMA_VERSION, **summary})

    def keep_checkpoints(self, names: Sequence[str]) -> None:
        """Delete the checkpoints that are not among ``names`` (``best``, ``last``)."""
        for path in self.checkpoints.glob("*.ckpt"):
            if path.stem not in names:
                path.unlink()

    def read_metrics(self) -> pd.DataFrame:
        """Return ``epoch, key, value`` rows."""
        return pd.read_csv(self.metrics)

    def write_table(self, path: Path, table: pd.DataFrame, columns: tuple[str, ...]) -> None:
        """Write a parquet table with exactly these columns."""
        with whole(path) as partial:
            table[list(columns)].to_parquet(partial, index=False)

    def append_localization(self, rows: pd.DataFrame, half: str, epoch: int) -> None:
        """Add rows, in place of whatever this half already has from this epoch on (an epoch run again after a cut)."""
        if self.localization.is_file():
            old = pd.read_parquet(self.localization)
            rows = pd.concat([old[(old["half"] != half) | (old["epoch"] < epoch)], rows], ignore_index=True)
        self.write_table(self.localization, rows, LOCALIZATION_COLUMNS)

    def append_panels(self, explainer: str, rows: pd.DataFrame, epoch: int) -> None:
        """Add panel rows, in place of those of the same kinds from this epoch on."""
        path = self.explanations(explainer) / "panels.csv"
        if path.is_file():
            old = pd.read_csv(path)
            rows = pd.concat([old[~old["kind"].isin(rows["kind"]) | (old["epoch"] < epoch)], rows], ignore_index=True)
        with whole(path) as partial:
            rows[list(PANEL_COLUMNS)].to_csv(partial, index=False)
