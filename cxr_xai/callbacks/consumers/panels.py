"""Pictures: the same few studies every epoch, so that one sees the map move."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning import Trainer

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.explained import Explained
from cxr_xai.data.boxes import boxes_in_pixels
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.findings import INDEX
from cxr_xai.heatmap import make_heatmap, resize_heatmaps
from cxr_xai.metrics.region import region, region_box
from cxr_xai.types import Panel
from cxr_xai.visualization.panel import draw_panel, soften


class Panels:
    """Draws panels of fixed (study, finding) pairs, writes them as PNG and hands them to loggers that take panels.

    Args:
        folder: the run folder.
        datamodule: films and boxes.
        count: pairs a pass; they are spread over the boxed findings.
    """

    def __init__(self, folder: RunFolder, datamodule: ChestXrayDataModule, count: int = 8) -> None:
        self.folder, self.datamodule, self.count = folder, datamodule, count

    def consume(self, explained: Explained, trainer: Trainer) -> dict[str, float]:
        """Draw and log; no scalars."""
        if trainer.is_global_zero:
            kind = "epoch" if explained.half == "monitored" else "box"
            chosen = choose_pairs(explained.scores, self.count)
            panels = [self._panel(explained, kind, number) for number in chosen]
            pictures = write_panels(self.folder, explained.explainer, panels)
            for logger in trainer.loggers:
                if hasattr(logger, "log_panels"):
                    logger.log_panels(panels, pictures, trainer.global_step)
        return {}

    def _panel(self, explained: Explained, kind: str, number: int) -> Panel:
        row = explained.scores.iloc[number]
        names = self.datamodule.index.studies["image_id"].iloc[explained.rows]
        position = names.tolist().index(row["image_id"])
        attribution = explained.attribution[position, INDEX[row["finding"]]]
        return make_panel(
            self.datamodule,
            kind,
            explained.epoch,
            int(explained.rows[position]),
            row["finding"],
            float(row["prob"]),
            attribution,
        )


def make_panel(
    datamodule: ChestXrayDataModule,
    kind: str,
    epoch: int,
    row: int,
    finding: str,
    prob: float,
    attribution: torch.Tensor,
) -> Panel:
    """Put together film, map, boxes and region of one (study, finding).

    Args:
        datamodule: films and boxes.
        kind: see ``Panel``.
        epoch: see ``Panel``.
        row: row of the study table.
        finding: whose map.
        prob: its probability.
        attribution: ``(h, w)`` raw map.
    """
    study, size = datamodule.index.studies.iloc[row], datamodule.image_size
    boxes = datamodule.index.boxes
    mine = boxes[(boxes["image_id"] == study["image_id"]) & (boxes["finding"] == finding)]
    heatmap = make_heatmap(attribution)[None]
    alive = bool(heatmap.isfinite().all())
    resized = resize_heatmaps(heatmap, size)
    shown = resized[0].numpy() if alive else None
    if shown is not None and attribution.shape[-1] >= size:  # a cell per pixel: softened for the eye
        shown = soften(shown)
    return Panel(
        kind,
        epoch,
        str(study["image_id"]),
        finding,
        float(study[finding]),
        prob,
        datamodule.dataset_of(np.array([row])).batch(np.array([row])).image[0, 0].numpy(),
        shown,
        boxes_in_pixels(mine, size).numpy(),
        region_box(region(resized))[0].numpy() if alive else None,
    )


def choose_pairs(scores: pd.DataFrame, count: int) -> list[int]:
    """Return row numbers: round after round one pair of each boxed finding, in the order of the probe set."""
    turn = scores.groupby("finding").cumcount()
    order = scores.assign(turn=turn, place=scores["finding"].map(INDEX))
    return [int(number) for number in np.lexsort((order["place"], order["turn"]))[:count]]


def caption(panel: Panel) -> str:
    """One line under the picture."""
    known = {1.0: "present", 0.0: "absent"}.get(panel.target, "unknown")
    return f"{panel.kind} {panel.epoch}  {panel.finding}: label {known}, p = {panel.prob:.2f}"


def write_panels(folder: RunFolder, explainer: str, panels: Sequence[Panel]) -> list[npt.NDArray[np.uint8]]:
    """Write PNG files and their rows in ``panels.csv``; return the pictures."""
    pictures, rows = [], []
    for panel in panels:
        picture = draw_panel(panel.film, panel.heatmap, panel.boxes, panel.region, caption(panel))
        name = f"panels/{panel.kind}-e{panel.epoch:03d}-{Path(panel.image_id).stem}-{panel.finding}.png"
        path = folder.explanations(explainer) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture[..., ::-1])
        rows.append(panel_row(panel, name))
        pictures.append(picture)
    if rows:
        folder.append_panels(explainer, pd.DataFrame(rows), panels[0].epoch)
    return pictures


def panel_row(panel: Panel, file: str) -> dict[str, Any]:
    """Return the row of ``panels.csv``."""
    row = {key: getattr(panel, key) for key in ("kind", "epoch", "image_id", "finding", "target", "prob")}
    return {**row, "dead": panel.heatmap is None, "file": file}
