"""What stands over several runs goes where people look, if ``logger`` names such a place."""

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.experiments.terminal import console
from cxr_xai.loggers.overview import Overview

Settings = Mapping[str, Any]


def require_logger(settings: Settings) -> None:
    """Refuse a logger whose library is not installed, before anything is computed.

    Raises:
        UserError: says what to install.
    """
    if settings["logger"]["overview"] is not None and importlib.util.find_spec("wandb") is None:
        raise UserError('logger=wandb needs wandb, which is not installed: pip install "cxr-xai[wandb]".')


def log_overview(settings: Settings, overview: Overview, place: Path, group: str, identity: str) -> None:
    """Write an overview as a run of its own, beside the runs of its group; nothing happens without such a logger.

    Args:
        settings: of the script; ``logger.overview`` is built.
        overview: what is shown.
        place: the folder of its numbers; the local record is written there, under an id that the folder keeps, so that
            doing it again replaces it.
        group: of the runs that it is about.
        identity: of `name_overview`, for its name.
    """
    if settings["logger"]["overview"] is None:
        return
    name = f"{overview.kind} {identity.rpartition('-')[2]}"
    about = {"save_dir": place, "name": name, "group": group, "job_type": overview.kind}
    logger = build(settings["logger"]["overview"], "logger.overview", about)
    logger.write(overview)
    sent = "sent to W&B" if logger.mode == "online" else f"recorded in {place / 'wandb'}"
    console.print(f"{sent} as {name} of group {group}", soft_wrap=True, highlight=False)


def read_group(folder: RunFolder) -> str:
    """Return the group that a run is in: the name that it was trained under, else that of the folder around it."""
    settings = yaml.safe_load(folder.config.read_text()) if folder.config.is_file() else {}
    return str(settings.get("name") or folder.path.resolve().parent.name)


def name_overview(kind: str, *identity: Any) -> str:
    """Return ``<kind>-<hash8>`` of what makes a folder what it is, whatever its numbers are today.

    >>> name_overview("aggregate", "nih", None) == name_overview("aggregate", "nih", None)
    True
    """
    return f"{kind}-{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:8]}"
