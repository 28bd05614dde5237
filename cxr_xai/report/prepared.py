"""The page about a prepared source: what it holds, what is left out and why, what is there twice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from cxr_xai.artifacts.prepared_folder import PreparedFolder
from cxr_xai.files import whole
from cxr_xai.findings import FINDINGS
from cxr_xai.report.page import HERE, NAMES, PARTS, make_environment, mean_prevalence
from cxr_xai.report.panels import read_picture, to_records
from cxr_xai.visualization.embed import embed_picture

ROWS = 50
"""Rows of a table on the page; the CSV beside it holds all."""


@dataclass(frozen=True)
class Film:
    """One film on the page.

    Attributes:
        image_id: its name.
        source: ``data:`` address, or empty where the file shows nothing.
        words: patient, part, what is wrong.
    """

    image_id: str
    source: str
    words: str


def write_prepared_report(folder: PreparedFolder) -> Path:
    """Write ``report.html`` into the folder from what lies in it, and return its path.

    Raises:
        UserError: the folder is no prepared source.
    """
    summary = folder.read_summary()
    films = pd.read_csv(folder.films, dtype={"image_id": str, "patient_id": str}, keep_default_na=False)
    pairs = pd.read_csv(folder.duplicates, keep_default_na=False)
    page = make_environment().get_template("prepared.html").render(make_context(folder, summary, films, pairs))
    with whole(folder.report) as partial:
        partial.write_text(page, encoding="utf-8")
    return folder.report


def make_context(
    folder: PreparedFolder, summary: dict[str, Any], films: pd.DataFrame, pairs: pd.DataFrame
) -> dict[str, Any]:
    """Put together everything the template names."""
    inverted = films[films["notes"].str.contains("inverted") & (films["reason"] == "")]
    unfit = films[films["reason"] != ""]
    return {
        "style": Markup((HERE / "style.css").read_text()),
        "certificate": summary,
        "summary": summary,
        "audit": summary["audit"],
        "source": NAMES.get(summary["data"]["source"], summary["data"]["source"]),
        "phantom": summary["data"]["source"] == "phantom",
        "findings": FINDINGS,
        "parts": [part for part in PARTS if part in summary["split"]["images"]],
        "mean_prevalence": mean_prevalence(summary),
        "across": int((pairs["patients"] == "different").sum()),
        "leaks": int(((pairs["patients"] == "different") & (pairs["parts"] == "different")).sum()),
        "unfit": to_records(unfit.head(ROWS)),
        "unfit_films": [film for row in to_records(unfit) if (film := show_film(folder, row, row["reason"])).source],
        "inverted": [show_film(folder, row, "inverted") for row in to_records(inverted.head(ROWS))],
        "pairs": [show_pair(folder, row) for row in to_records(pairs.head(ROWS))],
    }


def show_film(folder: PreparedFolder, row: dict[str, Any], words: str) -> Film:
    """Embed a film's small picture, if there is one."""
    path = folder.picture(row["image_id"])
    source = embed_picture(read_picture(str(path))) if path.is_file() else ""
    return Film(row["image_id"], source, f"{row['part'] or 'no part'}: {words}")


def show_pair(folder: PreparedFolder, row: dict[str, Any]) -> dict[str, Any]:
    """Return a pair with both pictures."""
    both = [show_film(folder, {"image_id": row[end], "part": ""}, "").source for end in ("first", "second")]
    return {**row, "pictures": both if all(both) else []}
