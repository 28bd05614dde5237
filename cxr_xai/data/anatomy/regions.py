"""The regions of a frontal chest film, and what every source of them promises."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from cxr_xai.findings import FINDINGS

REGIONS: tuple[str, ...] = (
    "outside",
    "right upper lung",
    "right middle lung",
    "right lower lung",
    "left upper lung",
    "left middle lung",
    "left lower lung",
    "heart",
    "mediastinum",
    "below the diaphragm",
)
"""Region ``r`` of a label map is ``REGIONS[r]``. Right and left are the patient's; right is left in the image.
``outside`` is everything else: chest wall, shoulders, neck, arms, air, letters."""

OUTSIDE, HEART, MEDIASTINUM, BELOW = 0, 7, 8, 9
RIGHT_LUNG, LEFT_LUNG = (1, 2, 3), (4, 5, 6)
LUNGS = (*RIGHT_LUNG, *LEFT_LUNG)
"""Zones from the apex down: thirds of the height of each lung."""

_OF_LUNG = (*LUNGS, HEART)  # lung is seen through the heart, too
_WHERE = {"Cardiomegaly": (HEART,), "Hernia": (HEART, MEDIASTINUM, BELOW), "Mass": (*_OF_LUNG, MEDIASTINUM)}
_PLEURAL = dict.fromkeys(("Effusion", "Atelectasis"), (*_OF_LUNG, BELOW))
PLAUSIBLE: Mapping[str, tuple[int, ...]] = {name: (_WHERE | _PLEURAL).get(name, _OF_LUNG) for name in FINDINGS}
"""The regions in which a radiologist would look for each finding. Coarse on purpose, and an assumption: evidence
elsewhere may be meant (a drain in the chest wall), and evidence inside may be nonsense."""

Regions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Anatomy(Protocol):
    """A source of regions.

    Attributes:
        name: ``phantom``, ``folder`` or ``atlas``; it is recorded with every number that rests on it.
    """

    name: str

    def known(self, image: Tensor, image_ids: Sequence[str]) -> Mask:
        """``(N,)`` which films this source has regions of; the others are left out by the caller, and counted."""
        ...

    def regions(self, image: Tensor, image_ids: Sequence[str]) -> Regions:
        """``(N, 1, H, W)`` films in [0, 1] and their names → ``(N, H, W)`` label maps.

        Raises:
            UserError: a film is not known.
        """
        ...

    def fingerprint(self, image_id: str) -> str:
        """Return what this film's regions rest on besides its pixels and the code; another one, other regions."""
        ...


def compose_regions(
    right: Mask, left: Mask, heart: Mask, mediastinum: Mask, below: Mask, level: npt.ArrayLike
) -> Regions:
    """Put masks together into one label map; of masks that overlap, the one nearer to the middle counts.

    Args:
        right: ``(H, W)`` the patient's right lung.
        left: likewise.
        heart: likewise; it hides lung and mediastinum.
        mediastinum: likewise; it hides lung.
        below: likewise; what lungs, heart and mediastinum leave of it.
        level: ``(H, W)`` height of every pixel, growing from apex to diaphragm; a lung is cut into thirds of its range.

    >>> one = np.ones((6, 1), bool)
    >>> rows = np.arange(6)[:, None]
    >>> compose_regions(one, ~one, rows == 5, ~one, ~one, rows).ravel().tolist()
    [1, 1, 2, 2, 3, 7]
    """
    height = np.broadcast_to(np.asarray(level, np.float64), right.shape)
    labels = np.full(right.shape, OUTSIDE, np.int64)
    labels[below] = BELOW
    for lung, zones in ((right, RIGHT_LUNG), (left, LEFT_LUNG)):
        if lung.any():
            top, bottom = height[lung].min(), height[lung].max()
            third = np.clip((height - top) / max(bottom - top, 1e-9) * 3, 0, 2.999).astype(np.int64)
            labels[lung] = np.asarray(zones)[third[lung]]
    labels[mediastinum] = MEDIASTINUM
    labels[heart] = HEART
    return labels


def region_areas(labels: Regions) -> npt.NDArray[np.float64]:
    """``(N, H, W)`` label maps → ``(N, R)`` shares of the film; they sum to 1.

    >>> region_areas(np.array([[[0, 0], [7, 8]]])).round(2).tolist()
    [[0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.25, 0.0]]
    """
    return np.stack([np.bincount(one.ravel(), minlength=len(REGIONS)) / one.size for one in labels])


def region_shares(maps: npt.NDArray[np.floating], labels: Regions) -> npt.NDArray[np.float64]:
    """Return which share of a map's positive evidence lies in each region.

    Args:
        maps: ``(N, F, H, W)`` on the image's pixels; only what is positive counts.
        labels: ``(N, H, W)``.

    Returns:
        ``(N, F, R)`` summing to 1; NaN for a map without positive evidence, and for one that is not finite.
    """
    positive = np.maximum(np.asarray(maps, np.float64), 0)
    sums = np.zeros((*positive.shape[:2], len(REGIONS)))
    for n, one in enumerate(labels):
        for f in range(positive.shape[1]):
            sums[n, f] = np.bincount(one.ravel(), weights=positive[n, f].ravel(), minlength=len(REGIONS))
    total = sums.sum(axis=-1, keepdims=True)
    known = np.isfinite(total) & (total > 0)
    shares: npt.NDArray[np.float64] = np.divide(sums, total, out=np.full(sums.shape, np.nan), where=known)
    return shares
