"""What the statements are judged on: maps of the network and of an untrained one, and where their evidence lies."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from cxr_xai.data.anatomy.regions import PLAUSIBLE, Anatomy, region_areas, region_shares
from cxr_xai.data.phantom.read import read_mask
from cxr_xai.experiments.studies import Studies
from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.explainers.untrained import untrain
from cxr_xai.findings import FINDINGS
from cxr_xai.heatmap import make_heatmap, resize_heatmaps
from cxr_xai.metrics.localization import energy_in_box

Floats = npt.NDArray[np.float64]
Maps = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Located:
    """Where the evidence of predicted (study, finding) pairs with a known label lies.

    Attributes:
        study: ``(M,)`` position among the studies.
        finding: ``(M,)`` column.
        share: ``(M,)`` of the positive evidence in the finding's plausible regions; NaN for a dead map.
        area: ``(M,)`` of the film that those regions take.
        own: ``(M,)`` share of the evidence in the finding's own drawn lesion; NaN where none is known.
        own_area: ``(M,)``.
        others: ``(M,)`` share in lesions of other findings; NaN where none is known.
        others_area: ``(M,)``.
        unknown: pairs of films without regions, left out.
    """

    study: npt.NDArray[np.int64]
    finding: npt.NDArray[np.int64]
    share: Floats
    area: Floats
    own: Floats
    own_area: Floats
    others: Floats
    others_area: Floats
    unknown: int


def explain_twice(
    studies: Studies, batch_size: int, seed: int, progress: Progress | None = None
) -> tuple[tuple[Maps, Floats], tuple[Maps, Floats]]:
    """Return ``(N, K, h, w)`` exact maps and ``(N, K)`` logits of the network, and of the same network untrained."""
    networks = (studies.model, untrain(copy.deepcopy(studies.model), seed).eval())
    parts: tuple[list[tuple[Maps, Floats]], ...] = ([], [])
    for start in range(0, len(studies), batch_size):
        stop = min(start + batch_size, len(studies))
        films = studies.films(range(start, stop)).to(studies.device)
        for network, part in zip(networks, parts, strict=True):
            part.append(_explain(network, films))
        if progress:
            progress(stop, len(studies))
    first, second = (tuple(np.concatenate(column) for column in zip(*part, strict=True)) for part in parts)
    return first, second  # type: ignore[return-value]


def _explain(network: nn.Module, films: torch.Tensor) -> tuple[Maps, Floats]:
    explained = ExactCam().explain(network, films)
    return explained.attribution.cpu().numpy(), explained.logits.cpu().numpy().astype(np.float64)


def locate(studies: Studies, maps: Maps, anatomy: Anatomy, progress: Progress | None = None) -> Located:
    """Find out in which regions the evidence of every predicted finding lies.

    Args:
        studies: whose predictions and labels count; pairs with an unknown label are left out.
        maps: ``(N, K, h, w)`` raw.
        anatomy: the source of regions.
        progress: told film by film.
    """
    pairs = studies.pred & np.isfinite(studies.target)
    places: list[tuple[int, int]] = []
    numbers: list[list[float]] = []
    unknown = 0
    for n in range(len(studies)):
        columns = np.flatnonzero(pairs[n])
        if len(columns):
            film, names = studies.films([n]), [str(studies.image_id[n])]
            if anatomy.known(film, names)[0]:
                labels = anatomy.regions(film, names)
                places += [(n, int(k)) for k in columns]
                numbers += _place_evidence(studies, n, maps[n, columns], columns, labels)
            else:
                unknown += len(columns)
        if progress:
            progress(n + 1, len(studies))
    at = np.array(places, np.int64).reshape(-1, 2)
    table = np.array(numbers, np.float64).reshape(-1, 6)
    share, area, own, own_area, others, others_area = table.T
    return Located(at[:, 0], at[:, 1], share, area, own, own_area, others, others_area, unknown)


def _place_evidence(
    studies: Studies, n: int, maps: Maps, columns: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]
) -> list[list[float]]:
    side = (labels.shape[1], labels.shape[2])
    heat = resize_heatmaps(make_heatmap(torch.from_numpy(maps)), side)
    shares, areas = region_shares(heat.numpy()[None], labels)[0], region_areas(labels)[0]
    lesions = _lesions(studies, n, side)
    rows = []
    for row, k in enumerate(columns):
        regions = list(PLAUSIBLE[FINDINGS[k]])
        own = lesions.get(FINDINGS[k]) if lesions is not None else None
        others = [mask for name, mask in (lesions or {}).items() if name != FINDINGS[k]]
        rest = np.any(others, axis=0) if others else None
        rows.append([float(shares[row, regions].sum()), float(areas[regions].sum())])
        for mask in (own, rest):
            rows[-1] += [float("nan")] * 2 if mask is None else [_share(heat[row], mask), float(mask.mean())]
    return rows


def _share(heat: torch.Tensor, mask: Mask) -> float:
    return float(energy_in_box(heat[None], torch.from_numpy(mask)[None]))


def _lesions(studies: Studies, n: int, side: tuple[int, int]) -> dict[str, Mask] | None:
    """Masks of the drawn findings of a phantom's film; None where the truth is not known."""
    if studies.data.index.name != "phantom":
        return None
    masks = read_mask(studies.data.root, str(studies.image_id[n]))
    return {name: _resize(mask, side) for name, mask in masks.items()}


def _resize(mask: Mask, side: tuple[int, int]) -> Mask:
    """Bring a mask to another size by nearest pixel centers."""
    film = torch.from_numpy(mask.astype(np.float32))[None, None]
    resized: Mask = F.interpolate(film, side, mode="nearest-exact")[0, 0].numpy() > 0
    return resized
