"""Approximate regions for films without masks: an average chest, moved and scaled until it looks like the film."""

import hashlib
import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cxr_xai.data.anatomy.phantom import draw_regions
from cxr_xai.data.anatomy.regions import OUTSIDE, Mask, Regions
from cxr_xai.data.phantom.canvas import Canvas
from cxr_xai.data.phantom.render import render
from cxr_xai.data.phantom.spec import Body, Film, PhantomStudy

SIZE = 256
"""Side of the atlas in pixels."""
COARSE, FINE = 32, 64
"""Sides at which the film is compared: first everywhere, then around the best place."""
SCALES = (0.75, 0.85, 0.95, 1.05, 1.15, 1.25, 1.35)
SHIFTS_X = tuple(np.arange(-4, 5) * 0.04)
SHIFTS_Y = tuple(np.arange(-5, 6) * 0.04)
"""Where an average chest is looked for: its size beside the atlas's, its middle in sides of the film."""
ROUNDS = 4
PULL = 0.4
"""What a chest ``exp(±1)`` times as large loses of its correlation: where a film says little, the average stays."""
ENOUGH = 0.66
"""Of correlation less pull: below, the chest was not found. Of 160 real films (.56 to .90, median .84) that are three,
all misplaced when looked at. Of 61 others that were looked at none was, but two were only roughly right: an
inverted film (.70) and a fit that is too tall (.71). A score just above says "about there", no more."""

_CHEST_X, _CHEST_Y = 1.12, (-0.06, 1.10)
"""What is compared, in body coordinates: lungs, heart, ribs and upper abdomen; not arms, neck, air and letters."""


def average_study() -> PhantomStudy:
    """Return a healthy man of average build, upright, straight, at full breath."""
    body = Body(1.0, 1.0, 0.4, False, 1.0, 1.0, 0.0, 7)
    film = Film((0.0, 0.0), 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, False, 7)
    return PhantomStudy(
        0, 0, "test", 0, 50, "M", "PA", (2500, 2048, 0.168), body, film, {}, (), False, False, 0.0, False
    )


@cache
def _atlas() -> tuple[Tensor, Tensor]:
    """``(2, SIZE, SIZE)`` the average film in ranks and what of it is compared; ``(SIZE, SIZE)`` its regions."""
    study = average_study()
    x, y = Canvas(SIZE, study.body, study.film).xy
    support = (np.abs(x) < _CHEST_X) & (y > _CHEST_Y[0]) & (y < _CHEST_Y[1])
    gray = torch.from_numpy(render(study, SIZE).image.astype(np.float32))
    looks = torch.stack([to_ranks(gray[None])[0], torch.from_numpy(support.astype(np.float32))])
    return looks, torch.from_numpy(draw_regions(study, SIZE))


def to_ranks(image: Tensor) -> Tensor:
    """``(N, H, W)`` gray levels → their ranks in the film, 0 to 1: whatever gray curve it was developed with.

    >>> to_ranks(torch.tensor([[[5.0, 1.0], [9.0, 7.0]]])).tolist()
    [[[0.3333333432674408, 0.0], [1.0, 0.6666666865348816]]]
    """
    flat = image.flatten(1)
    ranks = flat.argsort(dim=1, stable=True).argsort(dim=1, stable=True).float()
    return (ranks / max(flat.shape[1] - 1, 1)).view(image.shape)


def _grids(places: Tensor, height: int, width: int) -> Tensor:
    """``(M, 4)`` places → ``(M, height, width, 2)`` atlas coordinates (-1 to 1) of the film's pixels."""
    ends = [(torch.arange(side) + 0.5) * 2 / side - 1 for side in (width, height)]
    across, down = ((end[None] - 2 * places[:, [2 + k]]) / places[:, [k]] for k, end in enumerate(ends))
    shape = (len(places), height, width)
    return torch.stack([across[:, None, :].expand(shape), down[:, :, None].expand(shape)], dim=-1)


