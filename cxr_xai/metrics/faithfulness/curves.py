"""Deletion and insertion on logits, and ROAD.

Sources: Petsiuk et al., RISE, BMVC 2018 (https://arxiv.org/abs/1806.07421); Samek et al., IEEE TNNLS 2017
(https://arxiv.org/abs/1509.06321); Rong et al., ICML 2022 (https://arxiv.org/abs/2202.00449). Logits, not
probabilities: a sigmoid near 1 hides what was taken away.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cxr_xai.metrics.faithfulness.imputers import Imputer

Predict = Callable[[Tensor], Tensor]
"""``(N, 1, H, W)`` films in [0, 1] → ``(N, K)`` logits."""

Mode = Literal["deletion", "insertion"]

ROAD_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
"""Shares removed, as the published code has them."""

LEAST_DROP = 0.5
"""Logits between the intact and the removed film below which there is no evidence to take away."""


class Areas(NamedTuple):
    """Areas under curves.

    Attributes:
        area: ``(M,)`` normalized; NaN where the order is not known or there was no evidence to take away.
        drop: ``(M,)`` intact minus fully removed logit.
    """

    area: Tensor
    drop: Tensor


class Ends(NamedTuple):
    """Where every curve of a film begins and ends, whatever the order.

    Attributes:
        intact: ``(N, K)`` logits of the films.
        removed: ``(N, K)`` of the films without anything.
    """

    intact: Tensor
    removed: Tensor


def count_removed(cells: int, steps: int) -> list[int]:
    """Return how many cells are touched at each of ``steps + 1`` points, from none to all.

    >>> count_removed(10, 4)
    [0, 2, 5, 8, 10]
    """
    return [round(step * cells / steps) for step in range(steps + 1)]


@torch.no_grad()
def predict_films(predict: Predict, image: Tensor, batch: int = 64) -> Tensor:
    """Return ``(N, K)`` float32 logits on the CPU of ``(N, 1, H, W)`` films, ``batch`` of them at once.

    A film that is not finite, for want of an imputation, has NaN whatever the model makes of it.
    """
    logits = []
    for start in range(0, len(image), batch):
        films = image[start : start + batch]
        finite = films.isfinite().flatten(1).all(1).cpu()
        logits.append(predict(films.nan_to_num()).float().cpu().where(finite[:, None], torch.nan))
    return torch.cat(logits)


@torch.no_grad()
def predict_ends(
    predict: Predict, image: Tensor, imputer: Imputer, batch: int = 64, intact: Tensor | None = None
) -> Ends:
    """Predict the films as they are, unless that is there already, and with all of them removed."""
    everything = torch.ones_like(image, dtype=torch.bool)
    removed = imputer.impute(image, imputer.fill(image), everything)
    intact = predict_films(predict, image, batch) if intact is None else intact
    return Ends(intact, predict_films(predict, removed, batch))


@torch.no_grad()
def removal_logits(
    predict: Predict,
    image: Tensor,
    ranks: Tensor,
    owner: Tensor,
    counts: Sequence[int],
    imputer: Imputer,
    mode: Mode = "deletion",
    batch: int = 64,
    ends: Ends | None = None,
) -> Tensor:
    """Predict films from which the first cells of an order were removed, or that have nothing but them.

    All (order, count) pairs go through the network in batches of one size, whichever film they belong to: memory is
    bound by ``batch`` films.

    Args:
        predict: the model.
        image: ``(N, 1, H, W)`` in [0, 1].
        ranks: ``(M, a, b)`` of `rank_cells`.
        owner: ``(M,)`` int64, the film of each order.
        counts: ``S`` numbers of cells.
        imputer: puts something in their place.
        mode: ``deletion`` removes the first cells, ``insertion`` all others.
        batch: films predicted at once.
        ends: of the films under this imputer, where they are there already.

    Returns:
        ``(M, S, K)`` float32 on the CPU; NaN where the imputer gave no film.
    """
    intact, emptied = predict_ends(predict, image, imputer, batch) if ends is None else ends
    none, every = (intact, emptied) if mode == "deletion" else (emptied, intact)
    cells = ranks[0].numel() if len(ranks) else 0
    known = {0: none[owner.cpu()], cells: every[owner.cpu()]}  # one film's, whatever the order
    inner = [count for count in counts if count not in known]
    fill, size = imputer.fill(image), image.shape[-2:]
    first = torch.as_tensor(inner, device=image.device)
    ranks, owner = ranks.to(image.device), owner.to(image.device)
    total, logits = len(ranks) * len(first), [none[:0]]
    for start in range(0, total, batch):
        pair = torch.arange(start, min(start + batch, total), device=image.device)
        step, order = pair // len(ranks), pair % len(ranks)  # masks of one size together: they are filled alike
        chosen = ranks[order] < first[step].view(-1, 1, 1)
        removed = chosen if mode == "deletion" else ~chosen
        mask = F.interpolate(removed[:, None].float(), size, mode="nearest-exact") > 0.5
        film = owner[order]
        logits.append(predict_films(predict, imputer.impute(image[film], fill[film], mask), batch))
    between = iter(torch.cat(logits).view(len(inner), len(ranks), none.shape[1]))
    return torch.stack([known[count] if count in known else next(between) for count in counts], dim=1)


def normalize_curves(curves: Tensor, mode: Mode = "deletion", least_drop: float = LEAST_DROP) -> Tensor:
    """Return ``(z - z_removed) / (z_intact - z_removed)``: 1 at the intact film, 0 at the fully removed one.

    Args:
        curves: ``(M, S)`` logits from `removal_logits`; the first point of a deletion and the last of an insertion are
            the intact film, the other end is the removed one.
        mode: which.
        least_drop: where intact and removed film differ by less, or the wrong way round, the curve is undefined: the
            film then holds no evidence that this imputer could take away.

    Returns:
        ``(M, S)``; not clamped, since a removal may raise the logit. NaN where undefined.

    >>> normalize_curves(torch.tensor([[4.0, 1.0, 2.0]])).tolist()
    [[1.0, -0.5, 0.0]]
    """
    ends = curves[:, [0, -1]] if mode == "deletion" else curves[:, [-1, 0]]
    intact, removed = ends.unbind(1)
    drop = intact - removed
    return (curves - removed[:, None]) / torch.where(drop >= least_drop, drop, torch.nan)[:, None]


def areas_under(curves: Tensor, mode: Mode = "deletion", least_drop: float = LEAST_DROP) -> Areas:
    """Integrate normalized curves over the share of cells by the trapezoidal rule.

    A deletion of small and an insertion of large area name the evidence; .5 is a straight line. Equal steps are
    assumed: `count_removed`.

    Args:
        curves: ``(M, S)`` logits.
        mode: which end is the intact film.
        least_drop: see `normalize_curves`.

    >>> areas_under(torch.tensor([[4.0, 2.0, 2.0], [1.0, 1.0, 1.0]])).area.tolist()
    [0.25, nan]
    """
    relative = normalize_curves(curves, mode, least_drop)
    area = torch.trapezoid(relative, dx=1 / (curves.shape[1] - 1), dim=1)
    drop = curves[:, 0] - curves[:, -1]
    return Areas(area, drop if mode == "deletion" else -drop)


def road_scores(most_first: Tensor, least_first: Tensor) -> Tensor:
    """Return ROAD's joint score, ``mean over shares of (LeRF - MoRF) / 2`` in logits; 0 is expected from chance.

    Args:
        most_first: ``(M, P)`` logits after the most relevant share was removed (MoRF).
        least_first: ``(M, P)`` logits after the least relevant share was removed (LeRF).

    Returns:
        ``(M,)``; larger is better.

    >>> road_scores(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 2.0]])).tolist()
    [1.0]
    """
    return ((least_first - most_first) / 2).mean(dim=1)


def road_from_curves(deletion: Tensor, insertion: Tensor, shares: Sequence[float] = ROAD_SHARES) -> Tensor:
    """Return `road_scores` from curves of noisy linear interpolation that are there already.

    The film without its least relevant ``p`` is the one that holds its most relevant ``1 - p``: a point of the
    insertion curve. Shares between points take the nearest one.

    Args:
        deletion: ``(M, S)`` logits at equal steps.
        insertion: likewise.
        shares: removed.
    """
    steps = deletion.shape[1] - 1
    most = [round(share * steps) for share in shares]
    return road_scores(deletion[:, most], insertion[:, [steps - step for step in most]])
