"""What a finished run tells its loggers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightning.pytorch.loggers import Logger

from cxr_xai.experiments.charts import draw_charts
from cxr_xai.experiments.results import flatten
from cxr_xai.types import Panel

Settings = Mapping[str, Any]


def conclude(
    loggers: Sequence[Logger],
    summary: Settings,
    certificate: Settings,
    predictions: pd.DataFrame,
    gallery: tuple[Sequence[Panel], Sequence[npt.NDArray[np.uint8]]],
    step: int,
) -> None:
    """Tell loggers what a finished run found: its numbers, its gallery and its curves."""
    numbers, charts = flatten(summary), None
    for logger in loggers:
        logger.log_metrics({**numbers, "epoch": summary["best_epoch"]}, step)
        if hasattr(logger, "log_panels"):
            logger.log_panels(*gallery, step)
        if hasattr(logger, "conclude"):
            charts = draw_charts(predictions) if charts is None else charts
            logger.conclude({**numbers, **list_facts(summary, certificate)}, charts, summary["epochs"])


def list_facts(summary: Settings, certificate: Settings) -> dict[str, Any]:
    """Return what stands beside the numbers of a run: by which protocol, of which epoch, at which cost."""
    protocol = summary["protocol"]
    return {
        "best/epoch": summary["best_epoch"],
        "epochs": summary["epochs"],
        "flags": len(summary["flags"]),
        "seconds/fit": summary["seconds"]["fit"],
        "explain/share": summary["explain_share"],
        "protocol/label": protocol["label"],
        "protocol/split": protocol["split_sha256"][:12],
        "protocol/data": protocol["data_sha256"][:12],
        "protocol/code": certificate["code"]["sha256"][:12],
        "protocol/boxes": protocol["uses_of_boxes"],
        "protocol/thresholds": protocol["threshold_source"],
        "protocol/calibration": protocol["calibration"],
        "protocol/tta": protocol["tta"],
    }
