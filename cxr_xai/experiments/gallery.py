"""Studies to look at, chosen by rule and not by eye."""

import numpy as np
import pandas as pd
import torch
from torch import nn

from cxr_xai.callbacks.consumers.panels import make_panel
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.explainers.contract import Explainer
from cxr_xai.findings import FINDINGS, INDEX
from cxr_xai.types import Panel

RULES = {
    "TP": "the most confident true positive",
    "FP": "the most confident false positive (a disagreement with the report)",
    "FN": "the least confident positive below the threshold",
}


def choose_gallery(predictions: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return (kind, image id, finding): for each finding one test study per rule, where there is one.

    Args:
        predictions: the columns of ``predictions.parquet``.
    """
    test = predictions[predictions["part"] == "test"]
    chosen = []
    for name in FINDINGS:
        rows = test[test["finding"] == name]
        for kind, target, pred, ascending in (("TP", 1, 1, False), ("FP", 0, 1, False), ("FN", 1, 0, True)):
            matches = rows[(rows["target"] == target) & (rows["pred"] == pred)]
            if len(matches):
                ordered = matches.sort_values(["prob", "image_id"], ascending=[ascending, True])
                chosen.append((kind, str(ordered["image_id"].iloc[0]), name))
    return chosen


def explain_gallery(
    predictions: pd.DataFrame,
    datamodule: ChestXrayDataModule,
    explainer: Explainer,
    model: nn.Module,
    device: torch.device,
    epoch: int,
) -> list[Panel]:
    """Explain the chosen studies, each image once however many findings it stands for."""
    chosen = choose_gallery(predictions)
    place = pd.Series(np.arange(len(datamodule.index.studies)), index=datamodule.index.studies["image_id"])
    rows = np.unique(np.array([place[name] for _, name, _ in chosen], np.int64))
    dataset, maps, probs = datamodule.dataset_of(rows), {}, {}
    for start in range(0, len(rows), datamodule.batch_size):
        batch = datamodule.plain(dataset.batch(rows[start : start + datamodule.batch_size]), 0)
        explanation = explainer.explain(model, batch.image.to(device))
        for row, attribution, logits in zip(
            batch.index.tolist(), explanation.attribution, explanation.logits, strict=True
        ):
            maps[row], probs[row] = attribution.cpu(), torch.sigmoid(logits).cpu()
    panels = []
    for kind, name, finding in chosen:
        row, k = int(place[name]), INDEX[finding]
        panels.append(make_panel(datamodule, kind, epoch, row, finding, float(probs[row][k]), maps[row][k]))
    return panels
