"""Published numbers, and whether a run may stand beside them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.artifacts.protocol import CROSS_FITTED, ProtocolCard
from cxr_xai.findings import FINDINGS

FILE = Path(__file__).with_name("published.csv")
AUROC = "auroc"
MEAN = "mean"
WANG_RULE = "wang2017"
"""Heatmaps cut at 60 and 180 of 255, a box per component (Wang et al. 2017): `metrics.wang`, never the headline."""
UNGUIDED = ("none", "monitored", f"monitored, {CROSS_FITTED}")
"""Uses of boxes that no weight and no probability rests on."""


def read_published() -> pd.DataFrame:
    """Return one row per published number on ChestX-ray14.

    Returns:
        ``source, year, model, protocol`` (``official`` split or ``random`` ones), ``metric`` (``auroc``, or ``T(IoU) at
        .1``: the share of boxes with a greater IoU), ``finding`` (``mean`` over 14, ``mean over 8``, or one),
        ``value``, and ``rule`` from map to box where there is one.
    """
    return pd.read_csv(FILE, keep_default_na=False, dtype={"year": int, "value": float})


def published_means(protocol: str) -> pd.DataFrame:
    """Return the published mean AUROCs over 14 findings under one protocol, lowest first.

    >>> len(published_means("official"))
    13
    """
    table = read_published()
    chosen = (table["metric"] == AUROC) & (table["finding"] == MEAN) & (table["protocol"] == protocol)
    return table[chosen].sort_values("value", ignore_index=True)


def wang_by_finding() -> dict[str, float]:
    """Return the AUROC per finding of Wang et al. 2017 (ResNet-50, official split).

    >>> wang_by_finding()["Hernia"]
    0.8717
    """
    table = read_published()
    table = table[(table["metric"] == AUROC) & table["finding"].isin(FINDINGS)]
    return dict(zip(table["finding"], table["value"].astype(float), strict=True))


def why_not(card: ProtocolCard, unsure: Sequence[str] = ()) -> str | None:
    """Say why published AUROCs must not stand beside a run; None where they may.

    They may for the NIH release, complete, under its official split, over all 14 findings, without boxes in training.

    Args:
        card: of the numbers.
        unsure: what the run's first weights were trained on that may have been its test films.
    """
    if card.source != "nih":
        return (
            "No published numbers are shown: they were measured on NIH ChestX-ray14, "
            f"this run on the source “{card.source}”."
        )
    if card.labels:
        return f"No published numbers are shown: they are of labels mined from reports, these {card.labels}."
    if card.split != "official":
        return (
            "No published numbers are shown: those that can be compared were measured on the official test list, "
            f"this run on the split “{card.split}”, whose test patients are others."
        )
    if not card.complete:
        tested = f"{card.test_images - card.test_missing:,} of {card.test_images:,} images"
        return (
            f"No published numbers are shown: this copy of the release is partial ({card.missing:,} rows without an "
            f"image file, {tested} in the test set), and its numbers are not those of the official test list."
        )
    if card.findings != FINDINGS or card.mean_over != len(FINDINGS):
        return (
            f"No published numbers are shown: they are means over {len(FINDINGS)} findings, this run's over "
            f"{card.mean_over} of {len(card.findings)}."
        )
    if card.uses_of_boxes not in UNGUIDED:
        return f"No published numbers are shown: boxes took part in training or chose its epoch ({card.uses_of_boxes})."
    if unsure:
        return f"No published numbers are shown: the first weights may have seen these films ({'; '.join(unsure)})."
    return None


def why_no_boxes(card: ProtocolCard, unsure: Sequence[str] = ()) -> str | None:
    """Say why the published T(IoU) must not stand beside a run; None where it may. Arguments are as in `why_not`."""
    if reason := why_not(card, unsure):
        return reason
    rule: Any = card.box_rule.get("rule")
    if rule != WANG_RULE:
        return (
            "The published localization of Wang et al. 2017, T(IoU), is not shown: it was measured by another rule "
            "from map to box (cut at 60 and 180 of 255, a box per component), this run by the box around "
            f"“{rule}” of the region at {card.box_rule['threshold']:g} of the maximum. It stands only beside what his "
            "own rule makes of this run's maps, under Localization."
        )
    return None


def published_boxes() -> Mapping[str, float]:
    """Return T(IoU) of Wang et al. 2017 by its threshold, the mean over the eight boxed findings.

    >>> published_boxes()["T(IoU) at .5"]
    0.062
    """
    table = read_published()
    table = table[table["rule"] == WANG_RULE]
    return dict(zip(table["metric"], table["value"].astype(float), strict=True))
