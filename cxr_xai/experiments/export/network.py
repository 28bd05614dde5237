"""The network that is exported: film in; logits, maps, calibrated probabilities and predictions out."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cxr_xai.experiments.export.curves import Curves, find_cuts
from cxr_xai.explainers.exact_cam import exact_cam
from cxr_xai.metrics.decision import Decision
from cxr_xai.models.classifier import Classifier

INPUT = "image"
OUTPUTS = ("logits", "maps", "probs", "preds")


@dataclass(frozen=True)
class Answer:
    """What a network says about films.

    Attributes:
        logits: ``(N, K)`` float32.
        maps: ``(N, K, h, w)`` float32, raw and signed.
        probs: ``(N, K)`` float32, calibrated.
        preds: ``(N, K)`` bool.
    """

    logits: npt.NDArray[np.float32]
    maps: npt.NDArray[np.float32]
    probs: npt.NDArray[np.float32]
    preds: npt.NDArray[np.bool_]


Program = Callable[[npt.NDArray[np.float32]], Answer]
"""``(N, 1, H, W)`` films in [0, 1] → what the network says."""


class ExportedNetwork(nn.Module):
    """A classifier with what val decided, in one graph; everything of one forward pass.

    Args:
        model: in evaluation mode.
        decision: curves and thresholds of these very weights.
    """

    cuts: Tensor

    def __init__(self, model: Classifier, decision: Decision) -> None:
        super().__init__()
        self.model = model
        self.curves = Curves(decision.calibrator.curves)
        self.register_buffer("cuts", torch.from_numpy(find_cuts(decision)))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what ``OUTPUTS`` names.

        Args:
            image: ``(N, 1, H, W)`` float32 in [0, 1].

        Returns:
            ``(N, K)`` logits; ``(N, K, h, w)`` exact class activation maps, raw and signed, each summing to its logit
            minus the bias; ``(N, K)`` calibrated probabilities; ``(N, K)`` bool, where they reach their thresholds.
        """
        features = self.model.features(image)
        logits = self.model.classify(features)
        maps = exact_cam(features, self.model.head.weight)
        return logits, maps, self.curves(logits), logits >= self.cuts


def trace(model: Classifier, decision: Decision, size: int) -> Any:
    """Return the ``ExportedProgram`` of a network for any number of films; the model stays as it is.

    Names of files and lines of this machine, which torch keeps with every operation, are left out.

    Args:
        model: of a run.
        decision: what val decided for its weights.
        size: side of the films in pixels.
    """
    twin = ExportedNetwork(copy.deepcopy(model), decision).cpu().float().eval()
    twin.to(memory_format=torch.contiguous_format)
    for weight in twin.parameters():
        weight.requires_grad_(False)
    with torch.no_grad():
        program = torch.export.export(
            twin,
            (torch.zeros(2, 1, size, size),),
            dynamic_shapes={INPUT: {0: torch.export.Dim("batch", min=1)}},
        )
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
    return program
