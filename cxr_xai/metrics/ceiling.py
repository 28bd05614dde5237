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

Where rows and columns are resized apart (`metrics.separable`), a one-hot map is the product of two profiles; both
ceilings then follow from ``h + w`` profiles instead of ``h·w`` maps, and a grid as fine as the image costs no more.
"""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from cxr_xai.metrics.region import Boxes, box_area, box_sides, pack_boxes, rasterize_boxes, region, region_box
from cxr_xai.metrics.separable import Profiles, check_size, find_profiles
from cxr_xai.types import MaskSlices, Resize

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
        yield check_size(resize(maps.view(-1, *grid)), size)


def _unlike_lines(one_hot: Tensor, axis: int) -> Tensor:
    """Between which neighbors along an axis of ``(P, H, W)`` some map changes, ``(H - 1,)`` or ``(W - 1,)`` bool."""
    lines = one_hot.movedim(axis, -1).flatten(0, 1)
    return (lines.diff(dim=1).abs() > _ALIKE).any(0)


def _possible_edges(unlike: Tensor) -> Tensor:
    """Sorted positions where a region can begin or end: the ends of the axis, and between unlike lines."""
    inner = torch.nonzero(unlike).ravel() + 1
    return torch.cat([inner.new_tensor([0]), inner, inner.new_tensor([len(unlike) + 1])]).float()


def _candidates(low: Tensor, high: Tensor, core: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Lengths and overlaps ``(T, 4, P)`` along an axis: the four intervals to try per box and core ``(P, 2)``."""

    def around(edge: Tensor) -> tuple[Tensor, Tensor]:
        inside = edge.clamp(edges[0], edges[-1])
        return edges[torch.searchsorted(edges, inside, right=True) - 1], edges[torch.searchsorted(edges, inside)]

    starts = [torch.minimum(edge[:, None], core[:, 0]) for edge in around(low)]
    ends = [torch.maximum(edge[:, None], core[:, 1]) for edge in around(high)]
    start, end = (torch.stack(each, 1) for each in zip(*itertools.product(starts, ends), strict=True))
    overlap = torch.minimum(end, high[:, None, None]) - torch.maximum(start, low[:, None, None])
    return (end - start).clamp(min=0), overlap.clamp(min=0)


def _worth_trying(lengths: Tensor, overlaps: Tensor) -> tuple[Tensor, Tensor]:
    """Of intervals ``(T, Q)``, those that overlap more than every one of their length or shorter, ``(T, few)``.

    The others cannot give the best IoU, whatever stands on the other axis. Rows are filled up with empty intervals.
    """
    lengths, order = lengths.sort(dim=1)
    overlaps = overlaps.gather(1, order)
    before = overlaps.cummax(1).values.roll(1, 1)
    before[:, 0] = -1
    kept = overlaps > before
    few = int(kept.sum(1).max())
    # a stable sort brings the kept ones to the front, in their order
    front = (~kept).byte().sort(dim=1, stable=True).indices[:, :few]
    kept = kept.gather(1, front)
    return lengths.gather(1, front).where(kept, 0), overlaps.gather(1, front).where(kept, 0)


def _ious(down: tuple[Tensor, Tensor], across: tuple[Tensor, Tensor], area: Tensor) -> Tensor:
    """IoU of boxes of the given areas with those whose sides have these lengths and overlaps (broadcast)."""
    shared = down[1] * across[1]
    return (shared / (down[0] * across[0] + area - shared)).nan_to_num(nan=0.0)


