"""The body on a film as it is served: not air, which is dark and reaches the border, no island in it, and not border.

No box, label or stored mask is needed. It errs towards the body: where no air is found, the border alone is outside.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cxr_xai.data.evidence.grid import Evidence, Matrices, sample_cells
from cxr_xai.findings import FINDINGS
from cxr_xai.types import Batch

SIDE = 64
"""Films are looked at this small: at half of it, lungs of real films ran out through thin chest walls."""

DARK = 0.15
"""Of the range between the darkest hundredth of the film and its brightest twentieth; air around a body lies below.
Looked at on 160 real films: .15 left every lung in the body, .25 let three run out. Of 96 that were moved and changed
in tone as in training, one lost part of a lung that lay at the border and was as black as air."""

BORDER = 0.04
"""Share of the side in which letters, collimators and burnt-in edges lie; few costophrenic angles reach it."""

AIR_ROUNDS, BODY_ROUNDS = 16, 32
"""Of growth by a pixel: no air is deeper than a quarter of the side, and what runs out into a lung all the same stays
short; from the middle, half of the side reaches all of a body."""

LEAST_BODY = 0.3
"""Share of the film; a smaller body was not found, and all within the border is taken for it."""


def grow(seed: Tensor, within: Tensor, rounds: int) -> Tensor:
    """Return what of ``within`` is connected with ``seed`` over at most so many of eight neighbors.

    Args:
        seed: ``(N, 1, S, S)`` bool.
        within: likewise.
        rounds: of growth by a pixel.
    """
    allowed = within.float()
    reached = seed * allowed
    for _ in range(rounds):
        reached = _widen(reached) * allowed
    return reached > 0


def _widen(mask: Tensor) -> Tensor:
    return F.max_pool2d(mask, 3, stride=1, padding=1)


def find_body(films: Tensor, matrices: Tensor) -> Tensor:
    """Return the body as ``(N, SIDE, SIDE)`` bool.

    Air is what is dark and connected with the border of the picture; it includes what lies outside a moved film. The
    body is what is connected with the middle without crossing air, so letters in the air are none of it. The border
    moves with the film.

    Args:
        films: ``(N, 1, H, W)`` in [0, 1], as served.
        matrices: ``(N, 2, 3)`` by which they were moved.
    """
    origin = sample_cells(matrices, (SIDE, SIDE), samples=1).abs().amax(-1)
    seen, framed = (origin <= 1).unsqueeze(1), origin <= 1 - 2 * BORDER
    small = F.interpolate(films.float(), (SIDE, SIDE), mode="area")
    levels = torch.where(seen, small, torch.nan).flatten(1)
    low, high = (levels.nanquantile(q, dim=1).view(-1, 1, 1, 1) for q in (0.01, 0.95))
    dark = (small < low + DARK * (high - low)) | ~seen
    edge = torch.ones_like(dark)
    edge[..., 1:-1, 1:-1] = False
    # Bridges into a lung are thin, air is not: what is less than three pixels wide is left out.
    broad = _widen((~dark).float()) == 0
    air = (_widen(grow(edge | ~seen, broad, AIR_ROUNDS).float()) > 0) & dark
    middle = torch.zeros_like(dark)
    middle[..., SIDE // 4 : -SIDE // 4, 3 * SIDE // 8 : -3 * SIDE // 8] = True
    body = grow(middle, ~air, BODY_ROUNDS)[:, 0]
    found = body.float().mean(dim=(1, 2), keepdim=True) >= LEAST_BODY
    return (body | ~found) & framed


class BodyEvidence:
    """Every study and finding, synthetic and blended ones too: no finding lies outside the body.

    Args:
        matrices: of the transform.
    """

    def __init__(self, matrices: Matrices) -> None:
        self.matrices = matrices

    @torch.no_grad()
    def __call__(self, batch: Batch, grid: tuple[int, int], epoch: int) -> Evidence:
        """Return the share of body in each cell, of each study for all findings."""
        device, count = batch.image.device, len(FINDINGS)
        body = find_body(batch.image, self.matrices(batch.index.to(device), epoch))
        row = torch.arange(len(body), device=device).repeat_interleave(count)
        finding = torch.arange(count, device=device).repeat(len(body))
        return Evidence(row, finding, F.interpolate(body.float()[:, None], grid, mode="area")[row, 0])
