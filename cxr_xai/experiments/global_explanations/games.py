"""Shapley values of anatomical regions, film by film, kept so that an interrupted run goes on where it was."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cxr_xai.artifacts.certificate import hash_code
from cxr_xai.data.anatomy.regions import REGIONS, Anatomy, Regions, region_areas
from cxr_xai.experiments.certify import hash_data
from cxr_xai.experiments.studies import Studies
from cxr_xai.explainers.coalitions import draw_coalitions, solve_shapley
from cxr_xai.explainers.contract import borrow
from cxr_xai.explainers.interactions import shapley_interactions
from cxr_xai.explainers.shap_kernel import masked_logits
from cxr_xai.files import whole

Floats = npt.NDArray[np.float64]
Predict = Callable[[Tensor], Tensor]
Progress = Callable[[int, int], None]

EVERY = 4
"""So many films are played between two writings."""


@dataclass(frozen=True)
class Games:
    """The regions' values in every film.

    Attributes:
        image_id: ``(N,)`` films whose regions are known.
        phi: ``(N, R, K)`` change of the logit; they sum to ``logit − logit of the film with all regions masked``. A
            region without a pixel has 0.
        interactions: ``(N, R, R, K)``; NaN where coalitions were sampled.
        areas: ``(N, R)`` shares of the film.
        unknown: names of the films without regions.
    """

    image_id: npt.NDArray[np.str_]
    phi: Floats
    interactions: Floats
    areas: Floats
    unknown: list[str]


def play(
    predict: Predict, film: Tensor, labels: npt.NDArray[np.int64], filling: Tensor, budget: int, batch_size: int
) -> tuple[Floats, Floats]:
    """Return ``(R, K)`` Shapley values and ``(R, R, K)`` interactions of one film's regions, all findings at once.

    Exact where the budget holds all coalitions of the regions that the film has (1,024 for ten); else Kernel SHAP on
    that many, with interactions NaN.

    Args:
        predict: ``(n, 1, H, W)`` films → ``(n, K)`` logits.
        film: ``(1, H, W)``.
        labels: ``(H, W)`` regions.
        filling: ``(1, H, W)`` what masked regions show.
        budget: at most so many masked films.
        batch_size: films at a time.
    """
    present, compact = np.unique(labels, return_inverse=True)
    count, regions = len(present), torch.from_numpy(compact.reshape(labels.shape)).to(film.device)
    every = budget >= 2**count
    if every:
        rows = (np.arange(2**count)[:, None] >> np.arange(count)) & 1 > 0
        weights = np.zeros(0)
    else:
        middle, weights = draw_coalitions(count, budget - 2)
        rows = np.concatenate([np.zeros((1, count), bool), middle, np.ones((1, count), bool)])
    asked = masked_logits(predict, film, regions, torch.from_numpy(rows), filling[None], batch_size)
    values = asked.double().cpu().numpy()
    if every and count > 1:
        kernel = draw_coalitions(count, 2**count)
        place = kernel[0] @ (1 << np.arange(count))
        solved = solve_shapley(kernel[0], kernel[1], values[place], values[0], values[-1])
    else:
        solved = solve_shapley(rows[1:-1], weights, values[1:-1], values[0], values[-1])
    phi = np.zeros((len(REGIONS), values.shape[1]))
    phi[present] = solved
    pairs = np.zeros((len(REGIONS), *phi.shape))
    pairs[np.ix_(present, present)] = shapley_interactions(values) if every else np.nan
    return phi, pairs


def play_all(
    studies: Studies, anatomy: Anatomy, filling: Tensor, budget: int, batch_size: int, progress: Progress | None = None
) -> Games:
    """Play the game of every film, or read what was played before with the same network, data, regions and code.

    What is done is written to ``regions/values.npz`` of the run every few films. A film whose regions rest on something
    else than before (another label image, or one where there was none) is played again; the others stay.
    """
    key = make_key(studies, anatomy, filling, budget)
    path = studies.folder.path / "regions" / "values.npz"
    prints = {name: anatomy.fingerprint(name) for name in studies.image_id.tolist()}
    done, before = _read(path, key, prints)
    prints = before | prints
    missing = [n for n, name in enumerate(studies.image_id.tolist()) if name not in done]
    for start in range(0, len(missing), EVERY):
        which = missing[start : start + EVERY]
        names = studies.image_id[which].tolist()
        image = studies.films(which)
        known = anatomy.known(image, names)
        labels = _look(anatomy, image, names, known)
        with borrow(studies.model) as lent:
            for position, name in enumerate(names):
                if known[position]:
                    film = image[position].to(studies.device)
                    game = play(lent, film, labels[position], filling.to(studies.device), budget, batch_size)
                    done[name] = (*game, region_areas(labels[position][None])[0])
                else:
                    done[name] = None
        _write(path, key, done, prints)
        if progress:
            progress(start + len(names), len(missing))
    played = [name for name in studies.image_id.tolist() if done[name] is not None]
    parts = [done[name] or () for name in played]
    phi, pairs, areas = (np.stack([part[k] for part in parts]) if parts else np.zeros((0,)) for k in range(3))
    return Games(
        np.array(played), phi, pairs, areas, [name for name in studies.image_id.tolist() if done[name] is None]
    )


Played = dict[str, tuple[Floats, Floats, Floats] | None]


def _look(anatomy: Anatomy, image: Tensor, names: list[str], known: npt.NDArray[np.bool_]) -> Regions:
    labels = np.zeros((len(names), *image.shape[-2:]), np.int64)
    if known.any():
        labels[known] = anatomy.regions(
            image[torch.from_numpy(known)], [n for n, k in zip(names, known, strict=True) if k]
        )
    return labels


def make_key(studies: Studies, anatomy: Anatomy, filling: Tensor, budget: int) -> str:
    """Return the SHA-256 of what values of all films rest on: network, data, kind of regions, filling, budget, code."""
    code = hash_code("experiments/global_explanations/")
    told = [studies.weights, hash_data(studies.data), anatomy.name, budget, list(REGIONS), code]
    told.append(hashlib.sha256(filling.cpu().numpy().tobytes()).hexdigest())
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _read(path: Path, key: str, prints: Mapping[str, str]) -> tuple[Played, dict[str, str]]:
    """What was played with this key, but for films whose regions rest on something else now; and what all rested on."""
    try:
        with np.load(path) as stored:
            if str(stored["key"]) != key:
                return {}, {}
            arrays = [stored[name].astype(np.float64) for name in ("phi", "interactions", "areas")]
            games = dict(zip(stored["image_id"].tolist(), zip(*arrays, strict=True), strict=True))
            done: Played = games | dict.fromkeys(stored["unknown"].tolist())
            before = dict(zip(stored["film"].tolist(), stored["fingerprint"].tolist(), strict=True))
            return {name: game for name, game in done.items() if prints.get(name, before[name]) == before[name]}, before
    except (OSError, KeyError, ValueError):
        return {}, {}


def _write(path: Path, key: str, done: Played, prints: Mapping[str, str]) -> None:
    played = {name: game for name, game in done.items() if game is not None}
    columns = zip(*played.values(), strict=True) if played else ((), (), ())
    phi, pairs, areas = (np.array(column, np.float64) for column in columns)
    unknown = np.array([name for name, game in done.items() if game is None], str)
    with whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            key=key,
            image_id=np.array(list(played), str),
            phi=phi,
            interactions=pairs.astype(np.float32),
            areas=areas,
            unknown=unknown,
            film=np.array(list(done), str),
            fingerprint=np.array([prints[name] for name in done], str),
        )
