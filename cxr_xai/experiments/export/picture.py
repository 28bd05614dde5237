"""Maps of an exported network beside those of the run, as a picture."""

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.experiments.export.network import Answer
from cxr_xai.findings import FINDINGS
from cxr_xai.heatmap import make_heatmap, resize_heatmaps
from cxr_xai.visualization.panel import tile_panels
from cxr_xai.visualization.sheet import Cell, SheetRow, draw_sheet

FILMS, MAPS = 2, 3


def draw_maps(image: npt.NDArray[np.float32], eager: Answer, exported: Answer, kind: str) -> npt.NDArray[np.uint8]:
    """Draw the most probable findings of the first films under both networks' maps.

    Args:
        image: ``(N, 1, H, W)`` in [0, 1].
        eager: what the run's own network says.
        exported: what the file says.
        kind: of the file, heads its column.

    Returns:
        RGB.
    """
    sheets = []
    for number in range(FILMS):
        film = (image[number, 0] * 255).round().astype(np.uint8)
        rows = []
        for k in np.argsort(-eager.probs[number], kind="stable")[:MAPS]:
            cells = [make_cell(one.maps[number, k], one.logits[number, k], len(film)) for one in (eager, exported)]
            note = f"p {eager.probs[number, k]:.3f}, {exported.probs[number, k]:.3f}"
            rows.append(SheetRow(FINDINGS[k].replace("_", " "), note, np.zeros((0, 4), np.float32), cells))
        sheets.append(draw_sheet(film, rows, ["the run", kind]))
    return tile_panels(sheets)


def make_cell(raw: npt.NDArray[np.float32], logit: float, size: int) -> Cell:
    """Return one map with its logit and its highest cell under it."""
    heatmap = make_heatmap(torch.from_numpy(raw))[None]
    if heatmap.isnan().any():
        return Cell(None, None, f"logit {logit:.4f}")
    return Cell(resize_heatmaps(heatmap, size)[0].numpy(), None, f"logit {logit:.4f}, peak {raw.max():.5f}")
