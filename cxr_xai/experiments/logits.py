"""What a network says about films, without a trainer: a batch at a time, in table order."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.tta.contract import Predict

Progress = Callable[[int, int], None]


@torch.no_grad()
def predict_rows(
    predict: Predict,
    data: ChestXrayDataModule,
    rows: npt.NDArray[np.int64],
    device: torch.device,
    progress: Progress = lambda done, total: None,
) -> npt.NDArray[np.float64]:
    """Return ``(N, K)`` logits of table rows that have a film, one at least.

    Args:
        predict: a network in evaluation mode, on ``device``.
        data: serves the films, ``batch_size`` of them at once.
        rows: ``(N,)``.
        device: of the network.
        progress: told how many of ``N`` are done.
    """
    dataset, parts = data.dataset_of(rows), []
    for start in range(0, len(rows), data.batch_size):
        chosen = rows[start : start + data.batch_size]
        batch = data.plain(dataset.batch(chosen), 0)
        parts.append(predict(batch.image.to(device)).float().cpu())
        progress(start + len(chosen), len(rows))
    return torch.cat(parts).double().numpy()
