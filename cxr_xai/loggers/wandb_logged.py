"""The keys of the records on this machine."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.loggers.logged import Logged
from cxr_xai.loggers.wandb_records import list_logs, read_records, walk_items

CHARTS = ("_wandb", "visualize")


def read_logged(folders: Iterable[Path]) -> Logged:
    """Return what the records in these folders hold, all of their runs together."""
    found = Logged()
    for path in (path for folder in folders for path in list_logs(folder)):
        for record in read_records(path):
            for way, value in walk_items((*record.history.item, *record.summary.update)):
                _sort_in(found, way, value)
            for way, value in walk_items(record.config.update):
                if way[:2] == CHARTS:
                    found.charts["/".join(way[2:])] = value["panel_config"]
    return found


def _sort_in(found: Logged, path: tuple[str, ...], value: Any) -> None:
    """Put one logged item where it belongs; what W&B itself adds begins with an underscore."""
    if path[0].startswith("_"):
        return
    if path[-1] == "_type":
        kind = "/".join(path[:-1])
        if str(value).startswith("image"):
            found.pictures.add(kind)
        elif str(value) == "table-file":
            found.tables.add(kind)
    elif isinstance(value, dict) and "_type" in value:
        _sort_in(found, (*path, "_type"), value["_type"])
    elif len(path) == 1 and isinstance(value, int | float):
        found.numbers.add(path[0])


def read_summary(folder: Path) -> dict[str, float]:
    """Return the last value of every number of a run, over all of its records."""
    last: dict[str, float] = {}
    for record in (record for path in list_logs(folder) for record in read_records(path)):
        for way, value in walk_items((*record.history.item, *record.summary.update)):
            if isinstance(value, int | float):
                last["/".join(way)] = float(value)
    return last


def find_pictures(folder: Path, key: str) -> list[Path]:
    """Return the files of a picture that was logged, row by row."""
    found: list[Path] = []
    for path in list_logs(folder):
        for record in read_records(path):
            row = {"/".join(way): value for way, value in walk_items(record.history.item)}
            names = [row[f"{key}/path"]] if f"{key}/path" in row else row.get(f"{key}/filenames", [])
            found += [path.parent / "files" / name for name in names]
    return found


def find_table(folder: Path, key: str) -> pd.DataFrame | None:
    """Return a table that was logged, the last one under its key; None where there is none."""
    for path in reversed(list_logs(folder)):
        for record in reversed(read_records(path)):
            for way, value in walk_items(record.history.item):
                if "/".join(way) == f"{key}/path":
                    made = json.loads((path.parent / "files" / value).read_text())
                    return pd.DataFrame(made["data"], columns=made["columns"])
    return None
