"""Importance and differences as tables, a row per finding and region."""

from collections.abc import Mapping
from typing import Any

import pandas as pd


def list_importance(importance: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per finding and region."""
    rows = [
        {"finding": finding, "region": region}
        | {f"{key}{'' if end == 'value' else ' ' + end}": entry[key][end] for key in entry for end in entry[key]}
        for finding, regions in importance.items()
        for region, entry in regions.items()
    ]
    return pd.DataFrame(rows)


def list_differences(differences: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per finding and region."""
    rows = []
    for finding, regions in differences.items():
        for region, entry in regions.items():
            row: dict[str, Any] = {"finding": finding, "region": region}
            for key in ("first", "second", "difference"):
                row |= {f"{key}{'' if end == 'value' else ' ' + end}": value for end, value in entry[key].items()}
            share = entry.get("share", {})
            row |= {f"share {key}": share[key]["value"] for key in ("first", "second", "difference") if share}
            rows.append(row | {key: share[key] for key in ("p", "p_holm") if share})
    return pd.DataFrame(rows)
