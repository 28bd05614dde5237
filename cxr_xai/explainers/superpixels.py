"""Films in pieces: what `lime` and Kernel SHAP switch on and off.

Source of the fitted kind: Achanta et al., SLIC Superpixels Compared to State-of-the-Art Superpixel Methods, TPAMI 2012
(https://doi.org/10.1109/TPAMI.2012.120).
"""

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from cxr_xai.errors import UserError

COMPACTNESS = (0.1, 1.0, 10.0)
"""SLIC's weight of place against gray level, for gray levels in [0, 1] (scikit-image's default is for colors in 0–100).

The later ones are for films of mere noise, whose specks the first would join into one segment.
"""


def require_skimage() -> None:
    """Fail with the remedy where scikit-image is missing."""
    try:
        import skimage.segmentation  # noqa: F401
    except ImportError as error:
        raise UserError("segments=slic needs scikit-image: pip install 'cxr-xai[explainers]'.") from error


class Superpixels:
    """Cuts films into segments, each film by itself.

    Args:
        kind: ``grid`` cuts all films into the same ``√count × √count`` cells, so that perturbations are drawn alike and
            maps have one grid; ``slic`` follows the gray levels of each film, and yields about ``count`` segments.
        count: number of segments; a square for ``grid``.

    Raises:
        UserError: a count that cannot be, or scikit-image is missing for ``slic``.
    """

    def __init__(self, kind: Literal["grid", "slic"] = "grid", count: int = 49) -> None:
        if kind not in ("grid", "slic"):
            raise UserError(f"segments={kind}: there are grid and slic.")
        if count < 2:
            raise UserError(f"count={count}: a film needs two segments or more.")
        side = math.isqrt(count)
        if kind == "grid" and side**2 != count:
            raise UserError(
                f"count={count}: a grid has as many rows as columns; use {max(side, 2) ** 2} or {(side + 1) ** 2}."
            )
        if kind == "slic":
            require_skimage()
        self.kind, self.count, self.side = kind, count, side

    def __call__(self, image: Tensor) -> Tensor:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, H, W)`` int64 labels ``0 … S - 1``, none left out, on their device.

        Raises:
            UserError: films with fewer pixels along a side than the grid has cells.

        >>> Superpixels("grid", 4)(torch.zeros(1, 1, 2, 4))[0].tolist()
        [[0, 0, 1, 1], [2, 2, 3, 3]]
        """
        height, width = image.shape[-2:]
        if self.kind == "grid":
            return cut_grid(self.side, height, width).to(image.device).expand(len(image), -1, -1)
        films = image[:, 0].detach().float().nan_to_num().cpu().numpy()
        labels = [cut_slic(film, self.count) for film in films]
        return torch.from_numpy(np.stack(labels)).to(image.device)


def cut_grid(side: int, height: int, width: int) -> Tensor:
    """Return ``(H, W)`` int64 labels of ``side × side`` cells, row by row; cells differ by a pixel at most."""
    if min(height, width) < side:
        raise UserError(f"a film of {height} × {width} px cannot be cut into {side} × {side} cells; lower count.")
    rows, columns = (torch.arange(length) * side // length for length in (height, width))
    return rows[:, None] * side + columns


def cut_slic(film: np.ndarray, count: int) -> np.ndarray:
    """``(H, W)`` gray levels in [0, 1] → ``(H, W)`` int64 labels of about ``count`` connected segments."""
    from skimage.segmentation import slic

    for compactness in COMPACTNESS:
        raw = slic(film, n_segments=count, compactness=compactness, channel_axis=None, start_label=0)
        names, labels = np.unique(raw, return_inverse=True)
        if 2 * len(names) >= count:
            break
    return labels.reshape(film.shape).astype(np.int64)
