"""The page about a folder of films without labels: how often each finding is predicted, what is odd, and a gallery."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from cxr_xai.artifacts.predicted_folder import PredictedFolder
from cxr_xai.files import whole
from cxr_xai.findings import FINDINGS
from cxr_xai.report.page import HERE, make_environment
from cxr_xai.report.panels import read_picture, to_records
from cxr_xai.visualization.embed import embed_picture

MOST = 60
"""Films in the gallery; the folder has the pictures of all that were drawn."""

LISTED = 200
"""Rows of the list of films that are odd or were left out; ``films.csv`` has all."""


def write_predicted_report(folder: PredictedFolder) -> Path:
    """Write ``report.html`` into the folder from what lies in it, and return its path."""
    text = {"file": str, "problem": str, "notes": str, "copy_of": str, "predicted": str}
    films = pd.read_csv(folder.films, dtype=text, keep_default_na=True).fillna(dict.fromkeys(text, ""))
    page = make_environment().get_template("predicted.html").render(make_context(folder, films))
    with whole(folder.report) as partial:
        partial.write_text(page, encoding="utf-8")
    return folder.report


def make_context(folder: PredictedFolder, films: pd.DataFrame) -> dict[str, Any]:
    """Put together everything the template names."""
    odd = films[(films["problem"] != "") | (films["notes"] != "") | (films["copy_of"] != "")]
    drawn = films[[folder.panel(file).is_file() for file in films["file"]]] if len(films) else films
    record = folder.read_record()
    return {
        "style": Markup((HERE / "style.css").read_text()),
        "phantom": False,
        "record": record,
        "odd": to_records(odd.head(LISTED)),
        "more_odd": max(len(odd) - LISTED, 0),
        "gallery": [show_film(folder, row) for row in to_records(choose_films(drawn, MOST))],
        "drawn": len(drawn),
    }


def choose_films(drawn: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the films of the gallery: those with the most probable predicted finding first, then all others by name.

    Args:
        drawn: rows of ``films.csv``.
        most: how many.
    """
    predicted = drawn["predicted"].map(lambda names: [name for name in names.split("; ") if name])
    strength = [
        max((float(row[name]) for name in names), default=-1.0)
        for row, names in zip(drawn[list(FINDINGS)].to_dict("records"), predicted, strict=True)
    ]
    return drawn.iloc[np.argsort(-np.array(strength), kind="stable")[:most]]


def show_film(folder: PredictedFolder, row: dict[str, Any]) -> dict[str, Any]:
    """Return one film's picture and its words."""
    picture = read_picture(str(folder.panel(str(row["file"]))))
    names = [name for name in str(row["predicted"]).split("; ") if name]
    return {
        "file": row["file"],
        "notes": row["notes"],
        "source": embed_picture(picture),
        "width": picture.shape[1],
        "height": picture.shape[0],
        "findings": [(name, row[name]) for name in sorted(names, key=lambda name: -float(row[name]))],
    }
