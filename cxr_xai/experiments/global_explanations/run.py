"""From a run folder to ``regions/``: importance of regions, pairs of findings, and another run beside it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from cxr_xai.data.anatomy.regions import REGIONS
from cxr_xai.errors import UserError
from cxr_xai.experiments.estimates import require_replicates
from cxr_xai.experiments.global_explanations.arms import run_arms
from cxr_xai.experiments.global_explanations.cooccurrence import (
    make_pairs,
    pair_labels,
    pair_logits,
    pair_maps,
    pair_predictions,
    relate,
)
from cxr_xai.experiments.global_explanations.games import Games
from cxr_xai.experiments.global_explanations.importance import (
    compare_importance,
    summarize_importance,
    summarize_interactions,
)
from cxr_xai.experiments.global_explanations.playing import describe_games, open_films, play_films
from cxr_xai.experiments.global_explanations.sides import are_arms
from cxr_xai.experiments.global_explanations.tables import list_differences, list_importance
from cxr_xai.experiments.global_explanations.terminal import print_regions
from cxr_xai.experiments.require import require_numbers
from cxr_xai.experiments.studies import Studies, read_test, require_paths
from cxr_xai.experiments.terminal import quiet_libraries
from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.files import write_csv, write_json
from cxr_xai.findings import FINDINGS
from cxr_xai.report.regions import write_regions_report

Settings = Mapping[str, Any]


def run_regions(settings: Settings) -> None:
    """Explain a run by regions and pairs of findings, and print and write what was found.

    Raises:
        UserError: a setting is no fit number, or the run, its data or the other run are not there or do not fit.
    """
    quiet_libraries()
    arms = are_arms(settings)
    require_paths(settings, [] if arms else ["folder"], [*([] if arms else ["against"]), "root", "masks", "output"])
    if not isinstance(settings["predicted"], bool):
        raise UserError(f"predicted={settings['predicted']}: expected true or false.")
    require_numbers(settings, max_studies=2, samples=2 * len(REGIONS) + 2, background=1, batch_size=1, bootstrap=1)
    if arms:
        run_arms(settings)
        return
    if settings["output"] is not None:
        raise UserError("output= is for two arms; one run's regions are written into its own folder.")
    if settings["against"] is not None:
        require_replicates(settings["bootstrap"], len(REGIONS), "shares of importance")
    studies = open_films(settings["folder"], settings, predicted=settings["predicted"])
    games = play_films(studies, settings, "films")
    other = None
    if settings["against"] is not None:
        other = _open_beside(settings, studies)
    summary, pairs = summarize(studies, games, settings)
    summary["against"] = None if other is None else _compare(studies, games, *other, settings)
    folder = studies.folder.path / "regions"
    write_csv(folder / "importance.csv", list_importance(summary["importance"]))
    write_csv(folder / "pairs.csv", pairs)
    if summary["against"] is not None:
        write_csv(folder / "differences.csv", list_differences(summary["against"]["differences"]))
    write_csv(folder / "films.csv", list_films(studies, games))
    write_json(folder / "summary.json", summary)
    print_regions(summary, write_regions_report(studies.folder))


def _open_beside(settings: Settings, studies: Studies) -> tuple[Studies, Games]:
    """Open the other run on the very studies of the first."""
    other = open_films(settings["against"], settings, most=studies.of)
    names, there = studies.image_id.tolist(), set(other.image_id.tolist())
    if missing := [name for name in names if name not in there]:
        raise UserError(
            f"against={settings['against']} has not predicted {len(missing)} of the {len(studies)} studies, "
            f"{missing[0]} for one; both runs must have the same test part."
        )
    other = other.take(other.find(names))
    return other, play_films(other, settings, "films of the other run")


def summarize(studies: Studies, games: Games, settings: Settings) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return what ``summary.json`` holds, and the pairs of findings."""
    rows = studies.find(games.image_id.tolist())
    patients, replicates = studies.patient_id[rows], settings["bootstrap"]
    pred = studies.pred[rows]
    target, logits, decided, owners = read_test(studies.folder)
    pairs = make_pairs(
        pair_labels(target, owners, replicates)
        | pair_predictions(decided, target, owners, replicates)
        | pair_logits(logits, target, owners, replicates)
        | pair_maps(exact_maps(studies), studies.patient_id, replicates)
    )
    summary = {
        "run": studies.folder.path.resolve().name,
        **describe_games(studies, games, settings),
        "films": len(rows),
        "patients": len(np.unique(patients)),
        "unknown": len(games.unknown),
        "test": studies.of,
        "chosen": "with a predicted finding" if settings["predicted"] else "all",
        "areas": dict(zip(REGIONS, games.areas.mean(axis=0).tolist(), strict=True)),
        "importance": summarize_importance(games.phi, patients, replicates),
        "predicted": {
            name: {
                "films": int(pred[:, k].sum()),
                "direction": dict(zip(REGIONS, games.phi[pred[:, k], :, k].mean(axis=0).tolist(), strict=True))
                if pred[:, k].any()
                else None,
            }
            for k, name in enumerate(FINDINGS)
        },
        "interactions": summarize_interactions(games.interactions),
        "pairs_agree": relate(pairs),
    }
    return summary, pairs


def exact_maps(studies: Studies, batch_size: int = 32) -> np.ndarray:
    """Return ``(N, K, h, w)`` exact maps of the studies."""
    parts = [
        ExactCam().explain(studies.model, studies.films(range(a, min(a + batch_size, len(studies)))).to(studies.device))
        for a in range(0, len(studies), batch_size)
    ]
    return torch.cat([part.attribution.cpu() for part in parts]).numpy()


def _compare(studies: Studies, games: Games, other: Studies, others: Games, settings: Settings) -> dict[str, Any]:
    both = np.intersect1d(games.image_id, others.image_id)
    first, second = (
        one.phi[[{name: n for n, name in enumerate(one.image_id.tolist())}[name] for name in both.tolist()]]
        for one in (games, others)
    )
    patients = studies.patient_id[studies.find(both.tolist())]
    return {
        "run": other.folder.path.resolve().name,
        "films": len(both),
        "importance": summarize_importance(second, patients, settings["bootstrap"]),
        "differences": compare_importance(first, second, patients, settings["bootstrap"]),
    }


def list_films(studies: Studies, games: Games) -> pd.DataFrame:
    """Return one row per film, finding and region: its value, and what the label says."""
    rows = studies.find(games.image_id.tolist())
    n, r, k = (axis.ravel() for axis in np.indices(games.phi.shape))
    return pd.DataFrame(
        {
            "image_id": games.image_id[n],
            "finding": np.array(FINDINGS)[k],
            "region": np.array(REGIONS)[r],
            "phi": games.phi.ravel(),
            "target": studies.target[rows][n, k],
            "logit": studies.logits[rows][n, k],
        }
    )
