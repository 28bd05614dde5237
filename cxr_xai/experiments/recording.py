"""What dashboards are told of a run: who it is, what it may show, how it ended."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger

from cxr_xai.files import whole
from cxr_xai.signals import Interrupted

Settings = Mapping[str, Any]
PLACES = (
    *("root", "cache_dir", "exclude", "path", "masks", "shards", "shard_url"),
    *("adjudicated", "mapping", "neatx"),
)
"""Settings that name a place on this machine."""

USUAL = {"balancing": "none", "finetune": "full", "guidance": "none", "tta": "none"}
"""Members that are not worth a word."""

COLUMNS = (
    *("model", "loss", "balancing", "split", "finetune", "guidance", "transform", "optimizer", "scheduler"),
    *("calibration", "threshold", "tta", "explainer"),
)
"""Groups whose chosen member is a column to filter and group runs by."""


def describe_run(settings: Settings, choices: Mapping[str, str], cell: str) -> dict[str, Any]:
    """Return name, group, job type and tags of a run.

    The name is short: what tells cells of a sweep apart, and four digits of the hash that ends the cell's name.
    """
    fold = settings["split"].get("fold")
    what = [settings["arm"] or f"{choices['model']} {choices['loss']}"] + ([] if fold is None else [f"f{fold}"])
    unusual = [f"{group}={choices[group]}" for group, usual in USUAL.items() if choices.get(group, usual) != usual]
    return {
        "name": " ".join([*what, f"s{settings['seed']}", cell.rpartition("-")[2][:4]]),
        "group": settings["name"],
        "job_type": settings["arm"],
        "tags": [choices["datamodule"], choices["split"], *unusual],
    }


def public_settings(settings: Settings, choices: Mapping[str, str], cell: str) -> dict[str, Any]:
    """Return what may leave the machine: columns to filter by, flat, and all settings without paths."""
    hidden = {"paths", "logger", "plan"}
    kept = {key: value for key, value in settings.items() if key not in hidden}
    for section in ("datamodule", "split", "guidance"):
        kept[section] = {k: v for k, v in settings[section].items() if k not in PLACES}
    reader = kept["datamodule"].get("reader", {})
    kept["datamodule"]["reader"] = {k: v for k, v in reader.items() if k not in PLACES}
    if "weights" in settings["model"]:  # a file's folders are nobody's business
        kept["model"] = {**settings["model"], "weights": Path(settings["model"]["weights"]).name}
    return {
        "sweep": settings["name"],
        "cell": cell,
        "arm": settings["arm"] or "none",
        "fold": settings["split"].get("fold"),
        "seed": settings["seed"],
        "data": choices["datamodule"],
        "image_size": settings["datamodule"]["image_size"],
        "batch_size": settings["datamodule"]["batch_size"],
        "max_epochs": settings["trainer"]["max_epochs"],
        **{group: choices[group] for group in COLUMNS if group in choices},
        "settings": kept,
    }


def read_salt(outputs: Path) -> str:
    """Return the secret behind all pseudonyms of this outputs folder; made on first use, never logged."""
    path = outputs / ".salt"
    if not path.is_file():
        with whole(path) as partial:
            partial.write_text(secrets.token_hex(16))
            partial.chmod(0o600)
    return path.read_text().strip()


@contextmanager
def recorded(loggers: Sequence[Logger]) -> Iterator[None]:
    """Close the loggers' records by how the body ends: finished, interrupted or failed."""
    try:
        yield
    except Interrupted as signal:
        _close(loggers, "interrupted", 128 + signal.signum)
        raise
    except (KeyboardInterrupt, SystemExit):
        _close(loggers, "interrupted", 130)
        raise
    except BaseException:
        _close(loggers, "failed", 1)
        raise
    _close(loggers, "finished", 0)


def _close(loggers: Sequence[Logger], state: str, exit_code: int) -> None:
    for logger in loggers:
        if hasattr(logger, "close"):
            logger.close(state, exit_code)
