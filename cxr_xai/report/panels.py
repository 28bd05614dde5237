"""Pictures of a run as parts of a page: strips over epochs, sealed boxes, and a gallery chosen by rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.findings import FINDINGS
from cxr_xai.report.format import is_known, number
from cxr_xai.report.results import Results
from cxr_xai.visualization.embed import crop_caption, embed_picture, split_panel

Picture = npt.NDArray[np.uint8]

KINDS = {
    "TP": ("True positive", "the most confident true positive"),
    "FP": ("False positive", "the most confident false positive (a disagreement with the report)"),
    "FN": ("False negative", "the least confident positive below the threshold"),
}
"""Kind of a gallery panel → heading and the rule that chose it."""

MOST_EPOCHS = 24
MOST_STUDIES = 8
HALVES = {"epoch": "monitored", "box": "sealed"}


@dataclass(frozen=True)
class Shown:
    """One picture with its words.

    Attributes:
        source: ``data:`` address.
        width: in pixels.
        height: in pixels.
        alt: for people who do not see it.
        finding: whose map.
        image_id: the study.
        epoch: whose weights.
        words: label, probability, scores.
    """

    source: str
    width: int
    height: int
    alt: str
    finding: str
    image_id: str
    epoch: int
    words: str


@dataclass(frozen=True)
class Strip:
    """One study over epochs: the film once, and the overlay of each epoch."""

    film: Shown
    frames: list[Shown]


def choose_epochs(epochs: Sequence[int], best: int, most: int = MOST_EPOCHS) -> list[int]:
    """Return at most ``most`` epochs, evenly spaced, with the first, the last and the best.

    >>> choose_epochs(range(10), best=5, most=4)
    [0, 3, 5, 9]
    """
    epochs = sorted(set(epochs))
    if len(epochs) <= most:
        return epochs
    places = np.linspace(0, len(epochs) - 1, most).round().astype(int)
    chosen = [epochs[place] for place in places]
    if best in epochs and best not in chosen:
        inner = min(range(1, most - 1), key=lambda place: abs(chosen[place] - best))
        chosen[inner] = best
    return chosen


def make_strips(results: Results) -> list[Strip]:
    """Return the watched studies over epochs, at most ``MOST_STUDIES`` of them."""
    rows = results.panels[results.panels["kind"] == "epoch"]
    rows = rows[[Path(path).is_file() for path in rows["path"]]] if len(rows) else rows
    kept = choose_epochs([int(epoch) for epoch in rows["epoch"]], int(results.summary["best_epoch"]))
    details = read_details(results.scores)
    strips: list[Strip] = []
    for _, study in rows[rows["epoch"].isin(kept)].groupby(["explainer", "image_id", "finding"], sort=False):
        if len(strips) == MOST_STUDIES:
            break
        frames, film = [], None
        for row in to_records(study.sort_values("epoch")):
            left, right = split_panel(read_picture(str(row["path"])))
            film = show(left, row, "", "Film") if film is None else film
            frames.append(show(right, row, describe(row, details), "Film under its map"))
        assert film is not None
        strips.append(Strip(film, frames))
    return strips


def make_boxed(results: Results) -> list[Shown]:
    """Return the sealed panels."""
    details = read_details(results.scores)
    return [_show_whole(row, describe(row, details)) for row in _present(results.panels, ["box"])]


def make_gallery(results: Results) -> list[tuple[str, dict[str, Shown]]]:
    """Return for each finding with any panel its panels by kind (``TP``, ``FP``, ``FN``)."""
    gallery: dict[str, dict[str, Shown]] = {}
    for row in _present(results.panels, list(KINDS)):
        gallery.setdefault(str(row["finding"]), {})[str(row["kind"])] = _show_whole(row, describe(row, {}))
    return [(finding, gallery[finding]) for finding in FINDINGS if finding in gallery]


def read_details(scores: pd.DataFrame) -> dict[tuple[str, int, str, str, str], str]:
    """Return (half, epoch, image id, finding, explainer) → what the boxes say about the map."""
    details = {}
    for row in to_records(scores):
        key = (str(row["half"]), int(row["epoch"]), str(row["image_id"]), str(row["finding"]), str(row["explainer"]))
        details[key] = (
            f"IoU {number(row['iou'], 2)}, pointing {number(row['pointing'], 2)}" if is_known(row["iou"]) else ""
        )
    return details


def describe(row: Mapping[str, Any], details: Mapping[tuple[str, int, str, str, str], str]) -> str:
    """Return the words under a panel: label, probability, dead map, scores where there are boxes."""
    known = {1.0: "label present", 0.0: "label absent"}.get(float(row["target"]), "label unknown")
    words = [known, f"p = {number(float(row['prob']), 2)}"]
    if bool(row["dead"]):
        words.append("dead map")
    half = HALVES.get(str(row["kind"]), "")
    scores = details.get(
        (half, int(row["epoch"]), str(row["image_id"]), str(row["finding"]), str(row["explainer"])), ""
    )
    return " · ".join([*words, scores] if scores else words)


def show(picture: Picture, row: Mapping[str, Any], words: str, what: str) -> Shown:
    """Embed a picture with its words."""
    finding, image_id, epoch = str(row["finding"]), str(row["image_id"]), int(row["epoch"])
    alt = f"{what}, {finding.replace('_', ' ')}, study {image_id}, epoch {epoch}" + (f": {words}" if words else "")
    return Shown(embed_picture(picture), picture.shape[1], picture.shape[0], alt, finding, image_id, epoch, words)


def read_picture(path: str) -> Picture:
    """Read a PNG as ``(H, W, 3)`` RGB."""
    encoded = np.frombuffer(Path(path).read_bytes(), np.uint8)
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if len(encoded) else None
    if picture is None:
        raise ValueError(f"{Path(path).name} is not a picture")
    return np.asarray(picture, np.uint8)[..., ::-1]


def to_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, column name → value."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _present(panels: pd.DataFrame, kinds: list[str]) -> list[dict[str, Any]]:
    rows = to_records(panels[panels["kind"].isin(kinds)])
    return [row for row in rows if Path(str(row["path"])).is_file()]


def _show_whole(row: Mapping[str, Any], words: str) -> Shown:
    return show(crop_caption(read_picture(str(row["path"]))), row, words, "Film, and film under its map")
