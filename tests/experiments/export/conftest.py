"""A network of one convolution with curves of every kind, and its two files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cxr_xai.experiments.export.films import make_films
from cxr_xai.experiments.export.network import trace
from cxr_xai.experiments.export.run import FORMATS
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.calibration.contract import Calibrator, Line, Steps
from cxr_xai.metrics.decision import Decision
from cxr_xai.metrics.thresholds.contract import Cut
from cxr_xai.models.backbones import Backbone
from cxr_xai.models.classifier import Classifier

SIZE = 32


@pytest.fixture(scope="session")
def tiny() -> Classifier:
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Conv2d(1, 6, 5, stride=4, padding=2), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
    model = Classifier(Backbone(trunk, 1, 6, (0.5,), (0.25,)))
    model.head.weight.data *= 5
    return model.to(memory_format=torch.channels_last).eval()


@pytest.fixture(scope="session")
def decision() -> Decision:
    """Platt's lines, and steps whose plateau is the threshold."""
    steps = Steps("isotonic", (-3.0, -1.0, -0.5, 2.0), (0.0, 0.3, 0.3, 1.0))
    curves = tuple(steps if k % 2 else Line("platt", 0.5 + k / 10, -0.2) for k in range(len(FINDINGS)))
    cuts = tuple(Cut("f1", None if k == 13 else 0.3) for k in range(len(FINDINGS)))
    return Decision(FINDINGS, Calibrator(curves), cuts, 3)


@pytest.fixture(scope="session")
def films() -> np.ndarray:
    return make_films(None, SIZE)


@pytest.fixture(scope="session")
def write(tiny: Classifier, decision: Decision) -> Callable[..., Path]:
    """``write(kind, folder)`` exports the network."""
    traced = trace(tiny, decision, SIZE)

    def written(kind: str, folder: Path, **record: Any) -> Path:
        path = folder / f"network{FORMATS[kind].suffix}"
        FORMATS[kind].write(traced, {"findings": list(FINDINGS), "image_size": SIZE, **record}, path)
        return path

    return written


@pytest.fixture(scope="session")
def files(write: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exported")
    return {kind: write(kind, folder) for kind in FORMATS}
