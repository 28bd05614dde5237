"""The page about the regions of two arms, from values made by hand."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from cxr_xai.data.anatomy.regions import REGIONS
from cxr_xai.errors import UserError
from cxr_xai.experiments.global_explanations.arms import list_films
from cxr_xai.experiments.global_explanations.trainings import (
    Arm,
    Films,
    compare_trainings,
    count_trainings,
    describe_intervals,
    list_trainings,
)
from cxr_xai.files import write_csv, write_json
from cxr_xai.findings import FINDINGS
from cxr_xai.report.regions_of_arms import order_regions, write_arms_report

N = 6
RNG = np.random.default_rng(0)


def make_folder(place: Path, trainings: tuple[int, int], **changes: Any) -> Path:
    arms = [
        Arm(
            name, tuple(f"seed {u}" for u in range(count)), RNG.standard_normal((count, N, len(REGIONS), len(FINDINGS)))
        )
        for name, count in zip(("<bce>", "focal"), trainings, strict=True)
    ]
    names = np.array([f"{n}.png" for n in range(N)])
    films = Films(names, names, np.zeros((N, len(FINDINGS))), np.full(len(REGIONS), 0.1), False)
    summary = {
        "arms": [arm.name for arm in arms],
        "runs": [{"arm": arm.name, "run": f"cell-{key}", "seed": 0, "fold": None} for arm in arms for key in arm.keys],
        "trainings": count_trainings(arms),
        "paired": False,
        "intervals": describe_intervals(arms, films),
        "protocol": {"source": "nih", "label": "nih, split official", "data_sha256": "a" * 64},
        "films": N,
        "patients": N,
        "areas": dict.fromkeys(REGIONS, 0.1),
        "by_training": list_trainings(arms),
        "differences": compare_trainings(arms, films, 50),
        "anatomy": "atlas",
        "masked": "mean of 4 training films",
        "values": "exact",
        "unknown": 2,
    }
    write_json(place / "summary.json", summary | changes)
    write_csv(place / "films.csv", list_films(arms, films))
    return place


def test_both_arms_stand_side_by_side(tmp_path: Path) -> None:
    page = write_arms_report(make_folder(tmp_path, (2, 3))).read_text()
    for words in (
        "&lt;bce&gt; and focal",
        "2 trainings",
        "3 trainings",
        "Approximate regions",
        "2 films have no known",
    ):
        assert words in page, words
    assert "<bce>" not in page
    assert "One run is not an arm" not in page
    assert "Satterthwaite" in page
    assert ">nan" not in page.lower()
    figures = sorted((tmp_path / "figures").glob("*.svg"))
    assert len(figures) == 3 + 2 * len(FINDINGS)
    for path in figures:
        ElementTree.parse(path)
    assert (tmp_path / "shap_summary.png").read_bytes().startswith(b"\x89PNG")


def test_the_swarms_of_two_arms_share_their_scale(tmp_path: Path) -> None:
    write_arms_report(make_folder(tmp_path, (1, 1)))
    zeros = []
    for n in (1, 2):
        tree = ElementTree.parse(tmp_path / "figures" / f"beeswarm_Mass_{n}.svg")
        zeros.append([line.get("x1") for line in tree.iter() if line.get("class") == "zero"])
    assert zeros[0] == zeros[1]
    assert zeros[0]


def test_an_arm_of_one_run_is_told_apart_from_an_arm(tmp_path: Path) -> None:
    page = write_arms_report(make_folder(tmp_path, (1, 2))).read_text()
    assert "One run is not an arm" in page
    assert "&lt;bce&gt; was trained once" in page
    assert "only training is held fixed" in page


def test_regions_are_ordered_by_what_both_arms_look_at() -> None:
    rows = {
        region: {"share": {"first": {"value": one}, "second": {"value": other}}}
        for region, one, other in (("heart", 0.1, 0.4), ("outside", 0.3, 0.3), ("mediastinum", 0.2, 0.1))
    }
    assert order_regions(rows) == ["outside", "heart", "mediastinum"]


def test_a_folder_without_a_comparison_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scripts/regions\.py folder="):
        write_arms_report(tmp_path)
