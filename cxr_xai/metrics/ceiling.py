"""The best score that any map on an explainer's own grid can reach, after the same resizing and box rule.

IoU. A map on the grid is non-negative with maximum 1 at some node ``p``, so it is at least the one-hot map of ``p``
everywhere. Resizing with non-negative weights (bilinear, nearest, Gaussian; not bicubic) keeps that order, hence its
region contains the one-hot region, and its tight box ``B`` contains the tight box ``C_p``. Nor can an edge of ``B``
lie between two columns (or rows) of pixels that every map fills alike: inside a cell of nearest resizing, or within
half a cell of the border, where bilinear resizing is constant. Among the boxes that are left each edge is best where
it is closest to the box ``G``: a column of pixels inside ``G`` always raises IoU, a column outside always lowers it.
So two candidates remain per edge, the possible edges next to ``G``'s on either side, moved outwards to ``C_p`` where
they would cut it: 16 boxes per node, the best of which no map can beat, whichever node carries its maximum. For
bilinear resizing maps of the form ``u(x)·v(y)`` come within about 0.001 of it.

Energy. ``sum(H·G) / sum(H)`` is a weighted mean of the same ratio over one-hot maps, so the best one-hot map is best.
"""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from cxr_xai.errors import UserError
from cxr_xai.metrics.region import Boxes, box_area, pack_boxes, rasterize_boxes, region, region_box
from cxr_xai.types import Resize

_CHUNK = 2**23  # numbers held at once: 32 MiB as float32
_ALIKE = 1e-5  # two pixels that differ by less in every one-hot map are filled alike (rounding)


