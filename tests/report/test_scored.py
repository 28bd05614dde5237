"""The page about anyone's maps."""

from pathlib import Path

import pandas as pd

from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS
from cxr_xai.experiments.summary import summarize_localization
from cxr_xai.report.scored import LEVELS, write_scored_report


def scores_of(pairs: int) -> pd.DataFrame:
    """Rows of boxed pairs that are all alike."""
    rows = pd.DataFrame({key: [0.5] * pairs for key in LOCALIZATION_COLUMNS})
    names = [f"{number:03d}" for number in range(pairs)]
    return rows.assign(finding="Mass", image_id=names, patient_id=names, boxes=1, dead=False)


def test_everything_is_said_and_escaped(tmp_path: Path) -> None:
    nan = float("nan")
    cells = {f"{key}{end}": 0.5 for key in ("iou", "pointing", "energy") for end in ("", "_low", "_high")}
    cells |= {"skill": nan, "skill_low": nan, "skill_high": nan, "over_prior": 0.07}
    cells |= {f"t_iou_{level}": 0.25 for level in LEVELS} | {"boxes": 12, "dead": 1, "in_macro": False}
    table = pd.DataFrame([cells | {"finding": name, "control": "<b>ours"} for name in ("macro", "Mass")])
    problem = {"file": "x.npz", "image_id": "", "finding": "", "problem": "is no archive", "skipped": True}
    summary = {
        "maps": {"name": "<b>ours", "method": "Grad-CAM", "normalization": ""},
        "protocol": {"source": "nih", "boxes": "sealed", "image_size": 224},
        "localization": summarize_localization(scores_of(12), 20),
        "counts": {"files": 12},
        "dead": 1,
        "grids": {"7x7": 12},
        "missing": {"Pleural_Thickening": 3},
        "problems": [problem],
    }
    write_scored_report(tmp_path / "report.html", summary, table)
    page = (tmp_path / "report.html").read_text()
    for words in (
        "&lt;b&gt;ours",
        "Grad-CAM",
        "Δ .07",
        "Mean over findings",
        "Agreement with the boxes: .500",
        "highest tenth of the image",
        "Wang et al. 2017",
        "†",
        "is no archive",
        "Pleural Thickening",
    ):
        assert words in page, words
    assert "<b>ours" not in page
    assert "For research, not for clinical use" in page
