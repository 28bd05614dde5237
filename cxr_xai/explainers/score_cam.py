"""Score-CAM: feature maps weighted by the logits of the films that they mask.

Source: Wang et al., Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks, CVPR-W 2020
(https://arxiv.org/abs/1910.01279).
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cxr_xai.errors import UserError
from cxr_xai.explainers.library_cam import Array, LibraryCam


class ScoreCam(LibraryCam):
    """``sum_c softmax_c(logit(film × mask[c])) A[c]``, ``mask[c]`` the channel on the film's size, in [0, 1].

    No gradient is taken, but there are as many forward passes as channels (2,048 a film at the end of a ResNet-50).
    They answer for all findings at once; the library makes them anew for every finding, holds the masks of all films
    in memory, and shows a bar for each. Masks, softmax and weighted sum are the library's to 1e-5. On feature maps
    that end in a ReLU the map has no negative values.

    Args:
        layer: see `LibraryCam`.
        batch_size: masked films a forward pass.
    """

    name = "score_cam"
    method = "ScoreCAM"

    def __init__(self, layer: int = -1, batch_size: int = 32) -> None:
        super().__init__(layer)
        if batch_size < 1:
            raise UserError(f"explainer.batch_size is {batch_size}; it must be 1 or more.")
        self.batch_size = batch_size

    @torch.no_grad()
    def draw(self, library: Any, film: Tensor, features: Tensor, logits: Tensor, chosen: Sequence[int]) -> Array:
        """Return ``(N, F, h, w)`` maps: masked films through the network once, a softmax over channels a finding."""
        scores = torch.stack([self.score(library.model, *pair) for pair in zip(film, features, strict=True)])
        weights = scores[:, :, list(chosen)].softmax(dim=1)
        maps: Array = torch.einsum("nchw,ncf->nfhw", features, weights).cpu().numpy()
        return maps

    def score(self, model: Any, film: Tensor, channels: Tensor) -> Tensor:
        """Return the ``(C, K)`` logits of one ``(1, H, W)`` film under the masks of its ``(C, h, w)`` channels."""
        scores = []
        for start in range(0, len(channels), self.batch_size):
            part = channels[start : start + self.batch_size, None]
            masks = F.interpolate(part, film.shape[1:], mode="bilinear", align_corners=True)
            low, high = masks.amin(dim=(2, 3), keepdim=True), masks.amax(dim=(2, 3), keepdim=True)
            scores.append(model(film * (masks - low) / (high - low + 1e-8)))
        return torch.cat(scores)
