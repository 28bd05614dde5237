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
from cxr_xai.errors import UserError
from cxr_xai.experiments.explain.ask import read_explainers
from cxr_xai.experiments.explaining import build_explainer, compares, describe_background
from cxr_xai.experiments.reopen import choose_device, find_run, hash_weights, load_model, read_settings
from cxr_xai.experiments.verification.evidence import reach_data, require_known_targets
from cxr_xai.explainers.contract import Explainer, borrow
from cxr_xai.metrics.calibration.contract import sigmoid
from cxr_xai.metrics.decision import Decision, read_calibration
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
    folder = find_run(settings["checkpoint"])
    trained = read_settings(folder)
    require_known_targets(trained)
    asked = read_explainers(settings["explainers"])
    data = reach_background(asked, trained, settings)
    explainers = {label: build_explainer(one, data, f"explainers.{label}") for label, one in asked.items()}
    device = choose_device(settings["device"])
    handed = {label: describe_background(one, data) for label, one in asked.items() if data is not None}
    return Network(
        folder,
        load_model(folder, trained).to(device),
        read_calibration(folder.calibration),
        explainers,
        {label: {**one, "background": handed.get(label)} for label, one in asked.items()},
        hash_weights(folder),
        int(trained["datamodule"]["image_size"]),
        device,
    )


def reach_background(
    asked: Mapping[str, Settings], trained: Settings, settings: Settings
) -> ChestXrayDataModule | None:
    """Open the run's data if an explainer compares films with those of its training part."""
    needing = [label for label, one in asked.items() if compares(build_explainer(one, None)) is not None]
    if not needing:
        return None
    data, reason = reach_data(trained, settings["root"], settings["paths"]["cache"])
    if data is None:
        raise UserError(f"{needing[0]} compares films with those of the training part: {reason}.")
    return data
