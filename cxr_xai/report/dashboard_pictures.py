"""What a dashboard shows, drawn on this machine from the records of its runs: to look at without a server."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.files import whole
from cxr_xai.loggers.dashboard import Dashboard, View
from cxr_xai.loggers.wandb_logged import find_pictures, find_table, read_summary
from cxr_xai.loggers.wandb_records import read_rows
from cxr_xai.visualization.lines import Line, draw_lines
from cxr_xai.visualization.outlines import join_labeled
from cxr_xai.visualization.raster import rasterize
from cxr_xai.visualization.strips import Strip, draw_strips

Picture = npt.NDArray[np.uint8]
Arms = Mapping[str, Sequence[Path]]
"""Arm → folders of its runs."""
MOST = 3
"""Arms that a figure has colors for."""
TILE = 120
"""Pixels of a film in the strip of epochs."""


def write_pictures(dashboard: Dashboard, arms: Arms, over: Mapping[str, Sequence[Path]], target: Path) -> list[Path]:
    """Write the pictures of a dashboard, and return their paths.

    Args:
        dashboard: what is shown.
        arms: the cells; the first three arms are drawn.
        over: folders of runs that stand over others, by kind.
        target: where to.
    """
    arms = dict(list(arms.items())[:MOST])
    views = {part.name: part.views for part in dashboard.parts}
    made: dict[str, Picture] = {}
    if lines := [view for name in ("Curves", "Localization probe") for view in views.get(name, ()) if is_macro(view)]:
        made["curves"] = stack([draw_curves(view, arms) for view in lines], 3)
    if bars := [view for view in views.get("Headline", ()) if view.kind == "bars"]:
        made["headline"] = stack([draw_spread(view, arms) for view in bars], 1)
    first = next(folder for folders in arms.values() for folder in folders)
    if watched := [view.keys[0] for view in views.get("Maps by epoch", ()) if view.keys[0].startswith("overlays/")]:
        made["slider"] = draw_slider(watched, first)
    if (roc := find_table(first, "test/roc_table")) is not None:
        names = list(dict.fromkeys(roc["class"]))[:MOST]
        rows = [thin(roc[roc["class"] == name]) for name in names]
        curves = [Line(str(n), row["fpr"].tolist(), row["tpr"].tolist()) for n, row in zip(names, rows, strict=True)]
        made["roc"] = rasterize(draw_lines(curves, "ROC", axis="false positive rate"), "ROC on test, three findings")
    if shown := find_pictures(first, "sealed/overlays"):
        made["sealed"] = stack([shrink(read_picture(path), 0.7) for path in shown[:2]], 2)
    for kind, folders in over.items():
        made |= {f"{kind}-{name}": picture for name, picture in copy_figures(dashboard, kind, folders).items()}
    return [write_picture(target / f"{name}.png", picture) for name, picture in made.items()]


def is_macro(view: View) -> bool:
    """Whether a view is of means, not of one finding."""
    return view.kind == "lines" and not view.title.startswith("IoU, ")


def draw_curves(view: View, arms: Arms) -> Picture:
    """Draw one number over epochs, the mean of each arm over its runs."""
    lines = []
    for arm, folders in arms.items():
        by_epoch: dict[int, list[float]] = {}
        for row in (row for folder in folders for row in read_rows(folder) if view.keys[0] in row and "epoch" in row):
            by_epoch.setdefault(int(row["epoch"]), []).append(float(row[view.keys[0]]))
        epochs = sorted(by_epoch)
        lines.append(Line(arm, [float(e) for e in epochs], [float(np.mean(by_epoch[e])) for e in epochs]))
    return rasterize(draw_lines(lines, view.title), view.title, scale=1)


def draw_spread(view: View, arms: Arms) -> Picture:
    """Draw one number of every run as a dot, an arm a line, and their mean."""
    strips = []
    for arm, folders in arms.items():
        values = [read_summary(folder).get(view.keys[0], math.nan) for folder in folders]
        strips.append(Strip(arm, [values]))
    return rasterize(draw_strips(strips, ["a run; the upright mark is the mean of the arm"], view.title), view.title, 1)


def draw_slider(keys: Sequence[str], folder: Path) -> Picture:
    """Draw what the slider over epochs goes through: the maps of the first two watched studies, epoch by epoch."""
    rows: list[Picture] = []
    for key in keys:
        pictures = [read_picture(path) for path in find_pictures(folder, key)]
        if pictures and len(rows) < 2:
            side = (pictures[0].shape[1] - 2) // 2  # the right half of a panel is the film under its map
            tiles = [shrink(picture[:side, side + 2 :], TILE / side) for picture in pictures]
            finding = key.partition("/")[2].partition("-")[0]
            rows.append(join_labeled([(f"{finding}, epoch {number}", tile) for number, tile in enumerate(tiles)]))
    return stack(rows, 1)


def copy_figures(dashboard: Dashboard, kind: str, folders: Sequence[Path]) -> dict[str, Picture]:
    """Return the figures of the last run of a kind as they were logged, by the last word of their key."""
    keys = [v.keys[0] for part in dashboard.parts if part.whose == kind for v in part.views if v.kind == "pictures"]
    found: dict[str, Picture] = {}
    for key in keys:
        files = [path for folder in folders for path in find_pictures(folder, key)]
        if files:
            found[key.rpartition("/")[2]] = read_picture(files[-1])
    return found


def thin(table: pd.DataFrame, most: int = 40) -> pd.DataFrame:
    """Return at most so many rows and the last one, evenly spread: a dot each in a small figure."""
    return table.iloc[sorted({*range(0, len(table), -(-len(table) // most)), len(table) - 1})]


def shrink(picture: Picture, share: float) -> Picture:
    """Return a picture at a share of its size."""
    return np.asarray(cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)


def stack(pictures: Sequence[Picture], columns: int) -> Picture:
    """Put pictures on a white ground, row by row."""
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    rows = -(-len(pictures) // columns)
    columns = min(columns, len(pictures))
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        y, x = number // columns * height, number % columns * width
        sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return sheet


def read_picture(path: Path) -> Picture:
    """Return a picture as RGB."""
    return np.asarray(cv2.imread(str(path)), np.uint8)[..., ::-1]


def write_picture(path: Path, picture: Picture) -> Path:
    """Write a PNG, as small as it gets without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    with whole(path) as partial:
        partial.write_bytes(data.tobytes())
    return path
