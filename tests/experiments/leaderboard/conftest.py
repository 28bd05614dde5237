"""A network that looks at nothing but the marker in the corner, on a small phantom: what is true about it is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.phantom.twins import PhantomTruth
from cxr_xai.data.readers.phantom import PhantomReader
from cxr_xai.data.tta.none import NoTta
from cxr_xai.experiments.leaderboard import run
from cxr_xai.experiments.leaderboard.subject import Subject
from cxr_xai.experiments.reliance.measure import measure_run
from cxr_xai.findings import FINDINGS, INDEX
from cxr_xai.metrics.calibration.contract import Calibrator, Line
from cxr_xai.metrics.decision import Decision
from cxr_xai.metrics.thresholds.contract import Cut

BIAS, WEIGHT = -1.0, 4000.0
CORNER = (0.16, 0.5)
"""Rows and columns, in shares of the film, that hold every marker."""


class CornerModel(nn.Module):
    """Counts white pixels in the upper left corner; they speak for Pneumonia, and for nothing else.

    Args:
        pool: side of a cell of the feature map, in pixels.
    """

    def __init__(self, pool: int = 1) -> None:
        super().__init__()
        self.pool = pool
        self.head = nn.Linear(1, len(FINDINGS))
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.bias.fill_(BIAS)
            self.head.weight[INDEX["Pneumonia"]] = WEIGHT

    def features(self, image: Tensor) -> Tensor:
        height, width = image.shape[2:]
        white = (image > 0.85).float()
        white[:, :, round(CORNER[0] * height) :] = 0
        white[:, :, :, round(CORNER[1] * width) :] = 0
        return torch.nn.functional.avg_pool2d(white, self.pool)

    def classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(features.mean(dim=(2, 3)))
        return logits

    def forward(self, image: Tensor) -> Tensor:
        return self.classify(self.features(image))


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> ChestXrayDataModule:
    reader = PhantomReader(train_val_patients=30, test_patients=16, film_size=128, shortcut_strength=0.5)
    return ChestXrayDataModule(tmp_path_factory.mktemp("leader") / "phantom", reader, image_size=128, batch_size=16)


def predict(data: ChestXrayDataModule, model: nn.Module) -> pd.DataFrame:
    """Rows of the test part as a run writes them; a finding is predicted from .2."""
    rows = data.dataset("test").rows
    studies = data.index.studies.iloc[rows]
    with torch.no_grad():
        probs = torch.sigmoid(model(data.plain(data.dataset_of(rows).batch(rows), 0).image)).numpy()
    return pd.DataFrame(
        {
            "image_id": np.repeat(studies["image_id"].to_numpy(str), len(FINDINGS)),
            "patient_id": np.repeat(studies["patient_id"].to_numpy(str), len(FINDINGS)),
            "finding": np.tile(FINDINGS, len(rows)),
            "part": "test",
            "target": data.index.targets[rows].reshape(-1),
            "calibrated": probs.reshape(-1),
            "pred": probs.reshape(-1) >= 0.2,
        }
    )


def make_subject(data: ChestXrayDataModule, folder: Path, model: Any, findings: Sequence[str] = FINDINGS) -> Subject:
    identity = Calibrator(tuple(Line("none", 1.0, 0.0) for _ in findings))
    decision = Decision(tuple(findings), identity, tuple(Cut("by hand", 0.2) for _ in findings), 0)
    protocol = {"data_sha256": "d", "label": "phantom, split official", "source": "phantom", "about": {}}
    predictions = predict(data, model)
    return Subject(
        RunFolder(folder),
        {"protocol": protocol, "best_epoch": 0},
        data,
        model,
        decision,
        predictions,
        PhantomTruth(data.root, data.image_size),
        "w",
        "c",
        torch.device("cpu"),
        NoTta(),
    )


@pytest.fixture(scope="session")
def leaning(phantom: ChestXrayDataModule, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """What the network leans on, measured once."""
    subject = make_subject(phantom, tmp_path_factory.mktemp("leaning"), CornerModel())
    measured = measure_run(phantom, subject.model, subject.tta, subject.device, subject.decision)
    assert measured is not None
    return measured


@pytest.fixture
def measured(leaning: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "measure_run", lambda *arguments: leaning)


@pytest.fixture
def corner(phantom: ChestXrayDataModule, tmp_path: Path) -> Subject:
    return make_subject(phantom, tmp_path / "run", CornerModel())


@pytest.fixture
def coarse(phantom: ChestXrayDataModule, tmp_path: Path) -> Subject:
    """The same with a feature map of 8 × 8 cells."""
    return make_subject(phantom, tmp_path / "run", CornerModel(pool=16))