def _resemblance(films: Tensor, places: Tensor) -> Tensor:
    """``(N, S, S)`` films in ranks and ``(M, 4)`` places → ``(N, M)`` correlation with the atlas, less the pull."""
    looks = _atlas()[0]
    side = films.shape[-1]
    smooth = F.interpolate(looks[None], (2 * side, 2 * side), mode="area").expand(len(places), -1, -1, -1)
    drawn = F.grid_sample(smooth, _grids(places, side, side), align_corners=False).flatten(2)
    weight = drawn[:, 1] / drawn[:, 1].sum(dim=1, keepdim=True).clamp(min=1e-6)
    template = drawn[:, 0] - (weight * drawn[:, 0]).sum(dim=1, keepdim=True)
    spread = (weight * template**2).sum(dim=1).sqrt().clamp(min=1e-6)
    flat = films.flatten(1)
    mean, square = flat @ weight.T, flat**2 @ weight.T
    correlation = flat @ (weight * template).T / (spread * (square - mean**2).clamp(min=1e-8).sqrt())
    return correlation - PULL * (places[:, :2].log() ** 2).sum(dim=1) / 2


def fit_chest(image: Tensor) -> tuple[Tensor, Tensor]:
    """Find the place of the average chest in films.

    The place is that of the highest correlation, over the chest, between the ranks of the film's gray levels and those
    of the average film, first on a grid of places, then around the best in ever smaller steps.

    Args:
        image: ``(N, 1, H, W)`` in [0, 1].

    Returns:
        ``(N, 4)`` scale in x and y (1 is the atlas's own) and shift in x and y (sides of the film), and ``(N,)`` the
        correlation there, less a pull towards the average size.
    """
    films = [to_ranks(F.interpolate(image.float().cpu(), (side, side), mode="area")[:, 0]) for side in (COARSE, FINE)]
    coarse = torch.tensor(list(itertools.product(SCALES, SCALES, SHIFTS_X, SHIFTS_Y)), dtype=torch.float32)
    best = coarse[_resemblance(films[0], coarse).argmax(dim=1)]
    score = torch.empty(len(best))
    steps = torch.tensor(list(itertools.product((-1, 0, 1), repeat=4)), dtype=torch.float32)
    for n in range(len(best)):
        for shrink in range(1, ROUNDS + 1):
            around = best[n] + steps * torch.tensor([0.1, 0.1, 0.04, 0.04]) / 2**shrink
            found = _resemblance(films[1][n : n + 1], around)[0]
            best[n], score[n] = around[found.argmax()], found.max()
    return best, score


class AtlasAnatomy:
    """Regions of any frontal film, approximate: the average anatomy of the phantom, fitted as a whole to the film.

    Films that were asked about in the last call are not fitted again: who asks what is known asks for its regions next.

    It knows where lungs, heart and mediastinum usually are in a chest of this size at this place. It does not see this
    patient's heart, diaphragm or collapsed lung; a border may be off by a few percent of the film. Good for "upper
    right or below the diaphragm", not for measuring.
    """

    name = "atlas"

    def __init__(self) -> None:
        self._fits: dict[bytes, tuple[Tensor, Tensor]] = {}

    def __call__(self, image: Tensor) -> Tensor:
        """``(N, 1, H, W)`` films → ``(N, H, W)`` int64 labels: for an explainer that asks for regions of a film."""
        return torch.from_numpy(self.regions(image))

    def known(self, image: Tensor, image_ids: Sequence[str] = ()) -> Mask:
        """``(N,)`` true where the film looks enough like a chest on the spot that was found."""
        return np.asarray(self._fit(image)[1].numpy() >= ENOUGH, bool)

    def regions(self, image: Tensor, image_ids: Sequence[str] = ()) -> Regions:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, H, W)`` label maps; names are not looked at."""
        height, width = image.shape[-2:]
        places, _ = self._fit(image)
        labels = _atlas()[1].float()[None, None].expand(len(places), -1, -1, -1)
        grids = _grids(places, height, width)
        drawn = F.grid_sample(labels, grids, mode="nearest", align_corners=False)[:, 0].round().long()
        inside = (grids.abs() <= 1).all(dim=-1)
        return np.asarray(torch.where(inside, drawn, OUTSIDE).numpy(), np.int64)

    def fingerprint(self, image_id: str) -> str:
        """Return nothing: the film and the code are all that the regions rest on."""
        return ""

    def _fit(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `fit_chest` does; films of the last call are not fitted again."""
        keys = [hashlib.sha256(film.numpy().tobytes()).digest() for film in image.float().cpu()]
        if new := {key: n for n, key in enumerate(keys) if key not in self._fits}:
            self._fits |= dict(zip(new, zip(*fit_chest(image[[*new.values()]]), strict=True), strict=True))
        self._fits = {key: self._fits[key] for key in keys}
        places, scores = (torch.stack([self._fits[key][k] for key in keys]) for k in (0, 1))
        return places, scores
