"""The page about films that were explained: each film under all its maps, and who says what."""

from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from cxr_xai.artifacts.explained_folder import ExplainedFolder
from cxr_xai.files import whole
from cxr_xai.report.page import HERE, make_environment
from cxr_xai.report.panels import read_picture, to_records
from cxr_xai.visualization.embed import embed_picture

MOST = 60
"""Films on the page; the folder has the pictures of all."""


def write_explained_report(folder: ExplainedFolder) -> Path:
    """Write ``report.html`` into the folder from what lies in it, and return its path."""
    record, table = folder.read_record(), pd.read_csv(folder.scores, dtype={"image_id": str})
    page = make_environment().get_template("explained.html").render(make_context(folder, record, table))
    with whole(folder.report) as partial:
        partial.write_text(page, encoding="utf-8")
    return folder.report


def make_context(folder: ExplainedFolder, record: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    """Put together everything the template names."""
    films = list(dict.fromkeys(table["image_id"]))
    return {
        "style": Markup((HERE / "style.css").read_text()),
        "phantom": False,
        "record": record,
        "films": [show_film(folder, name, table[table["image_id"] == name]) for name in films[:MOST]],
        "more": max(len(films) - MOST, 0),
        "explainers": summarize(record, table),
    }


def show_film(folder: ExplainedFolder, image_id: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Return one film's picture and its findings."""
    picture = read_picture(str(folder.sheet(image_id.replace("/", "__"))))
    findings = to_records(rows.drop_duplicates("finding"))
    return {
        "image_id": image_id,
        "source": embed_picture(picture),
        "width": picture.shape[1],
        "height": picture.shape[0],
        "findings": findings,
        "anchor": f"film-{image_id.replace('/', '-')}",
    }


def summarize(record: dict[str, Any], table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each explainer with what was found over all films; scores against boxes where there were some."""
    shown = []
    for label, settings in record["explainers"].items():
        mine = table[table["explainer"] == label]
        named = {key: value for key, value in settings.items() if key != "_target_" and value is not None}
        live, boxed = mine[~mine["dead"].astype(bool)], mine[mine["boxes"] > 0]
        means = {key: boxed[key].fillna(0.0).mean() if len(boxed) else None for key in record["box_scores"]}
        shown.append(
            {
                "label": label,
                "settings": ", ".join(f"{key}={value}" for key, value in named.items()),
                "maps": len(mine),
                "dead": int(mine["dead"].sum()),
                "half_area": live["half_area"].median() if len(live) else None,
                "residual": live["residual"].abs().max() if live["residual"].notna().any() else None,
                "boxed": len(boxed),
                **means,
            }
        )
    return shown
