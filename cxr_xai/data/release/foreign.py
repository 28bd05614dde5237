"""What readers of other sources share: their labels become ours, and what becomes of none is counted and named."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.data.boxes import CORNERS
from cxr_xai.data.crosswalk import Crosswalk
from cxr_xai.data.index import BOX_COLUMNS, STUDY_COLUMNS
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS

SLACK = 0.02
"""How far, in fractions of the film, a box may lie outside before film and box cannot belong together."""

ONE_A_FILM = "one a film"
"""How ``patients`` of ``about`` begins where every film is taken as a patient of its own, for none is known."""

Counts = dict[str, int]


def make_studies(
    image_ids: Sequence[str],
    patient_ids: Sequence[str],
    labels: pd.DataFrame,
    walk: Crosswalk,
    said: pd.DataFrame | None = None,
    **columns: Any,
) -> tuple[pd.DataFrame, Counts]:
    """Return the study table, and what of their labels is none of ours.

    Args:
        image_ids: plain file names, each once.
        patient_ids: of each.
        labels: one column a class of theirs, 0, 1 or NaN.
        walk: from theirs to ours.
        said: what the source said, where ``labels`` have more (`Crosswalk.translate`).
        columns: further columns of the study table; what is not given is unknown.

    Raises:
        UserError: nothing of the source is a label of ours under these rules.
    """
    made = walk.translate(labels, said)
    if np.isnan(made).all():
        walks = {rule: Crosswalk(walk.source, rule) for rule in walk.choices}
        others = [rule for rule, one in walks.items() if not np.isnan(one.translate(labels, said)).all()]
        raise UserError(
            f"Under the crosswalk {', '.join(walk.rules)} no label of these files is one of the 14 findings; "
            + (
                f"use datamodule.reader.crosswalk={' or '.join(others)}."
                if others
                else "no other rule makes one of them."
            )
        )
    unknown = {"followup": np.nan, "age": np.nan, "sex": "", "view": "", "path": None, "official": None}
    studies = pd.DataFrame({"image_id": list(image_ids), "patient_id": list(patient_ids), **unknown})
    studies = studies.assign(**columns).astype({"path": object, "official": object})
    studies = pd.concat([studies, pd.DataFrame(made, columns=list(FINDINGS))], axis=1)
    present = [name for name in walk.unused if name in labels and (labels[name] == 1).any()]
    counts = {
        f"classes that are no label here ({', '.join(walk.unused)})": len(walk.unused),
        "films with such a class": int((labels[present] == 1).any(axis=1).sum()) if present else 0,
        f"findings that nothing speaks of ({', '.join(walk.silent)})": len(walk.silent),
        "labels that are unknown": int(np.isnan(made).sum()),
    }
    return studies[list(STUDY_COLUMNS)], counts


def make_boxes(boxes: pd.DataFrame, studies: pd.DataFrame, walk: Crosswalk, what: Path) -> tuple[pd.DataFrame, Counts]:
    """Return boxes of our findings on images that are there, and what was dropped.

    A box of a finding that its image's labels do not call present is dropped: whoever was outvoted drew it.

    Args:
        boxes: ``image_id, theirs`` and corners in fractions of the film, NaN where its size is unknown; further columns
            stay.
        studies: the study table.
        walk: from theirs to ours.
        what: the file they are from.

    Raises:
        UserError: a box leaves its film.
    """
    counts = {"boxes read": len(boxes)}
    owners = studies.set_index("image_id")
    known = boxes[boxes["image_id"].isin(owners.index)]
    counts["boxes of images without labels"] = len(boxes) - len(known)
    sized = known[known[CORNERS].notna().all(axis=1)]
    counts["boxes of films whose published size is unknown"] = len(known) - len(sized)
    require_inside(sized, what)
    pairs = [(theirs, ours) for theirs in walk.classes for ours in walk.places(theirs)]
    placed = sized.merge(pd.DataFrame(pairs, columns=["theirs", "finding"]), on="theirs")
    counts["boxes of classes that are no label here"] = int((~sized["theirs"].isin([pair[0] for pair in pairs])).sum())
    placed[CORNERS] = placed[CORNERS].clip(0, 1)
    placed["patient_id"] = owners["patient_id"].reindex(placed["image_id"]).to_numpy()
    labels = owners[list(FINDINGS)].stack(future_stack=True)
    keys = pd.MultiIndex.from_frame(placed[["image_id", "finding"]])
    said = labels.reindex(keys).to_numpy() == 1 if len(placed) else np.zeros(0, bool)
    flat = ((placed["x0"] >= placed["x1"]) | (placed["y0"] >= placed["y1"])).to_numpy(bool)
    counts["boxes without area"] = int(flat.sum())
    counts["boxes of findings that the labels do not call present"] = int((~said & ~flat).sum())
    further = [name for name in boxes if name not in (*BOX_COLUMNS, "theirs")]
    return placed.loc[said & ~flat, [*BOX_COLUMNS, *further]].reset_index(drop=True), counts


def require_inside(boxes: pd.DataFrame, what: Path) -> None:
    """Refuse boxes that leave their film by more than rounding.

    Raises:
        UserError: names the first.
    """
    wrong = ((boxes[CORNERS] < -SLACK) | (boxes[CORNERS] > 1 + SLACK)).any(axis=1).to_numpy()
    if wrong.any():
        image = boxes["image_id"].iloc[int(wrong.argmax())]
        raise UserError(
            f"{what}: a box of {image} leaves its film; boxes are in pixels of the published film, so films must be as "
            "they were published, or the list is of others."
        )


def describe_labels(walk: Crosswalk, **rules: str) -> Mapping[str, str]:
    """Return what a protocol says of labels: whose they are, by which rules, and the crosswalk."""
    return {**rules, "crosswalk": " + ".join(walk.rules)}
