"""What there is to check: the folder's files, and the data where they can be reached."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, RunFolder
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.split import PREDICTED
from cxr_xai.errors import UserError
from cxr_xai.experiments.assemble import build_datamodule
from cxr_xai.experiments.command import CONF
from cxr_xai.files import read_json
from cxr_xai.report.results import read_choices

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """A run folder, read, and its data.

    Attributes:
        folder: of a complete run.
        summary: ``summary.json``.
        certificate: ``certificate.json``.
        settings: ``config.yaml``.
        choices: the members that head it.
        predictions: ``predictions.parquet``.
        localization: ``localization.parquet``, without rows where there is none.
        data: the source, None where it cannot be reached.
        why_no_data: the reason then.
    """

    folder: RunFolder
    summary: Settings
    certificate: Settings
    settings: Settings
    choices: Mapping[str, str]
    predictions: pd.DataFrame
    localization: pd.DataFrame
    data: ChestXrayDataModule | None
    why_no_data: str

    @property
    def predicted(self) -> list[str]:
        """The parts that the run predicted: all but ``train`` and ``selection``."""
        return [part for part in PREDICTED if part in self.certificate["split"]["images"]]


def read_evidence(folder: RunFolder, root: str | None, cache: str) -> Evidence:
    """Read a complete run and reach for its data.

    Args:
        folder: of the run.
        root: the folder of the data, None where ``config.yaml`` has it.
        cache: where films are decoded to, if the run's own place is not on this machine.

    Raises:
        UserError: the run is not complete, or a file cannot be read.
    """
    summary = folder.read_summary()
    try:
        settings = yaml.safe_load(folder.config.read_text())
        certificate = read_json(folder.certificate)
        predictions = pd.read_parquet(folder.predictions)
        scores = pd.DataFrame(columns=list(LOCALIZATION_COLUMNS))
        scores = pd.read_parquet(folder.localization) if folder.localization.is_file() else scores
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"a file of {folder.path} cannot be read: {' '.join(str(error).split())}.") from error
    data, reason = reach_data(settings, root, cache)
    return Evidence(
        folder, summary, certificate, settings, read_choices(folder.config), predictions, scores, data, reason
    )


def reach_data(settings: Settings, root: str | None, cache: str) -> tuple[ChestXrayDataModule | None, str]:
    """Build the source of a run as it was configured; return None and the reason where that cannot be done."""
    try:
        place = Path(root or settings["datamodule"]["root"])
        if not place.is_dir():
            return None, f"no data at {place}; root=… names their folder"
        require_known_targets(settings)
        datamodule = {**settings["datamodule"], "root": str(place)}
        if datamodule.get("cache_dir") is not None and not Path(datamodule["cache_dir"]).is_dir():
            datamodule["cache_dir"] = cache
        return build_datamodule({**settings, "datamodule": datamodule}), ""
    except (UserError, KeyError, TypeError) as error:
        return None, f"the data cannot be read as config.yaml says: {error}"


def require_known_targets(settings: Settings) -> None:
    """Refuse to build what no file of ``conf/`` builds: the folder may come from anybody.

    Raises:
        UserError: names the target.
    """
    if strange := sorted(set(_targets(settings)) - _known_targets()):
        raise UserError(f"config.yaml builds {strange[0]}, which no member of conf/ does")


@cache
def _known_targets() -> frozenset[str]:
    return frozenset(target for path in CONF.rglob("*.yaml") for target in _targets(yaml.safe_load(path.read_text())))


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield str(node["_target_"])
        for child in node.values():
            yield from _targets(child)
