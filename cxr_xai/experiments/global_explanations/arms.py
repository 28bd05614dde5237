"""From the run folders of two arms to the regions that move their networks, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.data.anatomy.regions import REGIONS
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.cells import Cell
from cxr_xai.experiments.global_explanations.playing import describe_games, open_films, play_films
from cxr_xai.experiments.global_explanations.sides import Sides, choose_sides, name_output
from cxr_xai.experiments.global_explanations.tables import list_differences
from cxr_xai.experiments.global_explanations.terminal import print_arms
from cxr_xai.experiments.global_explanations.trainings import (
    Arm,
    Films,
    Played,
    compare_trainings,
    count_trainings,
    describe_intervals,
    is_paired,
    join_arms,
    list_trainings,
)
from cxr_xai.experiments.require import require_folder
from cxr_xai.experiments.terminal import console
from cxr_xai.files import write_csv, write_json
from cxr_xai.findings import FINDINGS
from cxr_xai.report.regions_of_arms import write_arms_report
from cxr_xai.stats.weightings import mean_defined

Settings = Mapping[str, Any]


def run_arms(settings: Settings) -> None:
    """Play the films of every run of two arms, compare them, and print and write what was found.

    Raises:
        UserError: the arms cannot be compared, or a run or its data are not there.
    """
    if settings["predicted"]:
        raise UserError("predicted=true chooses other films for every run; arms are compared on the same ones.")
    sides = choose_sides(settings)
    folder = require_folder(name_output(settings, sides))
    told: dict[str, Any] = {}
    played = [[_play(cell, settings, told) for cell in side] for side in sides]
    arms, films = join_arms([side[0].arm for side in sides], played)
    summary = summarize(sides, arms, films, settings, told)
    write_csv(folder / "differences.csv", list_differences(summary["differences"]))
    write_csv(folder / "trainings.csv", pd.DataFrame(list_trainings(arms)))
    write_csv(folder / "films.csv", list_films(arms, films))
    write_json(folder / "summary.json", summary)
    print_arms(summary, write_arms_report(folder))


def _play(cell: Cell, settings: Settings, told: dict[str, Any]) -> Played:
    """Play one run's films, and let go of its network; what must be the same of all runs is told."""
    console.print(f"[bold]{cell.arm}[/]: {cell.name}", soft_wrap=True, highlight=False)
    studies = open_films(cell.folder.path, settings)
    games = play_films(studies, settings, "films")
    for key, value in describe_games(studies, games, settings).items():
        if told.setdefault(key, value) != value:
            raise UserError(f"{cell.name} has other regions or values than the runs before it: {told[key]}, {value}.")
    told["unknown"] = told.get("unknown", set()) | set(games.unknown)
    rows = studies.find(games.image_id.tolist())
    who, target = studies.patient_id[rows], studies.target[rows]
    return Played(cell.name, cell.seed, cell.fold, games.image_id, who, target, games.phi, games.areas)


def summarize(
    sides: Sides, arms: Sequence[Arm], films: Films, settings: Settings, told: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what ``summary.json`` holds."""
    protocol = sides.first[0].summary["protocol"]
    return {
        "arms": [arm.name for arm in arms],
        "runs": [
            {"arm": cell.arm, "run": cell.name, "seed": cell.seed, "fold": cell.fold} for side in sides for cell in side
        ],
        "trainings": dict(count_trainings(arms)),
        "paired": is_paired(arms),
        "intervals": describe_intervals(arms, films),
        "protocol": {key: protocol[key] for key in ("source", "label", "data_sha256")},
        "films": len(films.image_id),
        "patients": len(np.unique(films.patient_id)),
        "areas": dict(zip(REGIONS, films.areas.tolist(), strict=True)),
        "by_training": list_trainings(arms),
        "differences": compare_trainings(arms, films, settings["bootstrap"]),
        **told,
        "unknown": len(told["unknown"]),
    }


def list_films(arms: Sequence[Arm], films: Films) -> pd.DataFrame:
    """Return one row per film, finding and region: each arm's value, averaged over its trainings, and the label."""
    first, second = (mean_defined(np.moveaxis(arm.phi, 0, -1)) for arm in arms)
    n, r, k = (axis.ravel() for axis in np.indices(first.shape))
    return pd.DataFrame(
        {
            "image_id": films.image_id[n],
            "finding": np.array(FINDINGS)[k],
            "region": np.array(REGIONS)[r],
            "first": first.ravel(),
            "second": second.ravel(),
            "target": films.target[n, k],
        }
    )