def _best_iou(box: Tensor, core: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """``(T,)`` best IoU of boxes ``(T, 4)`` with any possible box that contains one of the cores ``(P, 4)``."""
    x1, y1, x2, y2 = (edge.contiguous() for edge in box.unbind(1))
    down, across = (_candidates(y1, y2, core[:, 1::2], rows), _candidates(x1, x2, core[:, 0::2], columns))
    best = torch.zeros(len(box), len(core), device=box.device)
    for i, j in itertools.product(range(4), range(4)):
        pair = [tuple(each[:, k] for each in axis) for axis, k in ((down, i), (across, j))]
        best = torch.maximum(best, _ious(pair[0], pair[1], box_area(box)[:, None]))  # type: ignore[arg-type]
    return best.amax(1)


def _best_product_iou(box: Tensor, profiles: Profiles, threshold: float) -> Tensor:
    """`_best_iou` over the cores of all products of two profiles.

    A node's core has rows that depend on its row and on how high its column's profile rises, and likewise across.
    Nodes are grouped by that, so that in a group every rows go with every columns: each axis is thinned on its own.
    """
    down, across = profiles
    edges = [_possible_edges((axis.diff(dim=1).abs() > _ALIKE).any(0)).to(box.device) for axis in (down, across)]
    x1, y1, x2, y2 = (edge.contiguous() for edge in box.unbind(1))
    best = torch.zeros(len(box), device=box.device)
    for (rows, with_rows), (columns, with_columns) in itertools.product(
        _group_cores(down, across.amax(1), threshold), _group_cores(across, down.amax(1), threshold)
    ):
        # rows were cut for the columns in their group, and the other way round
        tried_down = _candidates(y1, y2, torch.unique(rows[with_columns], dim=0), edges[0])
        tried_across = _candidates(x1, x2, torch.unique(columns[with_rows], dim=0), edges[1])
        one, other = (_worth_trying(*(each.flatten(1) for each in axis)) for axis in (tried_down, tried_across))
        pairs = _ious(
            tuple(each[:, :, None] for each in one),  # type: ignore[arg-type]
            tuple(each[:, None, :] for each in other),  # type: ignore[arg-type]
            box_area(box)[:, None, None],
        )
        best = torch.maximum(best, pairs.flatten(1).amax(1))
    return best


def _group_cores(profiles: Tensor, tops: Tensor, threshold: float) -> list[tuple[Tensor, Tensor]]:
    """Cores along one axis, for the nodes of the other axis that leave them alike.

    Args:
        profiles: ``(h, H)`` of this axis.
        tops: ``(w,)`` maxima of the other axis' profiles.
        threshold: of the product.

    Returns:
        (cores ``(h, 2)``, nodes of the other axis); a profile that never reaches the threshold has a core that binds
        nothing.
    """
    groups: dict[bytes, tuple[Tensor, list[int]]] = {}
    for node, top in enumerate(tops.tolist()):
        cores = _interval_of(profiles.float() * top >= threshold)
        groups.setdefault(cores.numpy(force=True).tobytes(), (cores, []))[1].append(node)
    return [(cores, torch.tensor(nodes, device=profiles.device)) for cores, nodes in groups.values()]


def _interval_of(reached: Tensor) -> Tensor:
    """First and one past the last set of each row ``(h, H)``, as ``(h, 2)``; ``(inf, -inf)`` where none is."""
    first, last = reached.byte().argmax(1), reached.shape[1] - reached.flip(1).byte().argmax(1)
    free = torch.tensor([torch.inf, -torch.inf], device=reached.device)
    return torch.where(reached.any(1)[:, None], torch.stack([first, last], 1).float(), free)


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
    profiles = find_profiles(resize, grid, size, flat.device)
    if profiles is None:
        best = _best_over_nodes(flat, size, grid, resize, threshold)
    else:
        step = max(1, _CHUNK // (16 * sum(grid)))
        parts = [_best_product_iou(part, profiles, threshold) for part in torch.split(flat, step)] if len(flat) else []
        best = torch.cat(parts) if parts else flat[:, 0]
    ceiling = torch.zeros(len(boxes), device=flat.device)
    return ceiling.scatter_reduce(0, owner, best, "amax")


def _best_over_nodes(
    flat: Tensor, size: tuple[int, int], grid: tuple[int, int], resize: Resize, threshold: float
) -> Tensor:
    """``(T,)`` best IoU of each box, from the one-hot map of every node; for any resizing."""
    cores, unlike = [], [torch.zeros(n - 1, dtype=torch.bool, device=flat.device) for n in size]
    for one_hot in _resized_one_hots(grid, size, resize, flat.device):
        cores.append(region_box(region(one_hot, threshold)))
        unlike = [before | _unlike_lines(one_hot, axis) for axis, before in enumerate(unlike, start=1)]
    rows, columns = (_possible_edges(lines) for lines in unlike)
    core = torch.cat(cores)
    free = torch.tensor([torch.inf, torch.inf, -torch.inf, -torch.inf], device=core.device)
    core = torch.unique(core.where(~core.isnan(), free), dim=0)
    parts = [_best_iou(part, core, rows, columns) for part in torch.split(flat, max(1, _CHUNK // (16 * len(core))))]
    return torch.cat(parts) if parts else flat[:, 0]


def energy_ceiling(
    boxes: Boxes, size: tuple[int, int], grid: tuple[int, int], resize: Resize, masks: MaskSlices | None = None
) -> Tensor:
    """Return the largest energy in the boxes (their union) that a non-negative map on the grid can reach; exact.

    Args:
        boxes: the boxes of each of ``M`` maps, xyxy in pixels of the image.
        size: ``(H, W)`` of the image.
        grid: ``(h, w)`` of the explainer's own maps.
        resize: ``(P, h, w)`` to ``(P, H, W)``, linear, the rule that the scored maps went through.
        masks: the marked pixels of each map, which count in place of the boxes where they are known.

    Returns:
        ``(M,)`` float32 in [0, 1].

    Raises:
        UserError: a map has no box, or ``resize`` does not give ``size``.
    """
    device = pack_boxes(boxes)[0].device
    per_map = [box.reshape(-1, 4) for box in boxes]
    ceiling = torch.zeros(len(per_map), device=device)
    step = max(1, _CHUNK // (size[0] * size[1]))
    profiles = find_profiles(resize, grid, size, device)
    if profiles is not None:
        # float64, because float32 products may run as TF32 or bfloat16
        down, across = (axis / axis.sum(1, keepdim=True) for axis in profiles)
        several = torch.tensor([len(box) > 1 or masks is not None for box in per_map], dtype=torch.bool, device=device)
        if not several.all():
            rows, columns = box_sides(pack_boxes([box for box in per_map if len(box) == 1])[0], size)
            best = (rows.double() @ down.T).amax(1) * (columns.double() @ across.T).amax(1)
            ceiling[~several] = best.float()
        for number in torch.nonzero(several).ravel().tolist():
            mask = _marked(masks, per_map, slice(number, number + 1), size)[0].double()
            ceiling[number] = (down @ mask @ across.T).amax().float()
        return ceiling
    for one_hot in _resized_one_hots(grid, size, resize, device):
        share = (one_hot / one_hot.sum((1, 2), keepdim=True)).flatten(1).T.double()
        for start in range(0, len(per_map), step):
            part = slice(start, min(start + step, len(per_map)))
            mask = _marked(masks, per_map, part, size).flatten(1).double()
            ceiling[part] = torch.maximum(ceiling[part], (mask @ share).amax(1).float())
    return ceiling


def _marked(masks: MaskSlices | None, boxes: list[Tensor], part: slice, size: tuple[int, int]) -> Tensor:
    return rasterize_boxes(boxes[part], size) if masks is None else masks[part].to(boxes[part.start].device)
