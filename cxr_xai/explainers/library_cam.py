"""The only door to pytorch-grad-cam: its mathematics behind our contract.

The library explains one finding a call, with a forward and a backward pass through the whole network each, leaves the
model in evaluation mode and gradients on its weights, fails in most contexts, and returns maps that are cut at zero,
scaled by their minimum and maximum, and enlarged. Here one forward pass serves all findings, the backward passes end at
the feature map, and the map is what the method defines, signed and on its own grid.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.contract import borrow, choose_findings, fresh
from cxr_xai.types import Explanation

Array = npt.NDArray[np.float32]


class LibraryCam:
    """What the methods of pytorch-grad-cam share; a member names its class there.

    Args:
        layer: whose feature map is explained, counted from the last: -1 is the last feature map of the trunk, -2 that
            of the stage before it, and so on (`Classifier.stages`). Earlier maps are finer and know less.

    Raises:
        UserError: ``layer`` is not negative, or (when explaining) the trunk has fewer stages.
    """

    name: str
    method: str
    """The name of the class in pytorch-grad-cam."""

    def __init__(self, layer: int = -1) -> None:
        if layer >= 0:
            raise UserError(f"explainer.layer is {layer}; stages are counted from the last: -1, -2, …")
        self.layer = layer

    @property
    def library(self) -> Any:
        """The class of pytorch-grad-cam.

        Raises:
            UserError: it is not installed.
        """
        try:
            import pytorch_grad_cam
        except ModuleNotFoundError as error:
            raise UserError(
                f"explainer={self.name} needs pytorch-grad-cam ({error.name} is missing): "
                "pip install 'cxr-xai[explainers]'."
            ) from error
        return getattr(pytorch_grad_cam, self.method)

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, h, w)`` maps of the findings asked for, ``(N, K)`` logits."""
        library = self.library
        with borrow(model, gradients=True) as lent:
            film = fresh(image)
            features, logits = watch(lent, self.layer, film)
            chosen = choose_findings(findings, logits.shape[1])
            # Without target layers the library leaves no hooks and only computes.
            maps = self.draw(library(lent, []), film, features, logits, chosen)
            return Explanation(torch.from_numpy(maps).to(image.device), logits.detach())

    def draw(self, library: Any, film: Tensor, features: Tensor, logits: Tensor, chosen: Sequence[int]) -> Array:
        """Return ``(N, F, h, w)`` maps: one backward pass a finding through what follows the feature map.

        Args:
            library: the object of pytorch-grad-cam.
            film: ``(N, 1, H, W)``.
            features: ``(N, C, h, w)`` feature map, a leaf of the graph.
            logits: ``(N, K)`` of the whole graph.
            chosen: the findings.
        """
        activations = features.detach().cpu().numpy()
        maps = np.empty((len(film), len(chosen), *features.shape[2:]), np.float32)
        for column, finding in enumerate(chosen):
            # Films do not see each other in evaluation mode: the gradient of the sum holds that of every film.
            (gradient,) = torch.autograd.grad(logits[:, finding].sum(), features, retain_graph=True)
            maps[:, column] = library.get_cam_image(film, None, None, activations, gradient.cpu().numpy(), False)
        return maps


def watch(lent: Any, layer: int, film: Tensor) -> tuple[Tensor, Tensor]:
    """Run the model once; return the feature map of a stage, as a leaf of the graph, and the logits.

    Nothing before the stage is recorded. What follows it works on a copy, so that no in-place layer can overwrite the
    map (on CPUs the library then reads what came after).

    Raises:
        UserError: the trunk has fewer stages.
    """
    stages = lent.stages()
    if -layer > len(stages):
        raise UserError(
            f"explainer.layer is {layer}, but this trunk has {len(stages)} stages: -1 (last) to -{len(stages)} (first)."
        )
    kept: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[-1].clone()

    handle = stages[layer].register_forward_hook(keep)
    try:
        logits = lent(film)
    finally:
        handle.remove()
    return kept[-1], logits
