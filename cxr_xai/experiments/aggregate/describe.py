"""What runs are and what their numbers rest on, for the tables of an aggregate."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cxr_xai.artifacts.protocol import read_card
from cxr_xai.experiments.aggregate.arms import flatten
from cxr_xai.experiments.aggregate.average import Averaged, counted, mean_over_findings
from cxr_xai.experiments.aggregate.pool import Pool
from cxr_xai.experiments.aggregate.refuse import Design, cells_of
from cxr_xai.files import hash_file
from cxr_xai.report.guidance_table import UNGUIDED

COUNTS = re.compile(r" \([^()]*\)")
"""What stands in brackets behind a use of boxes."""


def describe_protocol(design: Design) -> dict[str, Any]:
    """Return what every number of the aggregate carries: the card that all runs share, over all of their test studies.

    ``uses_of_boxes`` names those of all arms.
    """
    cards = [read_card(cell.summary["protocol"]) for cell in cells_of(design)]
    once = cards[: len(next(iter(next(iter(design.values())).values())))]  # the folds of one arm and seed
    card = replace(
        cards[0],
        split_about={key: value for key, value in cards[0].split_about.items() if key != "fold"},
        test_images=sum(card.test_images for card in once),
        test_missing=sum(card.test_missing for card in once),
        mean_over=min(card.mean_over for card in cards),
        uses_of_boxes=" and ".join(dict.fromkeys(describe_arms(design)["uses_of_boxes"].values())),
    )
    code = cells_of(design)[0].certificate["code"]["sha256"]
    return {**card.as_dict(), "words": list(card.words), "code_sha256": code}


def describe_arms(design: Design) -> dict[str, dict[str, str]]:
    """Return arm → what boxes were used for, and arm → its guidance; counts that differ between runs are left out."""
    uses = {}
    for arm, runs in design.items():
        cells = [cell for folds in runs.values() for cell in folds]
        words = list(dict.fromkeys(str(cell.summary["protocol"]["uses_of_boxes"]) for cell in cells))
        uses[arm] = words[0] if len(words) == 1 else COUNTS.sub("", words[0])
    return {"uses_of_boxes": uses, "guidance": name_guidance(design)}


def name_guidance(design: Design) -> dict[str, str]:
    """Return arm → the member that guides it, and the settings in which arms of that member differ.

    Two arms have the same words exactly where they are guided alike: ``energy, annotated_fraction=0.01``.
    """
    first = {arm: next(iter(runs.values()))[0] for arm, runs in design.items()}
    members = {arm: cell.choices.get("guidance", UNGUIDED) for arm, cell in first.items()}
    settings = {arm: flatten(cell.settings.get("guidance") or {}) for arm, cell in first.items()}
    named = {}
    for arm, member in members.items():
        alike = [settings[other] for other in members if members[other] == member]
        own = [f"{key}={value}" for key, value in settings[arm].items() if any(o.get(key) != value for o in alike)]
        named[arm] = ", ".join([member, *own])
    return named


def describe_runs(design: Design) -> list[dict[str, Any]]:
    """Return one entry per run: what it is, and the hashes by which it may be found again."""
    return [
        {
            "arm": cell.arm,
            "seed": cell.seed,
            "fold": cell.fold,
            "folder": cell.name,
            "epochs": cell.summary["epochs"],
            "best_epoch": cell.summary["best_epoch"],
            "stopped_early": cell.summary["stopped_early"],
            "flags": [flag["name"] for flag in cell.summary["flags"]],
            "config_sha256": cell.certificate["config_sha256"],
            "split_sha256": cell.split["sha256"],
            "summary_sha256": hash_file(cell.folder.summary),
        }
        for cell in cells_of(design)
    ]


def describe_folds(design: Design, averages: Mapping[str, Mapping[str, Averaged]], pool: Pool) -> list[dict[str, Any]]:
    """Return one entry per run: means over findings of its own test studies, AUROC by view and without films."""
    rows = []
    for arm, runs in design.items():
        for s, (seed, folds) in enumerate(runs.items()):
            for f, cell in enumerate(folds):
                mine = pool.fold == pool.folds[f]
                means = {
                    metric: float(mean_over_findings(averaged.values[s, f], counted(pool, metric)))
                    for metric, averaged in averages[arm].items()
                }
                rows.append(
                    {
                        "arm": arm,
                        "seed": seed,
                        "fold": cell.fold,
                        "studies": int(mine.sum()),
                        "patients": len(np.unique(pool.patients[mine])),
                        "best_epoch": cell.summary["best_epoch"],
                        "by_view": {
                            view: row["value"]
                            for view, row in cell.summary["classification"]["test"]["by_view"].items()
                        },
                        "label_only": cell.summary["label_only"]["macro"]["value"],
                        **means,
                    }
                )
    return rows


def train_studies(design: Design) -> float:
    """Return how many studies a fold trains on, val not among them, on average."""
    return float(np.mean([cell.split["images"]["train"] for cell in cells_of(design)]))
