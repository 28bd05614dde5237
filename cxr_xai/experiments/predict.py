"""What a network says about films, without a trainer: a batch at a time, in table order, in full precision."""

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.tta.contract import Predict, Tta
from cxr_xai.explainers.contract import borrow

Progress = Callable[[int, int], None]


def predict_rows(
    model: nn.Module,
    data: ChestXrayDataModule,
    rows: npt.NDArray[np.int64],
    device: torch.device,
    progress: Progress = lambda done, total: None,
    tta: Tta | None = None,
) -> npt.NDArray[np.float64]:
    """Return ``(N, K)`` logits of table rows that have a film.

    Args:
        model: on ``device``.
        data: serves the films, ``batch_size`` of them at once.
        rows: ``(N,)``.
        device: of the model.
        progress: told how many of ``N`` are done.
        tta: views of a film whose logits are averaged; None takes the plain film.
    """
    dataset, parts, size = data.dataset_of(rows), [], data.batch_size
    with borrow(model) as lent, torch.no_grad():
        predict: Predict = lent if tta is None else partial(tta, lent)
        for start in range(0, len(rows), size):
            batch = data.plain(dataset.batch(rows[start : start + size]), 0)
            parts.append(predict(batch.image.to(device)).float().cpu())
            progress(min(start + size, len(rows)), len(rows))
    return torch.cat(parts).double().numpy() if parts else np.zeros((0, 0))
