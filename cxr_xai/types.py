"""What travels between rooms. Shapes: ``N`` images, ``K`` findings, ``H W`` image, ``h w`` feature map."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

Resize = Callable[[Tensor], Tensor]
"""``(M, h, w)`` heatmaps on an explainer's grid → ``(M, H, W)`` heatmaps on the image; one named rule per run."""


class MaskSlices(Protocol):
    """Masks of ``M`` maps, a part at a time: a slice gives ``(m, H, W)`` bool; a tensor does."""

    def __getitem__(self, part: slice, /) -> Tensor:
        """Return the masks of these maps."""
        ...


@dataclass
class Batch:
    """Studies on their way to the model (mutable, because Lightning moves it between devices field by field).

    Attributes:
        index: ``(N,)`` int64, the rows of the studies in the study table.
        image: ``(N, 1, H, W)`` uint8 gray levels as stored, or float in [0, 1] after the transform.
        target: ``(N, K)`` float, 1 present, 0 absent, NaN unknown.
    """

    index: Tensor
    image: Tensor
    target: Tensor


@dataclass(frozen=True)
class Background:
    """Films of the training part that an explainer compares with.

    Attributes:
        image: ``(B, 1, H, W)`` float32 in [0, 1], on the CPU.
        sha256: of the films' bytes in their order; it is recorded with what was explained.
    """

    image: Tensor
    sha256: str


DrawBackground = Callable[[int], Background]
"""How many films → the background; the same films for the same number, and the first of a larger one."""


@dataclass(frozen=True)
class Explanation:
    """Raw maps of one batch.

    Attributes:
        attribution: ``(N, F, h, w)`` float32, signed, on the explainer's own grid, of the ``F`` findings asked for.
        logits: ``(N, K)`` float32 of all findings, of the model in evaluation mode.
        residual: ``(N, F)`` how far each map's sum is from what its method says it adds up to (completeness); None for
            methods that promise no sum.
    """

    attribution: Tensor
    logits: Tensor
    residual: Tensor | None = None


@dataclass(frozen=True)
class Panel:
    """One explained (study, finding), ready to be shown.

    Attributes:
        kind: ``epoch`` (watched while training), ``box`` (sealed), ``TP``, ``FP`` or ``FN`` (gallery).
        epoch: whose weights were explained.
        image_id: the study.
        finding: whose map it is.
        target: 1, 0 or NaN.
        prob: of the finding.
        film: ``(H, W)`` uint8.
        heatmap: ``(H, W)`` float32 in [0, 1], or None where dead.
        boxes: ``(B, 4)`` radiologists' boxes, xyxy in pixels of the film.
        region: ``(4,)`` box of the map's region, or None.
    """

    kind: str
    epoch: int
    image_id: str
    finding: str
    target: float
    prob: float
    film: npt.NDArray[np.uint8]
    heatmap: npt.NDArray[np.float32] | None
    boxes: npt.NDArray[np.float32]
    region: npt.NDArray[np.float32] | None
