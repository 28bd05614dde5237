"""A run's films opened and played: what one run, two runs and two arms have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.explaining import backgrounds_of
from cxr_xai.experiments.global_explanations.games import Games, play_all
from cxr_xai.experiments.studies import Studies, choose_anatomy, open_studies
from cxr_xai.experiments.terminal import ProgressBar

Settings = Mapping[str, Any]
PURPOSE = "importance of regions"


def open_films(folder: str | Path, settings: Settings, most: int | None = None, predicted: bool = False) -> Studies:
    """Open the test studies of a run; the same ones for every run of the same test part, if not ``predicted``.

    Raises:
        UserError: see `open_studies`.
    """
    cache = settings["paths"]["cache"]
    chosen = settings["max_studies"] if most is None else most
    return open_studies(RunFolder(Path(folder)), settings["root"], cache, chosen, PURPOSE, predicted)


def play_films(studies: Studies, settings: Settings, label: str) -> Games:
    """Play the game of every film.

    Raises:
        UserError: the regions of none are known.
    """
    filling = backgrounds_of(studies.data)(count_background(studies, settings)).image.mean(dim=0)
    anatomy = choose_anatomy(studies.data, settings["masks"])
    games = play_all(studies, anatomy, filling, settings["samples"], settings["batch_size"], ProgressBar(label))
    if not len(games.image_id):
        raise UserError(f"none of the {len(studies)} films has known regions ({anatomy.name}); see masks=….")
    return games


def count_background(studies: Studies, settings: Settings) -> int:
    """Return how many training films the mean is taken of: as many as asked for, or all."""
    return min(int(settings["background"]), len(studies.data.dataset("train").rows))


def describe_games(studies: Studies, games: Games, settings: Settings) -> dict[str, str]:
    """Return what the values rest on, in words: the source of regions, what masks them, how values were computed."""
    exact = bool(np.isfinite(games.interactions).all())
    return {
        "anatomy": choose_anatomy(studies.data, settings["masks"]).name,
        "values": "exact" if exact else f"Kernel SHAP, {settings['samples']} masked films each",
        "masked": f"mean of {count_background(studies, settings)} training films",
    }
