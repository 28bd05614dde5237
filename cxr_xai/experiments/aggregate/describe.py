"""What runs are and what their numbers rest on, for the tables of an aggregate."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from cxr_xai.experiments.aggregate.average import Averaged, counted, mean_over_findings
from cxr_xai.experiments.aggregate.cells import Cell
from cxr_xai.experiments.aggregate.pool import Pool
from cxr_xai.experiments.aggregate.refuse import Design


def cells_of(design: Design) -> list[Cell]:
    """Return all runs, by arm, seed and fold."""
    return [cell for runs in design.values() for folds in runs.values() for cell in folds]


def describe_protocol(design: Design) -> dict[str, Any]:
    """Return what every number of the aggregate carries; it was proved to be the same for all runs."""
    first = cells_of(design)[0]
    protocol, certificate = first.summary["protocol"], first.certificate
    heatmap, data = certificate["heatmap"], certificate["data"]
    labels = protocol["label_file"]
    k, pool = (first.split["about"].get(key) for key in ("k", "pool"))
    folds = "" if k is None else f", {k} folds by patient over {'train_val' if pool == 'train_val' else 'all patients'}"
    box_lists = [name for name in data["files"] if "bbox" in name.lower()]
    box_list = f"{box_lists[0]} ({data['files'][box_lists[0]][:8]})" if box_lists else "none"
    return {
        "source": protocol["source"],
        "about": dict(protocol.get("about", {})),
        "split": protocol["split"],
        "label": f"{protocol['source']}, split {protocol['split']}{folds}",
        "words": [
            f"labels {labels} ({data['files'][labels][:8]})",
            f"thresholds from {protocol['threshold_source']}",
            f"boxes {box_list}, {certificate['boxes']['uses']}; region ≥ {heatmap['threshold']:g} of the maximum, box "
            f"around {heatmap['rule']}, resized {heatmap['resize']}",
        ],
        "data_sha256": data["sha256"],
        "code_sha256": certificate["code"]["sha256"],
    }


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
            "config_sha256": cell.certificate["config_sha256"],
            "split_sha256": cell.split["sha256"],
            "summary_sha256": hashlib.sha256(cell.folder.summary.read_bytes()).hexdigest(),
        }
        for cell in cells_of(design)
    ]


def describe_folds(design: Design, averages: Mapping[str, Mapping[str, Averaged]], pool: Pool) -> list[dict[str, Any]]:
    """Return one entry per run with the means over findings of its own test studies."""
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
                        **means,
                    }
                )
    return rows


def train_studies(design: Design) -> float:
    """Return how many studies a fold trains on, val not among them, on average."""
    return float(np.mean([cell.split["images"]["train"] for cell in cells_of(design)]))