def _resized_one_hots(
    grid: tuple[int, int], size: tuple[int, int], resize: Resize, device: torch.device
) -> Iterator[Tensor]:
    nodes = grid[0] * grid[1]
    step = max(1, _CHUNK // (size[0] * size[1]))
    for start in range(0, nodes, step):
        node = torch.arange(start, min(start + step, nodes), device=device)
        maps = torch.zeros(len(node), nodes, device=device)
        maps[torch.arange(len(node), device=device), node] = 1
        resized = resize(maps.view(-1, *grid))
        if tuple(resized.shape[1:]) != size:
            raise UserError(
                f"resize gave maps of {tuple(resized.shape[1:])} pixels for an image of {size}; pass its size"
            )
        yield resized


def _unlike_lines(one_hot: Tensor, axis: int) -> Tensor:
    """Between which neighbors along an axis of ``(P, H, W)`` some map changes, ``(H - 1,)`` or ``(W - 1,)`` bool."""
    lines = one_hot.movedim(axis, -1).flatten(0, 1)
    return (lines.diff(dim=1).abs() > _ALIKE).any(0)


def _possible_edges(unlike: Tensor) -> Tensor:
    """Sorted positions where a region can begin or end: the ends of the axis, and between unlike lines."""
    inner = torch.nonzero(unlike).ravel() + 1
    return torch.cat([inner.new_tensor([0]), inner, inner.new_tensor([len(unlike) + 1])]).float()


def _candidates(
    low: Tensor, high: Tensor, core_low: Tensor, core_high: Tensor, edges: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """Lengths and overlaps ``(T, P)`` of the four intervals to try per box (``T``) and node (``P``), along one axis."""

    def around(edge: Tensor) -> tuple[Tensor, Tensor]:
        inside = edge.clamp(edges[0], edges[-1])
        return edges[torch.searchsorted(edges, inside, right=True) - 1], edges[torch.searchsorted(edges, inside)]

    starts = [torch.minimum(edge[:, None], core_low) for edge in around(low)]
    ends = [torch.maximum(edge[:, None], core_high) for edge in around(high)]
    low, high = low[:, None], high[:, None]
    return [
        ((end - start).clamp(min=0), (torch.minimum(end, high) - torch.maximum(start, low)).clamp(min=0))
        for start, end in itertools.product(starts, ends)
    ]


def _best_iou(box: Tensor, core: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """``(T,)`` best IoU of boxes ``(T, 4)`` with any possible box that contains one of the cores ``(P, 4)``."""
    area = box_area(box)[:, None]
    best = torch.zeros(len(box), len(core), device=box.device)
    across = _candidates(box[:, 0].contiguous(), box[:, 2].contiguous(), core[:, 0], core[:, 2], columns)
    down = _candidates(box[:, 1].contiguous(), box[:, 3].contiguous(), core[:, 1], core[:, 3], rows)
    for (width, shared_x), (height, shared_y) in itertools.product(across, down):
        shared = shared_x * shared_y
        union = width * height + area - shared
        best = torch.maximum(best, (shared / union).nan_to_num(nan=0.0))
    return best.amax(1)


def iou_ceiling(
    boxes: Boxes, size: tuple[int, int], grid: tuple[int, int], resize: Resize, threshold: float = 0.5
) -> Tensor:
    """Return the best IoU that a non-negative map on the grid can reach (region ``H >= threshold``, rule ``all``).

    Args:
        boxes: the boxes of each of ``M`` maps, xyxy in pixels of the image; the best of several counts.
        size: ``(H, W)`` of the image.
        grid: ``(h, w)`` of the explainer's own maps, normalized to maximum 1 there.
        resize: ``(P, h, w)`` to ``(P, H, W)`` with non-negative weights, the rule that the scored maps went through.
        threshold: of the region.

    Returns:
        ``(M,)`` float32 in [0, 1]. Where the one-hot map of a node never reaches the threshold, maps with their
        maximum there are not bound at all.

    Raises:
        UserError: a map has no box, or ``resize`` does not give ``size``.
    """
    flat, owner = pack_boxes(boxes)
    cores, unlike = [], [torch.zeros(n - 1, dtype=torch.bool, device=flat.device) for n in size]
    for one_hot in _resized_one_hots(grid, size, resize, flat.device):
        cores.append(region_box(region(one_hot, threshold)))
        unlike = [before | _unlike_lines(one_hot, axis) for axis, before in enumerate(unlike, start=1)]
    rows, columns = (_possible_edges(lines) for lines in unlike)
    core = torch.cat(cores)
    free = torch.tensor([torch.inf, torch.inf, -torch.inf, -torch.inf], device=core.device)
    core = torch.unique(core.where(~core.isnan(), free), dim=0)
    step = max(1, _CHUNK // (16 * len(core)))
    best = [_best_iou(flat[start : start + step], core, columns, rows) for start in range(0, len(flat), step)]
    ceiling = torch.zeros(len(boxes), device=flat.device)
    return ceiling.scatter_reduce(0, owner, torch.cat(best), "amax") if best else ceiling


def energy_ceiling(boxes: Boxes, size: tuple[int, int], grid: tuple[int, int], resize: Resize) -> Tensor:
    """Return the largest energy in the boxes (their union) that a non-negative map on the grid can reach; exact.

    Args:
        boxes: the boxes of each of ``M`` maps, xyxy in pixels of the image.
        size: ``(H, W)`` of the image.
        grid: ``(h, w)`` of the explainer's own maps.
        resize: ``(P, h, w)`` to ``(P, H, W)``, linear, the rule that the scored maps went through.

    Returns:
        ``(M,)`` float32 in [0, 1].

    Raises:
        UserError: a map has no box, or ``resize`` does not give ``size``.
    """
    device = pack_boxes(boxes)[0].device
    per_map = [box.reshape(-1, 4) for box in boxes]
    ceiling = torch.zeros(len(per_map), device=device)
    step = max(1, _CHUNK // (size[0] * size[1]))
    for one_hot in _resized_one_hots(grid, size, resize, device):
        # float64, because float32 products may run as TF32 or bfloat16
        share = (one_hot / one_hot.sum((1, 2), keepdim=True)).flatten(1).T.double()
        for start in range(0, len(per_map), step):
            mask = rasterize_boxes(per_map[start : start + step], size).flatten(1).double()
            part = slice(start, start + len(mask))
            ceiling[part] = torch.maximum(ceiling[part], (mask @ share).amax(1).float())
    return ceiling
