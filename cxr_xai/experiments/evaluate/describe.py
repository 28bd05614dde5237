"""What an evaluation rests on, and what must be said beside its numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_xai.artifacts.certificate import describe_code, describe_versions
from cxr_xai.artifacts.run_folder import SCHEMA_VERSION
from cxr_xai.data.crosswalk import SAME, read_pairs
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.experiments.certify import BOX_RULE, TUNED, describe_data
from cxr_xai.experiments.evaluate.scored import Scored, describe_scored
from cxr_xai.experiments.reopen import Run
from cxr_xai.files import read_json
from cxr_xai.findings import FINDINGS

Settings = Mapping[str, Any]

OF_TRAINING = ("balancing", "geometry", "plans", "config_sha256")
"""Of a run's certificate: what tells how it was trained, for which the run is named."""


def make_evaluation_certificate(
    run: Run, data: ChestXrayDataModule, scored: Scored, boxed: Mapping[str, npt.NDArray[np.int64]]
) -> dict[str, Any]:
    """Return what the numbers rest on: run, weights, code, the data at hand, what of them is scored, uses of boxes.

    What the run's own certificate says of network and explanations stands here, too. ``split`` has one part, ``test``:
    what is scored, whatever part of its data that is.

    Args:
        run: opened.
        data: to be scored.
        scored: the studies.
        boxed: rows of those whose boxes are scored, by half.
    """
    trained = read_json(run.folder.certificate)
    return {
        **{key: value for key, value in trained.items() if key not in OF_TRAINING},
        "schema_version": SCHEMA_VERSION,
        "code": describe_code(),
        "versions": describe_versions(),
        "run": {
            "name": run.folder.path.resolve().name,
            "source": trained["data"]["source"],
            "data_sha256": trained["data"]["sha256"],
            "split": trained["split"]["scheme"],
            "split_sha256": trained["split"]["sha256"],
            "config_sha256": trained["config_sha256"],
            "code_sha256": trained["code"]["sha256"],
        },
        "checkpoint": {"file": run.checkpoint.name, "best": run.is_best, "sha256": run.weights},
        "data": describe_data(data),
        "split": describe_scored(scored, data),
        "part": scored.part,
        "left_out": dict(scored.left_out),
        "unsure": list(scored.unsure),
        "image_size": data.image_size,
        "boxes": {
            **{key: value for key, value in trained["boxes"].items() if key != "cross_fitted"},
            "monitored_studies": len(boxed["monitored"]),
            "sealed_studies": len(boxed["sealed"]),
            "overlap": 0,
            "sealed_scored": "in this evaluation",
            **(TUNED if len(boxed["sealed"]) else {}),
        },
        "calibration": f"{trained['calibration']} of the run",
        "threshold_source": f"{trained['threshold_source']} of the run",
        "heatmap": BOX_RULE,
    }


def list_marks(run: Run, data: ChestXrayDataModule, scored: Scored, asked_size: int | None) -> list[str]:
    """Return what a reader must know beside the numbers, a sentence each.

    Args:
        run: opened.
        data: to be scored.
        scored: the studies.
        asked_size: side of films in pixels that somebody asked for, None if nobody did.
    """
    marks = list_source_marks(run, data, scored)
    if data.index.masks is not None and len(data.index.boxes):
        marks.append(
            "Maps are judged by marked pixels: pointing, energy and mask IoU. The boxes, of IoU and of the prior, are "
            "drawn tight around them."
        )
    if scored.left_out:
        counts = ", ".join(f"{n:,} of its {part}" for part, n in scored.left_out.items())
        marks.append(f"The run has met some of these patients, whose films are left out: {counts}.")
    if data.index.labels:
        marks.append(f"Labels are {data.index.labels}: those of the run were others.")
    if scored.unlabeled:
        marks.append(f"{scored.unlabeled:,} films have no label at all and are left out.")
    if scored.unsure:
        marks.append(
            f"The weights that the run began with were trained on {'; '.join(scored.unsure)}: these films may have "
            "been among them, and then numbers are too good."
        )
    if scored.own_val:
        marks.append(
            f"{scored.own_val:,} of these films chose the run's epoch, curves and thresholds: numbers are optimistic."
        )
    if asked_size not in (None, data.image_size):
        marks.append(
            f"Films are {data.image_size} pixels a side, as the run's were; datamodule.image_size={asked_size} is not "
            "used."
        )
    if unknown := list_unknown(data, scored):
        marks.append(f"These data say nothing of {', '.join(unknown)}: undefined, and outside of every mean.")
    if (known := count_unknown(data, scored)) and len(unknown) < len(FINDINGS):
        marks.append(f"Of the other findings {known:,} labels of these films are unknown, and count for nothing.")
    if not run.is_best:
        marks.append(
            f"{run.checkpoint.name} holds other weights than the best ones: curves and thresholds were fitted to what "
            "they say on the run's val."
        )
    return marks


