"""The network whose explainers are compared, opened again with its data, its decisions and what is true about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from cxr_xai.artifacts.certificate import hash_code
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.phantom.twins import PhantomTruth
from cxr_xai.data.tta.contract import Tta
from cxr_xai.experiments.reopen import open_run, read_tta
from cxr_xai.metrics.decision import Decision
from cxr_xai.models.classifier import Classifier

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """A complete run.

    Attributes:
        folder: of the run.
        summary: ``summary.json``.
        data: its source and split.
        model: with the best weights, on ``device``.
        decision: what val decided.
        predictions: of val and test.
        truth: masks and twins; None where the source is no phantom.
        weights: SHA-256 of the checkpoint.
        code: hash of the code that looks at it now.
        device: where it runs.
        tta: views whose logits are averaged in the run's predictions.
    """

    folder: RunFolder
    summary: Settings
    data: ChestXrayDataModule
    model: Classifier
    decision: Decision
    predictions: pd.DataFrame
    truth: PhantomTruth | None
    weights: str
    code: str
    device: torch.device
    tta: Tta

    def films(self, rows: npt.NDArray[np.int64]) -> Tensor:
        """Return ``(N, 1, S, S)`` float in [0, 1] of table rows, as the datamodule serves them to an explainer."""
        return self.data.plain(self.data.dataset_of(rows).batch(rows), 0).image


def open_subject(folder: str, root: str | None, cache: str, device: str) -> Subject:
    """Open a complete run with its data.

    Args:
        folder: of the run.
        root: the folder of the data, None where ``config.yaml`` has it.
        cache: where films are decoded to, if the run's own place is not on this machine.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UserError: the run is not complete, its data cannot be reached, or are no longer those it was trained on.
    """
    run = open_run(folder, device)
    data = run.reach(root, cache)
    truth = PhantomTruth(data.root, data.image_size) if data.index.name == "phantom" else None
    return Subject(
        run.folder,
        run.summary,
        data,
        run.model,
        run.decision,
        pd.read_parquet(run.folder.predictions),
        truth,
        run.weights,
        hash_code("experiments/leaderboard/"),
        run.device,
        read_tta(run.settings),
    )
