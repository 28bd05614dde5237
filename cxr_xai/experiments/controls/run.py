"""Scores the image-free controls on all boxes of a source, without a film: python scripts/controls.py."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.data.boxes import BoxedPairs, pair_boxes
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.masks import Masks
from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.experiments.controls.maps import PRIOR, as_columns, score_controls, score_references
from cxr_xai.experiments.controls.show import print_controls
from cxr_xai.experiments.controls.summarize import CEILING, summarize_controls, summarize_maps, tabulate_controls
from cxr_xai.experiments.require import require_file, require_numbers
from cxr_xai.experiments.terminal import ProgressBar, console, quiet_libraries
from cxr_xai.files import write_csv
from cxr_xai.heatmap import resize_heatmaps
from cxr_xai.metrics.ceiling import energy_ceiling, iou_ceiling
from cxr_xai.metrics.prior import build_prior
from cxr_xai.report.judged import judged_by

Settings = Mapping[str, Any]


def run_controls(settings: Settings, choices: Mapping[str, str]) -> None:
    """Score, print and write the controls of a composed source.

    Raises:
        UserError: the source has no tables or boxes, a setting is out of range, or the output cannot be written.
    """
    quiet_libraries()
    require_numbers(settings, grid=1, replicates=1)
    path = None if settings["output"] is None else require_file(Path(settings["output"]))
    datamodule = build_source(settings)
    boxes, size, index = read_boxes(datamodule), datamodule.image_size, datamodule.tables
    asked = (settings["replicates"], settings["seed"], index.masks)
    with console.status("scoring controls …"):
        table = score_table(boxes, (settings["grid"],) * 2, size, *asked).assign(judged_by=judged_by(index.masks))
    print_controls(table, index.name)
    if path is not None:
        write_csv(path, table)
        console.print(f"table: {path}", soft_wrap=True)


def score_table(
    boxes: pd.DataFrame,
    grid: tuple[int, int],
    size: int,
    replicates: int,
    seed: int = 0,
    masks: Masks | None = None,
) -> pd.DataFrame:
    """Return the controls on all boxes: rows of `tabulate_controls`, and the ceiling of maps as fine as the image.

    Args:
        boxes: ``image_id, patient_id, finding`` and corners.
        grid: ``(h, w)`` of the controls' maps.
        size: side of the image in pixels.
        replicates: of the patient bootstrap.
        seed: of the random control.
        masks: that the boxes are drawn around, if they are.
    """
    pairs = pair_boxes(boxes, size, masks)
    references = score_references(pairs, build_prior(boxes), grid, size)
    rows = score_controls(pairs, references, grid, size, seed)
    table = tabulate_controls(summarize_controls(rows, replicates), grid, size)
    if grid == (size, size):
        return table
    finest = rows[PRIOR].assign(**score_ceiling(pairs, (size, size), size))
    fine = tabulate_controls({PRIOR: summarize_maps(finest, replicates, headline=True)}, (size, size), size)
    return pd.concat([table, fine[fine["control"] == CEILING]], ignore_index=True)


def score_ceiling(pairs: BoxedPairs, grid: tuple[int, int], size: int) -> pd.DataFrame:
    """Return ``ceiling_iou`` and ``ceiling_energy`` of each pair on a grid."""
    resize = partial(resize_heatmaps, size=size)
    where = (pairs.boxes, (size, size), grid, resize)
    return as_columns({"ceiling_iou": iou_ceiling(*where), "ceiling_energy": energy_ceiling(*where, masks=pairs.masks)})


def build_source(settings: Settings) -> ChestXrayDataModule:
    """Build the source; nothing is read before it is asked for."""
    datamodule: ChestXrayDataModule = build(settings["datamodule"], "datamodule", {"progress": ProgressBar("films")})
    return datamodule


def read_boxes(datamodule: ChestXrayDataModule) -> pd.DataFrame:
    """Read the boxes of a source from its tables.

    Raises:
        UserError: there is none.
    """
    boxes = datamodule.tables.boxes
    if boxes.empty:
        raise UserError(
            f"{datamodule.root} has no boxes to score on: set datamodule.reader.box_list to a list with boxes of "
            "images of the label file."
        )
    return boxes