def list_source_marks(run: Run, data: ChestXrayDataModule, scored: Scored) -> list[str]:
    """Return what must be known of films, patients and labels of another source."""
    marks = []
    if not scored.same_source:
        own, other = run.summary["protocol"]["source"], data.index.name
        marks.append(f"The run was trained on {own}, these films are of {'another ' if own == other else ''}{other}.")
    if scored.kin == "unlinked":
        marks.append(
            f"These films are of {data.index.origin}'s patients, as the run's are, and nobody knows which: it may have "
            "been trained on them, and then all numbers are too good. They are no external test."
        )
    elif scored.kin == "linked":
        marks.append(
            f"These films are of {data.index.origin}'s patients, as the run's are: none of a patient that it has met "
            "is scored, and the hospital is the same."
        )
    if labels := describe_labels(data.index.about):
        marks.append(labels)
    sides = (read_json(run.folder.certificate)["data"], {"source": data.index.name, "about": data.index.about})
    if not scored.same_source and (overlaps := describe_overlaps(sides, list_unknown(data, scored))):
        marks.append(overlaps)
    return marks


def describe_labels(about: Mapping[str, Any]) -> str:
    """Say whose labels a source has, how they were made, and by which crosswalk they became ours; empty if not told.

    >>> describe_labels({"labels": "majority of readers", "boxes": "mean", "crosswalk": "same"})
    'Labels: majority of readers; boxes mean. Crosswalk of findings: same.'
    """
    if "crosswalk" not in about:
        return ""
    rules = [str(about["labels"]), *(f"{key} {about[key]}" for key in about if key not in ("labels", "crosswalk"))]
    return f"Labels: {'; '.join(rules)}. Crosswalk of findings: {about['crosswalk']}."


def describe_overlaps(sides: Sequence[Mapping[str, Any]], unknown: Sequence[str]) -> str:
    """Say which findings are the same by name or rule in two sources, and not one to one; empty where none is.

    Args:
        sides: ``source`` and ``about`` of the data that the run was trained on, and of those at hand.
        unknown: findings that the data at hand say nothing of.

    >>> describe_overlaps([{"source": "chexpert", "about": {"crosswalk": "same"}}], [])[:80]
    'Not one to one: Consolidation with Pneumonia, Infiltration; Pneumonia with Conso'
    """
    found: dict[str, list[str]] = {}
    for side in sides:
        rules = str(side.get("about", {}).get("crosswalk", "")).split(" + ")
        pairs = read_pairs(side["source"])
        for pair in pairs:
            if rules == [""] or not (pair.relation == SAME or (pair.rule and pair.rule in rules)):
                continue
            others = [p.ours for p in pairs if p.theirs == pair.theirs and p.ours not in ("", pair.ours)]
            found[pair.ours] = list(dict.fromkeys([*found.get(pair.ours, []), *others]))
    said = [f"{ours} with {', '.join(others)}" for ours, others in found.items() if others and ours not in unknown]
    if not said:
        return ""
    return (
        f"Not one to one: {'; '.join(said)} overlap between sources, where another reader or rule may use another of "
        "these words for the same shadow. A disagreement may be of words alone."
    )


def list_unknown(data: ChestXrayDataModule, scored: Scored) -> list[str]:
    """Return the findings that no scored study has a label of."""
    unknown = np.isnan(data.index.targets[scored.rows]).all(axis=0)
    return [FINDINGS[k] for k in np.flatnonzero(unknown)]


def count_unknown(data: ChestXrayDataModule, scored: Scored) -> int:
    """Return how many labels of the scored studies are unknown, of findings that some of them have a label of."""
    unknown = np.isnan(data.index.targets[scored.rows])
    return int(unknown[:, ~unknown.all(axis=0)].sum())
