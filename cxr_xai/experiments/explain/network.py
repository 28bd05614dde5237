"""A trained network with everything that belongs to it: thresholds, explainers, and their background."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.experiments.explain.ask import read_explainers
from cxr_xai.experiments.explaining import build_explainer, compares, describe_background
from cxr_xai.experiments.reopen import Run, open_run
from cxr_xai.explainers.contract import Explainer, borrow
from cxr_xai.metrics.calibration.contract import sigmoid
from cxr_xai.metrics.decision import Decision
from cxr_xai.models.classifier import Classifier

Settings = Mapping[str, Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """What the network says about films.

    Attributes:
        logits: ``(N, K)``.
        prob: ``(N, K)`` sigmoids.
        calibrated: ``(N, K)``.
        pred: ``(N, K)`` at the thresholds of val.
    """

    logits: Floats
    prob: Floats
    calibrated: Floats
    pred: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Network:
    """A run, opened again.

    Attributes:
        folder: of the run.
        model: with its best weights, on ``device``.
        decision: what val decided.
        explainers: by label.
        described: by label, the settings of each explainer and the hash of its background.
        weights: SHA-256 of the checkpoint.
        image_size: side of the films in pixels.
        device: where it runs.
    """

    folder: RunFolder
    model: Classifier
    decision: Decision
    explainers: dict[str, Explainer]
    described: dict[str, dict[str, Any]]
    weights: str
    image_size: int
    device: torch.device

    def say(self, image: Tensor) -> Said:
        """``(N, 1, H, W)`` films in [0, 1] → logits and what follows from them."""
        with borrow(self.model) as model:
            logits = model(image.to(self.device)).double().cpu().numpy()
        calibrated = self.decision.calibrate(logits)
        return Said(logits, sigmoid(logits), calibrated, self.decision.predict(calibrated))


def open_network(settings: Settings) -> Network:
    """Open what ``conf/explain.yaml`` names.

    Raises:
        UserError: there is no such run, device, explainer or (where one needs it) training data.
    """
    asked = read_explainers(settings["explainers"])
    run = open_run(settings["checkpoint"], settings["device"])
    data = reach_background(asked, run, settings)
    explainers = {label: build_explainer(one, data, f"explainers.{label}") for label, one in asked.items()}
    handed = {label: describe_background(one, data) for label, one in asked.items() if data is not None}
    return Network(
        run.folder,
        run.model,
        run.decision,
        explainers,
        {label: {**one, "background": handed.get(label)} for label, one in asked.items()},
        run.weights,
        int(run.settings["datamodule"]["image_size"]),
        run.device,
    )


def reach_background(asked: Mapping[str, Settings], run: Run, settings: Settings) -> ChestXrayDataModule | None:
    """Open the run's data if an explainer compares films with those of its training part."""
    if all(compares(build_explainer(one, None)) is None for one in asked.values()):
        return None
    return run.reach(settings["root"], settings["paths"]["cache"])
