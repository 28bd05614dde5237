"""What the network's AUROC must be read beside: a model that knows age, sex and view, and no film."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.experiments.summary import widen
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.label_only import FEATURES, encode_labels, label_only_probs
from cxr_xai.stats.bootstrap import bootstrap_auroc


def summarize_label_only(
    datamodule: ChestXrayDataModule, predictions: pd.DataFrame, replicates: int
) -> dict[str, Any] | None:
    """Return AUROC and interval per finding and macro on test, of a model fitted to the training part.

    None where nothing is known of age, sex and view in training. A finding that cannot be fitted there is undefined.
    """
    rows, index = datamodule.dataset("train").rows, datamodule.index
    return score_label_only(index.studies.iloc[rows], index.targets[rows], index.studies, predictions, replicates)


def score_label_only(
    train: pd.DataFrame,
    target: npt.NDArray[np.floating],
    studies: pd.DataFrame,
    predictions: pd.DataFrame,
    replicates: int,
) -> dict[str, Any] | None:
    """Do what `summarize_label_only` says, with studies of two sources perhaps.

    Args:
        train: ``age``, ``sex`` and ``view`` of the training part.
        target: ``(n, K)`` beside it.
        studies: the table that the test studies are in.
        predictions: whose test studies are scored.
        replicates: of the bootstrap.
    """
    known, _, who = widen(predictions, "test")[:3]
    test = studies.set_index("image_id").loc[who["image_id"]]
    if np.isnan(encode_labels(train)).all():
        return None
    probs = label_only_probs(train, target, test)
    drawn = bootstrap_auroc(
        np.where(np.isnan(probs), np.nan, known), np.nan_to_num(probs), who["patient_id"].to_numpy(str), replicates
    )
    ends = zip(drawn.value, drawn.interval.low, drawn.interval.high, strict=True)
    macro = (drawn.macro, drawn.macro_interval.low, drawn.macro_interval.high)
    return {
        "features": list(FEATURES),
        "findings": {name: _interval(*entry) for name, entry in zip(FINDINGS, ends, strict=True)},
        "macro": {**_interval(*macro), "over": drawn.over},
    }


def _interval(value: Any, low: Any, high: Any) -> dict[str, float]:
    return {"value": float(value), "low": float(low), "high": float(high)}
