"""Films that are handed in come out explained; what cannot be read is named, and repeating costs nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.explained_folder import SCORE_COLUMNS, ExplainedFolder
from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.films.decode import decode_film
from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.explain.run import run_explain


@pytest.fixture
def films(small_data: Path, finished: RunFolder, tmp_path: Path) -> Path:
    """Three boxed films of the phantom, one of them torn."""
    boxes = pd.read_csv(small_data / "phantom" / "BBox_List_2017.csv", skiprows=1, header=None)
    names = list(dict.fromkeys(boxes[0]))[:3]
    (tmp_path / "films").mkdir()
    for name in names:
        (path,) = (small_data / "phantom").rglob(f"images/{name}")
        (tmp_path / "films" / name).write_bytes(path.read_bytes())
    torn = tmp_path / "films" / names[2]
    torn.write_bytes(torn.read_bytes()[:500])
    return tmp_path / "films"


def settings_for(finished: RunFolder, films: Path, *overrides: str) -> dict[str, Any]:
    return compose("explain", [f"checkpoint={finished.best}", f"images={films}", *overrides])[0]


def test_pictures_maps_scores_and_a_page(finished: RunFolder, films: Path, small_data: Path, tmp_path: Path) -> None:
    box_list = small_data / "phantom" / "BBox_List_2017.csv"
    output = ExplainedFolder(tmp_path / "out")
    settings = settings_for(finished, films, f"output={output.path}", f"boxes={box_list}", "findings=[Mass]")
    with pytest.raises(UserError, match=r"1 of 3 films cannot be used: .*truncated or corrupt.*; the others are"):
        run_explain(settings)
    table = pd.read_csv(output.scores)
    assert tuple(table.columns) == SCORE_COLUMNS
    assert table["image_id"].nunique() == 2
    assert (table["finding"] == "Mass").any(), "asked for"
    assert (table["boxes"] > 0).any(), "and what has a box"
    stored = pd.read_parquet(finished.predictions).set_index(["image_id", "finding"])
    for row in table.itertuples():
        assert row.logit == pytest.approx(stored.loc[(row.image_id, row.finding), "logit"], abs=1e-4)
        assert row.residual == pytest.approx(0, abs=1e-3)
    boxed = table[(table["boxes"] > 0) & ~table["dead"]]
    assert boxed[["pointing", "energy", "iou"]].notna().all(axis=None)
    assert table.loc[table["boxes"] == 0, "iou"].isna().all()
    for name in table["image_id"].unique():
        with np.load(output.maps("exact_cam") / f"{name}.npz") as maps:
            assert len(maps["attribution"]) == len(maps["findings"]) == (table["image_id"] == name).sum()
        assert decode_film(output.sheet(name).read_bytes()).pixels.size > 0
    record = json.loads(output.record.read_text())
    assert list(record["left_out"].values()) == ["truncated or corrupt"]
    page = output.report.read_text()
    assert "truncated or corrupt" in page
    assert "exact_cam" in page

    made = {path: path.stat().st_mtime_ns for path in output.path.rglob("*.npz")}
    with pytest.raises(UserError, match="1 of 3"):
        run_explain(settings)
    assert {path: path.stat().st_mtime_ns for path in output.path.rglob("*.npz")} == made, "used again"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("images=nowhere", "images=nowhere: no such file or folder"),
        ("checkpoint=nowhere", "checkpoint=nowhere: no such file or folder"),
        ("boxes=nowhere.csv", "boxes=nowhere.csv: no such file"),
        ("findings=[Cold]", "Cold is none of"),
        ("explainers=[cam]", "explainer=cam: no such member"),
        ("batch_size=0", "batch_size=0; it must be 1 or more"),
        ("batch_size=abc", "batch_size=abc; it must be 1 or more"),
        ("findings=null", "findings=None: use predicted, all, or names"),
        ("device=tpu", "device=tpu: use auto, cpu or cuda"),
    ],
)
def test_what_is_wrong_is_said(finished: RunFolder, films: Path, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run_explain(settings_for(finished, films, override))


def test_no_film_at_all(finished: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"none of 1 films can be used: a\.png \(empty file\)"):
        run_explain(settings_for(finished, tmp_path / "a.png", f"output={tmp_path / 'out'}"))


def test_boxes_are_noted_in_the_ledger(finished: RunFolder, films: Path, small_data: Path, tmp_path: Path) -> None:
    box_list = small_data / "phantom" / "BBox_List_2017.csv"
    before = len(read_ledger(finished.ledger))
    with pytest.raises(UserError, match="1 of 3"):
        run_explain(settings_for(finished, films, f"output={tmp_path / 'out'}", f"boxes={box_list}"))
    line = read_ledger(finished.ledger).iloc[before:]
    assert line[["what", "purpose"]].to_numpy().tolist() == [["sealed boxes", "films explained"]]
    boxes = pd.read_csv(box_list)
    names = [path.name for path in films.iterdir()]
    pairs = boxes[boxes.iloc[:, 0].isin(names)].iloc[:, :2].drop_duplicates()
    assert line["rows"].tolist() == [len(pairs)]


@pytest.mark.parametrize(
    "explainer",
    [
        "integrated_gradients baseline=background films=2 steps=1",
        "shap_kernel segments=slic count=9 samples=18.0 background_size=2",
        "shap_kernel segments=anatomy samples=30 background_size=2",
    ],
)
def test_explainers_that_compare_with_films_of_the_training_part(
    finished: RunFolder, films: Path, tmp_path: Path, explainer: str
) -> None:
    output = ExplainedFolder(tmp_path / "out")
    settings = settings_for(finished, films, f"output={output.path}", f"explainers=['{explainer}']")
    with pytest.raises(UserError, match="1 of 3"):
        run_explain(settings)
    record = json.loads(output.record.read_text())
    (described,) = record["explainers"].values()
    assert described["background"]["films"] == 2
    assert pd.read_csv(output.scores)["residual"].notna().all()
