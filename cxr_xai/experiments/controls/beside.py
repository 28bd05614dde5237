"""The image-free controls beside a run's maps: on the same boxed pairs, on the same grid, from boxes alone."""

from typing import Any

import pandas as pd

from cxr_xai.data.boxes import pair_boxes
from cxr_xai.data.masks import Masks
from cxr_xai.experiments.controls.maps import IMAGE_FREE, draw_controls, score_attribution
from cxr_xai.experiments.controls.summarize import MACRO, best_control
from cxr_xai.experiments.summary import SCORES, summarize_boxes

KEYS = ["image_id", "finding"]
SHOWN = ("iou", "pointing", "energy", "skill")


def summarize_beside(
    scores: pd.DataFrame, boxes: pd.DataFrame, size: int, replicates: int, masks: Masks | None = None
) -> dict[str, Any]:
    """Score and summarize every image-free control on the pairs of a run's maps, beside their prior and ceiling.

    Args:
        scores: rows of ``localization.parquet`` of one explainer, half and epoch: maps of one ``grid``.
        boxes: all boxes of the source: ``image_id, patient_id, finding`` and corners.
        size: side of the image in pixels.
        replicates: of the patient bootstrap.
        masks: that the boxes are drawn around, if they are.

    Returns:
        ``grid``; ``macro``: control → ``iou pointing energy skill``, each ``value low high``, over the findings with at
        least 20 boxes; ``best``: the control with the highest IoU, None where there is no such finding.
    """
    name = str(scores["grid"].iloc[0])
    height, width = (int(cells) for cells in name.split("x"))
    known = pd.MultiIndex.from_frame(scores[KEYS])
    pairs = pair_boxes(boxes[pd.MultiIndex.from_frame(boxes[KEYS]).isin(known)], size, masks)
    references = scores.set_index(KEYS)[list(SCORES[3:])].loc[pd.MultiIndex.from_frame(pairs.table[KEYS])]
    drawn = draw_controls(pairs, (height, width))
    found = {key: summarize_boxes(score_attribution(pairs, maps, references, size), replicates) for key, maps in drawn}
    macro = {key: {score: summary[MACRO][score] for score in SHOWN} for key, summary in found.items()}
    return {"grid": name, "best": best_control(found), MACRO: {key: macro[key] for key in IMAGE_FREE}}
