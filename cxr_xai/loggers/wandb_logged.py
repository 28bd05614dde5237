"""The keys of the records on this machine."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.loggers.logged import Logged
from cxr_xai.loggers.wandb_records import list_logs, read_records

CHARTS = ["_wandb", "visualize"]


def read_logged(folders: Iterable[Path]) -> Logged:
    """Return what the records in these folders hold, all of their runs together."""
    found = Logged()
    for path in (path for folder in folders for path in list_logs(folder)):
        for record in read_records(path):
            for item in (*record.history.item, *record.summary.update):
                _sort_in(found, list(item.nested_key) or [item.key], item.value_json)
            for item in record.config.update:
                if list(item.nested_key)[:2] == CHARTS:
                    found.charts["/".join(list(item.nested_key)[2:])] = json.loads(item.value_json)["panel_config"]
    return found


def _sort_in(found: Logged, path: list[str], text: str) -> None:
    """Put one logged item where it belongs; what W&B itself adds begins with an underscore."""
    value: Any = json.loads(text)
    if path[0].startswith("_"):
        return
    if path[-1] == "_type":
        kind = "/".join(path[:-1])
        if str(value).startswith("image"):
            found.pictures.add(kind)
        elif str(value) == "table-file":
            found.tables.add(kind)
    elif isinstance(value, dict) and "_type" in value:
        _sort_in(found, [*path, "_type"], json.dumps(value["_type"]))
    elif len(path) == 1 and isinstance(value, int | float):
        found.numbers.add(path[0])


def read_summary(folder: Path) -> dict[str, float]:
    """Return the last value of every number of a run, over all of its records."""
    last: dict[str, float] = {}
    for record in (record for path in list_logs(folder) for record in read_records(path)):
        for item in (*record.history.item, *record.summary.update):
            key, value = "/".join(item.nested_key) or item.key, json.loads(item.value_json)
            if isinstance(value, int | float):
                last[key] = float(value)
    return last


def find_pictures(folder: Path, key: str) -> list[Path]:
    """Return the files of a picture that was logged, row by row."""
    found: list[Path] = []
    for path in list_logs(folder):
        for record in read_records(path):
            row = {"/".join(item.nested_key) or item.key: item.value_json for item in record.history.item}
            names = [json.loads(row[f"{key}/path"])] if f"{key}/path" in row else []
            names = names or json.loads(row.get(f"{key}/filenames", "[]"))
            found += [path.parent / "files" / name for name in names]
    return found


def find_table(folder: Path, key: str) -> pd.DataFrame | None:
    """Return a table that was logged, the last one under its key; None where there is none."""
    for path in reversed(list_logs(folder)):
        for record in reversed(read_records(path)):
            for item in record.history.item:
                if "/".join(item.nested_key) == f"{key}/path":
                    made = json.loads((path.parent / "files" / json.loads(item.value_json)).read_text())
                    return pd.DataFrame(made["data"], columns=made["columns"])
    return None
