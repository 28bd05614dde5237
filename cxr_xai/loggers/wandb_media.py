"""Films, boxes, masks and charts in the forms that W&B shows."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import wandb

from cxr_xai.findings import FINDINGS, INDEX
from cxr_xai.loggers.charts import Chart
from cxr_xai.types import Panel

CLASS_LABELS = dict(enumerate(FINDINGS))
OUTSIDE = len(FINDINGS)


class Spec(NamedTuple):
    """One of W&B's own charts, and the columns that it draws.

    Attributes:
        name: of the chart.
        columns: of its table.
        fields: what the chart calls them.
    """

    name: str
    columns: tuple[str, ...]
    fields: tuple[str, ...]


LINES, MATRIX = "wandb/area-under-curve/v0", "wandb/confusion_matrix/v1"
SPECS = {
    "roc": Spec(LINES, ("class", "fpr", "tpr"), ("class", "x", "y")),
    "pr": Spec(LINES, ("class", "recall", "precision"), ("class", "x", "y")),
    "reliability": Spec(LINES, ("class", "predicted", "observed"), ("class", "x", "y")),
    "confusion": Spec(MATRIX, ("Actual", "Predicted", "nPredictions"), ("Actual", "Predicted", "nPredictions")),
}


def pseudonym(salt: str, identifier: str) -> str:
    """Return 12 hexadecimal digits that stand for an identifier; without the salt it cannot be guessed.

    >>> pseudonym("a", "00000001_000.png") == pseudonym("b", "00000001_000.png")
    False
    """
    return hashlib.blake2b(identifier.encode(), key=salt.encode()[:64], digest_size=6).hexdigest()


def key_panels(panels: Sequence[Panel], pictures: Sequence[npt.NDArray[np.uint8]], salt: str) -> dict[str, Any]:
    """Return what is logged of panels and their drawn pictures, by key.

    Studies that are watched have a key each, the same every epoch, so that a slider over steps moves one study through
    the epochs; all others of a kind stand under one.
    """
    keyed: dict[str, Any] = {}
    for panel, picture in zip(panels, pictures, strict=True):
        film, drawn = draw_film(panel, salt), wandb.Image(picture, caption=write_caption(panel, salt), file_type="jpg")
        if panel.kind == "epoch":
            name = f"{panel.finding}-{pseudonym(salt, panel.image_id)}"
            keyed |= {f"maps/{name}": film, f"overlays/{name}": drawn}
            continue
        place = "sealed" if panel.kind == "box" else f"gallery/{panel.kind}"
        keyed.setdefault(f"{place}/maps", []).append(film)
        keyed.setdefault(f"{place}/overlays", []).append(drawn)
    return keyed


def write_caption(panel: Panel, salt: str) -> str:
    """One line under a picture."""
    return f"{pseudonym(salt, panel.image_id)} {panel.finding} p={panel.prob:.2f} epoch {panel.epoch}"


def draw_film(panel: Panel, salt: str) -> wandb.Image:
    """Return the film with native boxes (radiologists' and the map's) and the map's region as a mask."""
    finding = INDEX[panel.finding]
    boxes = {"radiologist": [write_box(box, finding, panel.finding, None) for box in panel.boxes]}
    if panel.region is not None and np.isfinite(panel.region).all():
        boxes["map"] = [write_box(panel.region, finding, f"{panel.finding} map", panel.prob)]
    labels = {finding: panel.finding} if panel.kind == "epoch" else CLASS_LABELS  # the client notes them every time
    masks = {}
    if panel.heatmap is not None:
        region = np.where(panel.heatmap >= 0.5, finding, OUTSIDE).astype(np.uint8)
        masks["region"] = {"mask_data": region, "class_labels": {**labels, OUTSIDE: "outside"}}
    return wandb.Image(
        panel.film,
        caption=write_caption(panel, salt),
        boxes={key: {"box_data": data, "class_labels": labels} for key, data in boxes.items() if data},
        masks=masks or None,
    )


def write_box(box: npt.NDArray[np.float32], finding: int, caption: str, prob: float | None) -> dict[str, Any]:
    """Return a box, xyxy in pixels, as W&B wants it."""
    x0, y0, x1, y1 = (float(v) for v in box)
    scores = {} if prob is None else {"scores": {"prob": float(prob)}}
    position = {"minX": x0, "maxX": x1, "minY": y0, "maxY": y1}
    return {"position": position, "domain": "pixel", "class_id": finding, "box_caption": caption, **scores}


def draw_chart(chart: Chart) -> Any:
    """Return one of W&B's own charts over a table of its points."""
    spec = SPECS[chart.kind]
    return wandb.plot_table(
        vega_spec_name=spec.name,
        data_table=wandb.Table(columns=list(spec.columns), data=[list(row) for row in chart.rows]),
        fields=dict(zip(spec.fields, spec.columns, strict=True)),
        string_fields={"title": chart.title},
    )
