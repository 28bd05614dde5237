"""Published numbers, and whether a run may stand beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.findings import FINDINGS

FILE = Path(__file__).with_name("published.csv")
MEAN = "mean"
UNGUIDED = ("none", "monitored")


def read_published() -> pd.DataFrame:
    """Return one row per published AUROC on ChestX-ray14.

    Returns:
        ``source, year, model, protocol`` (``official`` split or ``random`` ones), ``finding`` (``mean`` over 14, or
        one), ``auroc``.
    """
    return pd.read_csv(FILE, keep_default_na=False, dtype={"year": int, "auroc": float})


def published_means(protocol: str) -> pd.DataFrame:
    """Return the published means over 14 findings under one protocol, lowest first.

    >>> len(published_means("official"))
    13
    """
    table = read_published()
    return table[(table["finding"] == MEAN) & (table["protocol"] == protocol)].sort_values("auroc", ignore_index=True)


def wang_by_finding() -> dict[str, float]:
    """Return the AUROC per finding of Wang et al. 2017 (ResNet-50, official split).

    >>> wang_by_finding()["Hernia"]
    0.8717
    """
    table = read_published()
    return {str(row.finding): float(row.auroc) for row in table.itertuples() if row.finding in FINDINGS}  # type: ignore[arg-type]


def why_not(summary: Mapping[str, Any], certificate: Mapping[str, Any]) -> str | None:
    """Say why published numbers must not stand beside a run; None where they may.

    They may for the NIH release, complete, under its official split, without boxes in training.
    """
    protocol, counts = summary["protocol"], certificate["data"]["counts"]
    source, split = protocol["source"], protocol["split"]
    if source != "nih":
        return (
            "No published numbers are shown: they were measured on NIH ChestX-ray14, "
            f"this run on the source “{source}”."
        )
    if split != "official":
        return (
            "No published numbers are shown: those that can be compared were measured on the official test list, "
            f"this run on the split “{split}”, whose test patients are others."
        )
    missing = int(counts.get("rows without an image file", 0))
    expected, tested = int(counts.get("images in test_list.txt", 0)), int(summary["classification"]["test"]["studies"])
    if missing or tested < expected:
        share = f"{tested:,} of {expected:,} images" if expected else f"{tested:,} images"
        return (
            f"No published numbers are shown: this copy of the release is partial ({missing:,} rows without an image "
            f"file), so the test set is partial too ({share}), and its numbers are not those of the official test list."
        )
    if certificate.get("boxes", {}).get("uses", "none") not in UNGUIDED:
        return "No published numbers are shown: boxes of test patients took part in training."
    return None
