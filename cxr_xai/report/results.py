"""Everything that a page needs, read from one run folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.pareto import PARETO_COLUMNS, read_pareto
from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, PANEL_COLUMNS, PREDICTION_COLUMNS, RunFolder
from cxr_xai.errors import UserError
from cxr_xai.files import read_json


@dataclass(frozen=True)
class Results:
    """The contents of a run folder; tables that the run did not leave are empty.

    Attributes:
        name: of the folder (the cell).
        summary: ``summary.json``.
        certificate: ``certificate.json``.
        choices: chosen member of each group of the configuration.
        metrics: ``epoch, key, value``.
        predictions: columns ``PREDICTION_COLUMNS``.
        scores: columns ``LOCALIZATION_COLUMNS``.
        panels: columns ``PANEL_COLUMNS``, ``explainer``, and ``path`` of the picture.
        ledger: columns ``LEDGER_COLUMNS``.
        statements: ``statements/summary.json``, None where no statements were tested.
        drains: ``drains/summary.json``, None where no audit was made.
        pareto: columns ``PARETO_COLUMNS``, without rows where there is no selection fold.
    """

    name: str
    summary: Mapping[str, Any]
    certificate: Mapping[str, Any]
    choices: Mapping[str, str]
    metrics: pd.DataFrame
    predictions: pd.DataFrame
    scores: pd.DataFrame
    panels: pd.DataFrame
    ledger: pd.DataFrame
    statements: Mapping[str, Any] | None = None
    drains: Mapping[str, Any] | None = None
    pareto: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(PARETO_COLUMNS)))

    @property
    def explainers(self) -> list[str]:
        """Names of the explainers that were scored; the first one gives the headline."""
        return list(self.summary.get("localization", {}))

    @property
    def sealed(self) -> Mapping[str, Any] | None:
        """Localization of the first explainer on the sealed half, or None."""
        halves = self.summary["localization"][self.explainers[0]] if self.explainers else {}
        return halves.get("sealed")


def read_results(folder: RunFolder) -> Results:
    """Read a complete run.

    Raises:
        UserError: the folder is no complete run, or a file it needs is missing or cut off.
    """
    summary = folder.read_summary()
    if not folder.certificate.is_file():
        raise UserError(
            f"{folder.path} has no certificate.json, so nothing says what its numbers rest on; run it again."
        )
    try:
        return Results(
            name=folder.path.resolve().name,
            summary=summary,
            certificate=read_json(folder.certificate),
            choices=read_choices(folder.config),
            metrics=folder.read_metrics()
            if folder.metrics.is_file()
            else pd.DataFrame(columns=["epoch", "key", "value"]),
            predictions=_read_parquet(folder.predictions, PREDICTION_COLUMNS),
            scores=_read_parquet(folder.localization, LOCALIZATION_COLUMNS),
            panels=_read_panels(folder),
            ledger=read_ledger(folder.ledger),
            statements=_read_part(folder, "statements"),
            drains=_read_part(folder, "drains"),
            pareto=read_pareto(folder.pareto),
        )
    except (ValueError, OSError) as error:
        raise UserError(f"a file of {folder.path} cannot be read ({error}); run its training command again.") from error


def _read_part(folder: RunFolder, name: str) -> dict[str, Any] | None:
    path = folder.path / name / "summary.json"
    summary: dict[str, Any] | None = read_json(path) if path.is_file() else None
    return summary


def _read_parquet(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.read_parquet(path) if path.is_file() else pd.DataFrame(columns=list(columns))


def read_choices(path: Path) -> dict[str, str]:
    """Read the comment that heads ``config.yaml``: ``# model=resnet50 loss=bce``."""
    head = path.read_text().partition("\n")[0] if path.is_file() else ""
    pairs = [word.partition("=") for word in head.lstrip("# ").split() if "=" in word] if head.startswith("#") else []
    return {key: value for key, _, value in pairs if value != "None"}


def _read_panels(folder: RunFolder) -> pd.DataFrame:
    tables = []
    for path in sorted((folder.path / "explanations").glob("*/panels.csv")):
        table = pd.read_csv(path, dtype={"image_id": str})
        table["explainer"] = path.parent.name
        table["path"] = [str(path.parent / file) for file in table["file"]]
        tables.append(table)
    return (
        pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*PANEL_COLUMNS, "explainer", "path"])
    )
