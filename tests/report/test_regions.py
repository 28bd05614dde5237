"""The page about regions, from files made by hand."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.anatomy.regions import REGIONS
from cxr_xai.errors import UserError
from cxr_xai.experiments.global_explanations.cooccurrence import PAIRS, make_pairs
from cxr_xai.experiments.global_explanations.importance import (
    MEAN,
    compare_importance,
    summarize_importance,
    summarize_interactions,
)
from cxr_xai.files import write_json
from cxr_xai.findings import FINDINGS
from cxr_xai.report.regions import QUANTITIES, draw_pairs, write_regions_report

N = 4
RNG = np.random.default_rng(0)
PHI = RNG.standard_normal((N, len(REGIONS), len(FINDINGS)))
PATIENTS = np.array(["a", "b", "c", "d"])
PAIR_TABLE = make_pairs({key: np.linspace(-1, 1, len(PAIRS)) for key in QUANTITIES})


def make_folder(place: Path, **changes: Any) -> RunFolder:
    folder = RunFolder(place)
    n, r, k = (axis.ravel() for axis in np.indices(PHI.shape))
    columns = {"finding": np.array(FINDINGS)[k], "region": np.array(REGIONS)[r], "phi": PHI.ravel(), "target": n % 2}
    importance = summarize_importance(PHI, PATIENTS, 20)
    interactions = summarize_interactions(RNG.standard_normal((1, 10, 10, 1)))
    words = {"run": "<b>cell", "anatomy": "atlas", "values": "exact", "masked": "mean of 4 training films"}
    numbers = {"films": N, "patients": N, "unknown": 3, "test": 40, "areas": dict.fromkeys(REGIONS, 0.1)}
    nothing = {finding: {"films": 0, "direction": None} for finding in FINDINGS}
    rest = {"chosen": "all", "predicted": nothing, "pairs_agree": {"labels and maps": 0.25}, "against": None}
    summary = words | numbers | rest | {"importance": importance, "interactions": interactions}
    (place / "regions").mkdir(parents=True)
    pd.DataFrame(columns).to_csv(place / "regions" / "films.csv", index=False)
    PAIR_TABLE.to_csv(place / "regions" / "pairs.csv", index=False)
    write_json(place / "regions" / "summary.json", summary | changes)
    write_json(folder.certificate, {"data": {"source": "nih"}})
    return folder


def test_everything_is_said_and_every_figure_stands_alone(tmp_path: Path) -> None:
    page = write_regions_report(make_folder(tmp_path)).read_text()
    for words in (
        "&lt;b&gt;cell",
        "Approximate regions",
        "3 films have no known regions",
        "labels and maps .25",
        "In the predictions",
        "held fixed over the replicates",
    ):
        assert words in page, words
    assert "Two networks" not in page
    figures = sorted((tmp_path / "regions" / "figures").glob("*.svg"))
    assert len(figures) == 2 + len(FINDINGS) + len(QUANTITIES)
    for path in figures:
        ElementTree.parse(path)
    assert (tmp_path / "regions" / "shap_summary.png").read_bytes().startswith(b"\x89PNG")


def test_another_run_stands_beside_it_as_one_network(tmp_path: Path) -> None:
    beside = {
        "run": "other",
        "films": N,
        "importance": summarize_importance(2 * PHI, PATIENTS, 20),
        "differences": compare_importance(PHI, 2 * PHI, PATIENTS, 20),
    }
    assert set(beside["differences"][MEAN]["heart"]) >= {"share", "difference"}
    page = write_regions_report(make_folder(tmp_path, against=beside)).read_text()
    assert "Beside other" in page
    assert "Two networks, not two arms" in page
    assert "another seed of the same arm may differ as much" in page


def test_pairs_are_drawn_where_they_belong() -> None:
    figure = draw_pairs(PAIR_TABLE, "predicted phi")
    assert "predicted phi of every pair" in figure
    assert figure.count("<rect") >= len(PAIRS)


def test_a_folder_without_regions_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scripts/regions\.py"):
        write_regions_report(RunFolder(tmp_path))
