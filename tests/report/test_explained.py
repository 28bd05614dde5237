"""The page about explained films, from files made by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.explained_folder import SCORE_COLUMNS, ExplainedFolder
from cxr_xai.report import explained
from cxr_xai.report.explained import summarize, write_explained_report
from cxr_xai.visualization.embed import encode_png

SCORES = ("pointing", "energy", "iou")


def make_table() -> pd.DataFrame:
    """Two films, two findings, two explainers; one map of the second explainer is dead, one film has a box."""
    rows = []
    for name in ("a.png", "sub/b.png"):
        for finding in ("Mass", "Nodule"):
            for label in ("exact", "other"):
                dead = (name, finding, label) == ("a.png", "Mass", "other")
                boxed = (name, finding) == ("a.png", "Mass")
                row: dict[str, Any] = dict.fromkeys(SCORE_COLUMNS, 0.25)
                row |= {"image_id": name, "finding": finding, "explainer": label, "pred": boxed, "dead": dead}
                row |= {"half_area": np.nan if dead else 0.125, "residual": -1e-6 if label == "exact" else np.nan}
                row |= dict.fromkeys(SCORES, 0.5 if boxed and not dead else np.nan)
                rows.append(row | {"boxes": int(boxed)})
    return pd.DataFrame(rows)


def make_folder(place: Path, scored: bool) -> ExplainedFolder:
    folder = ExplainedFolder(place)
    words = {"images": "<b>films", "run": "cell", "weights_sha256": "0123456789", "epoch": 3, "films": 2}
    settings = {"_target_": "cxr_xai.explainers.exact_cam.ExactCam", "seed": 0, "steps": None}
    record = words | {"left_out": {"c.png": "no film"}, "findings": "predicted", "scored_against_boxes": scored}
    record |= {"box_scores": list(SCORES), "explainers": {"exact": settings, "other": settings}}
    folder.write_record(record)
    make_table().to_csv(folder.scores, index=False)
    for stem in ("a.png", "sub__b.png"):
        folder.sheet(stem).parent.mkdir(exist_ok=True)
        folder.sheet(stem).write_bytes(encode_png(np.zeros((20, 30, 3), np.uint8)))
    return folder


def test_everything_is_said_and_escaped(tmp_path: Path) -> None:
    page = write_explained_report(make_folder(tmp_path, scored=True)).read_text()
    for words in (
        "&lt;b&gt;films",
        "c.png (no film)",
        "seed=0",
        "Mass .25 (predicted)",
        'id="film-sub-b.png"',
        "Boxed",
    ):
        assert words in page, words
    assert "steps" not in page
    assert page.count("<img") == 2
    assert page.count("data:image/webp") == 2


def test_without_boxes_there_are_no_scores(tmp_path: Path) -> None:
    assert "Pointing" not in write_explained_report(make_folder(tmp_path, scored=False)).read_text()


def test_a_dead_map_counts_zero_against_boxes_and_has_no_area() -> None:
    record = {"box_scores": SCORES, "explainers": {"exact": {}, "other": {}}}
    exact, other = summarize(record, make_table())
    assert (exact["maps"], exact["dead"], exact["boxed"], exact["iou"]) == (4, 0, 1, 0.5)
    assert (other["maps"], other["dead"], other["boxed"], other["iou"]) == (4, 1, 1, 0.0)
    assert exact["residual"] == pytest.approx(1e-6)
    assert other["residual"] is None
    assert other["half_area"] == 0.125


def test_many_films_are_cut_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explained, "MOST", 1)
    page = write_explained_report(make_folder(tmp_path, scored=False)).read_text()
    assert page.count("<img") == 1
    assert "1 more films" in page
