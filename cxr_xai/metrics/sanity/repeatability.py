"""Does a map stay where it was over seeds, checkpoints, and changes of the film that mean nothing?"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from cxr_xai.heatmap import resize_heatmaps
from cxr_xai.metrics.faithfulness.orders import find_dead, pool_cells
from cxr_xai.metrics.sanity.similarity import spearman

Explain = Callable[[Tensor], Tensor]
"""``(N, 1, H, W)`` films in [0, 1] → ``(N, F, h, w)`` signed maps."""

CELLS = (32, 32)
"""Grid on which moved maps are compared, at most that of the film."""


@dataclass(frozen=True)
class Mild:
    """A change of the film that a reader would not notice or mind.

    Attributes:
        name: in tables.
        degrees: counterclockwise rotation about the center, at most 5.
        scale: of the content, within 5 % of 1.
        shift: ``(x, y)`` to the right and down, as shares of the film's sides.
        brightness: added to gray levels of [0, 1], then clipped to them.
    """

    name: str
    degrees: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    brightness: float = 0.0


MILD = (
    Mild("shift right 4 %", shift=(0.04, 0.0)),
    Mild("shift down 4 %", shift=(0.0, 0.04)),
    Mild("rotate +5°", degrees=5.0),
    Mild("rotate -5°", degrees=-5.0),
    Mild("scale 1.05", scale=1.05),
    Mild("scale .95", scale=0.95),
    Mild("brighter .05", brightness=0.05),
    Mild("darker .05", brightness=-0.05),
)


def move(maps: Tensor, mild: Mild) -> tuple[Tensor, Tensor]:
    """Move films or maps of film size as the change says; gray levels stay.

    Args:
        maps: ``(N, F, H, W)``.
        mild: the change.

    Returns:
        ``(N, F, H, W)``, the border repeated where nothing was; and ``(H, W)`` bool, where there was something.
    """
    height, width = maps.shape[-2:]
    turn = math.radians(mild.degrees)
    cos, sin = math.cos(turn) / mild.scale, math.sin(turn) / mild.scale
    # where each new pixel comes from; a counterclockwise turn on the film, whose y points down
    y, x = torch.meshgrid(
        (torch.arange(height, device=maps.device) + 0.5 - height / 2 - mild.shift[1] * height),
        (torch.arange(width, device=maps.device) + 0.5 - width / 2 - mild.shift[0] * width),
        indexing="ij",
    )
    source = torch.stack([(cos * x - sin * y) * 2 / width, (sin * x + cos * y) * 2 / height], dim=-1)
    inside = (source.abs() <= 1).all(dim=-1)
    grid = source.to(maps.dtype).expand(len(maps), -1, -1, -1)
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False), inside


def equivariance(explain: Explain, image: Tensor, mild: Mild, before: Tensor | None = None) -> dict[str, Tensor]:
    """Compare the map of the changed film with the changed map of the film: ``explain(T(x))`` and ``T(explain(x))``.

    Args:
        explain: the explainer on its model.
        image: ``(N, 1, H, W)`` in [0, 1].
        mild: the change ``T``.
        before: ``explain(image)``, where it is there already.

    Returns:
        ``(N, F)`` each: ``spearman`` of the two over cells whose content was in the film before; ``displacement`` of
        the peak in pixels of the film, likewise. NaN where one of the maps is dead, ``dead`` says where.
    """
    size = (int(image.shape[-2]), int(image.shape[-1]))
    first = explain(image) if before is None else before
    changed, inside = move(image, mild)
    second = explain((changed + mild.brightness).clamp(0, 1))
    at_size = [
        resize_heatmaps(maps.float().flatten(0, 1), size).view(*maps.shape[:2], *size) for maps in (first, second)
    ]
    expected, found = move(at_size[0], mild)[0], at_size[1]
    dead = find_dead(first) | find_dead(second)
    cells = (min(CELLS[0], size[0]), min(CELLS[1], size[1]))
    seen = F.adaptive_avg_pool2d(inside[None].float(), cells)[0] > 0.99
    a, b = (pool_cells(maps, size, cells)[..., seen].flatten(0, 1) for maps in (expected, found))
    shape = first.shape[:2]
    return {
        "spearman": spearman(a, b).to(dead.device).view(shape).where(~dead, torch.nan),
        "displacement": peak_distance(expected, found, inside).where(~dead, torch.nan),
        "dead": dead.double(),
    }


def peak_distance(one: Tensor, other: Tensor, inside: Tensor | None = None) -> Tensor:
    """Return how far apart the peaks of paired maps are, in cells of their grid.

    Args:
        one: ``(..., H, W)``.
        other: likewise.
        inside: ``(H, W)`` bool, where peaks are looked for.

    Returns:
        ``(...)``; of several equal peaks the first counts.

    >>> a, b = torch.zeros(2, 4, 5)
    >>> a[0, 0], b[3, 4] = 1.0, 1.0
    >>> peak_distance(a, b).item()
    5.0
    """
    width, places = one.shape[-1], []
    for maps in (one, other):
        flat = maps.flatten(-2).nan_to_num(nan=-torch.inf)
        if inside is not None:
            flat = flat.masked_fill(~inside.flatten(), -torch.inf)
        peak = flat.argmax(dim=-1)
        places.append(torch.stack([peak // width, peak % width], dim=-1).float())
    apart: Tensor = (places[0] - places[1]).norm(dim=-1)
    return apart


def agreement(maps: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
    """Compare the maps that several runs of an explainer, or several models, give of the same (image, finding).

    Args:
        maps: ``(R, M, h, w)`` signed, ``R ≥ 2`` runs.
        size: ``(H, W)`` of the film, for the unit of the displacement.

    Returns:
        ``(M,)`` each: ``spearman`` and ``displacement`` (pixels), means over pairs of runs in which both maps live; NaN
        without such a pair; `icc` over cells; ``dead``, the share of dead maps.
    """
    dead = find_dead(maps)
    step = torch.tensor([size[0] / maps.shape[-2], size[1] / maps.shape[-1]])
    pairs = list(combinations(range(len(maps)), 2))
    found: dict[str, list[Tensor]] = {"spearman": [], "displacement": []}
    for a, b in pairs:
        live = ~(dead[a] | dead[b]).cpu()
        found["spearman"].append(spearman(maps[a], maps[b]).where(live, torch.nan))
        apart = peak_distance(maps[a], maps[b]).cpu().double() * step.mean().double()
        found["displacement"].append(apart.where(live, torch.nan))
    means = {key: torch.stack(values).nanmean(dim=0) for key, values in found.items()}
    return {**means, "icc": icc(maps.flatten(2)), "dead": dead.double().mean(dim=0).cpu()}


def icc(ratings: Tensor) -> Tensor:
    """Return the intraclass correlation ICC(2,1): two-way random effects, absolute agreement, one rating.

    ``(MS_R - MS_E) / (MS_R + (k - 1) MS_E + k (MS_C - MS_E) / n)`` with ``n`` rows (cells) and ``k`` columns (runs).

    Source: Shrout & Fleiss, Psychological Bulletin 86:420, 1979.

    Args:
        ratings: ``(k, M, n)``, for instance the cells of ``M`` maps by ``k`` runs.

    Returns:
        ``(M,)`` float64, at most 1; NaN where nothing varies or something is not finite.
    """
    x = ratings.detach().cpu().double()
    k, n = x.shape[0], x.shape[2]
    grand = x.mean(dim=(0, 2), keepdim=True)
    rows, columns = x.mean(dim=0, keepdim=True), x.mean(dim=2, keepdim=True)
    between = k * ((rows - grand) ** 2).sum(dim=(0, 2)) / (n - 1)
    raters = n * ((columns - grand) ** 2).sum(dim=(0, 2)) / (k - 1)
    error = ((x - rows - columns + grand) ** 2).sum(dim=(0, 2)) / ((n - 1) * (k - 1))
    below = between + (k - 1) * error + k * (raters - error) / n
    value = (between - error) / below
    return value.where(value.isfinite() & (below > 0), torch.nan)
