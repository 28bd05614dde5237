"""Maps of another program: the ideal, the dead, the missing and the broken."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.data.boxes import read_box_list
from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.score.run import run_score
from cxr_xai.files import read_json


@pytest.fixture
def maps(tables: Path, tmp_path: Path) -> Path:
    """One file per image: 1 in the box of the finding on a 64 × 64 grid, 0 elsewhere."""
    folder = tmp_path / "ours"
    folder.mkdir()
    for image, boxes in read_box_list(tables / "BBox_List_2017.csv").groupby("image_id"):
        attribution = np.zeros((len(boxes), 64, 64), np.float32)
        for row, box in enumerate(boxes.itertuples()):
            left, top, right, bottom = (round(64 * edge) for edge in (box.x0, box.y0, box.x1, box.y1))
            attribution[row, top:bottom, left:right] = 1
        np.savez(folder / f"{image}.npz", attribution=attribution, findings=boxes["finding"].to_numpy(str))
    return folder


def run(tables: Path, maps: Path, output: Path, *overrides: str) -> dict[str, Any]:
    fixed = ["datamodule=nih", f"datamodule.root={tables}", "datamodule.image_size=64", "replicates=20"]
    run_score(*compose("score", [*fixed, f"maps={maps}", f"output={output}", *overrides]))
    summary: dict[str, Any] = read_json(output / "summary.json")
    return summary


def test_maps_that_are_the_boxes(tables: Path, maps: Path, tmp_path: Path) -> None:
    (maps / "maps.json").write_text('{"name": "oracle", "method": "drawn by hand"}')
    summary = run(tables, maps, tmp_path / "out")
    macro = summary["localization"]["macro"]
    assert macro["iou"]["value"] > 0.85
    assert macro["pointing"]["value"] > 0.97, "edges are rounded to cells"
    assert macro["skill"]["value"] == pytest.approx(1, abs=0.1)
    assert summary["localization"]["micro"]["dead"] == 0
    assert summary["counts"]["boxed pairs without a map"] == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "oracle" in page
    assert "drawn by hand" in page
    for name in ("localization.parquet", "localization.csv", "controls.csv", "problems.csv", "missing.csv"):
        assert (tmp_path / "out" / name).is_file()
    assert len(pd.read_parquet(tmp_path / "out" / "localization.parquet")) == 50


def test_marked_pixels_judge_where_they_are_known(marked: Path, tmp_path: Path) -> None:
    """A map of the whole box has the triangle's share of its energy, in a half of the patients as well."""
    folder = tmp_path / "maps"
    folder.mkdir()
    for number in range(6):
        attribution = np.zeros((1, 64, 64), np.float32)
        attribution[0, 16:48, 4 * number : 4 * number + 32] = 1
        name = f"patient{64741 + number}_study1_view1_frontal.jpg"
        np.savez(folder / f"{name}.npz", attribution=attribution, findings=["Cardiomegaly"])
    for half in ("all", "sealed"):
        fixed = ["datamodule=chexpert", f"datamodule.root={marked}", "datamodule.image_size=64", "replicates=20"]
        words = [*fixed, f"maps={folder}", f"output={tmp_path / half}", f"boxes={half}"]
        run_score(*compose("score", words))
        summary, maps = (
            read_json(tmp_path / half / "summary.json"),
            pd.read_parquet(tmp_path / half / "localization.parquet"),
        )
        assert 0 < len(maps) <= 6
        np.testing.assert_allclose(maps["energy"], 528 / 32**2, atol=1e-3)
        np.testing.assert_allclose(maps["mask_iou"], 528 / 32**2, atol=1e-3)
        np.testing.assert_allclose(maps["iou"], 1)
        assert summary["protocol"]["judged_by"] == "masks"
        assert "against marked pixels" in (tmp_path / half / "report.html").read_text()


def test_dead_missing_and_bad_are_named(tables: Path, maps: Path, tmp_path: Path) -> None:
    files = sorted(maps.glob("*.npz"))
    files[0].unlink()
    files[1].write_bytes(b"no archive")
    np.savez(files[2], attribution=np.zeros((2, 7, 7)), findings=["Cardiomegaly", "Infiltrate"])
    np.savez(files[3], attribution=np.full((1, 7, 7), np.nan), findings=["Cardiomegaly"])
    with pytest.raises(UserError, match=r"1 of 24 files were skipped.*all others are scored"):
        run(tables, maps, tmp_path / "out")
    summary = read_json(tmp_path / "out" / "summary.json")
    assert summary["dead"] == 3
    assert summary["missing"] == {"Cardiomegaly": 2, "Infiltration": 3}
    assert summary["localization"]["live"]["pairs"] == summary["localization"]["micro"]["pairs"] - 3
    assert summary["grids"] == {"64x64": 42, "7x7": 3}
    problems = pd.read_csv(tmp_path / "out" / "problems.csv")
    assert problems["file"].tolist() == [files[1].name, files[3].name]


def test_halves_and_images_that_do_not_exist(tables: Path, maps: Path, tmp_path: Path) -> None:
    halves = [run(tables, maps, tmp_path / half, f"boxes={half}") for half in ("sealed", "monitored")]
    assert sum(half["localization"]["micro"]["pairs"] for half in halves) == 50
    sorted(maps.glob("*.npz"))[0].rename(maps / "unknown.npz")
    with pytest.raises(UserError, match=r"1 names are no image of the label file \(first: unknown\)"):
        run(tables, maps, tmp_path / "out")


def test_probabilities_make_the_slice_of_predicted_findings(
    tables: Path, maps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "predicted" not in run(tables, maps, tmp_path / "none")["localization"], "without probs nothing is known"
    for number, file in enumerate(sorted(maps.glob("*.npz"))):
        stored = dict(np.load(file))
        np.savez(file, **stored, probs=[0.6 if number < 22 else 0.1, 0.4])
    summary = run(tables, maps, tmp_path / "half")
    predicted = summary["localization"]["predicted"]
    assert predicted["micro"]["pairs"] == 22
    assert (summary["protocol"]["predicted_from"], summary["protocol"]["threshold"]) == (0.5, 0.5)
    assert "predicted (prob ≥ 0.5): 22 maps" in capsys.readouterr().out
    page = (tmp_path / "half" / "report.html").read_text()
    assert "finding predicted" in page
    assert "a probability of at least .50" in page
    lower = run(tables, maps, tmp_path / "lower", "predicted_from=0.4")
    assert lower["localization"]["predicted"]["micro"]["pairs"] == 22 + 25
    with pytest.raises(UserError, match="predicted_from=2: expected a number from 0 to 1"):
        run(tables, maps, tmp_path / "out", "predicted_from=2")


def test_a_runs_ledger_notes_only_the_halves_that_were_scored(tables: Path, maps: Path, tmp_path: Path) -> None:
    (tmp_path / "certificate.json").write_text("{}")
    run(tables, maps, tmp_path / "out", "boxes=sealed")
    ledger = read_ledger(tmp_path / "ledger.csv")
    sealed = len(pd.read_parquet(tmp_path / "out" / "localization.parquet"))
    assert ledger[["what", "rows"]].to_numpy().tolist() == [["sealed boxes", sealed]]
    run(tables, maps, tmp_path / "all")
    ledger = read_ledger(tmp_path / "ledger.csv")[1:]
    assert ledger[["what", "rows"]].to_numpy().tolist() == [["monitored boxes", 50 - sealed], ["sealed boxes", sealed]]
    stored = [np.load(file) for file in sorted(maps.glob("*.npz"))]
    whole = {"image_id": [file.stem for file in sorted(maps.glob("*.npz"))], "findings": stored[0]["findings"]}
    np.savez(tmp_path / "sealed-e001.npz", **whole, attribution=np.stack([one["attribution"] for one in stored]))
    run(tables, tmp_path / "sealed-e001.npz", tmp_path / "named")
    last = read_ledger(tmp_path / "ledger.csv").iloc[3:]
    assert last[["what", "rows"]].to_numpy().tolist() == [["sealed boxes", 50]], "the run says which half they are"


def test_a_place_that_cannot_be_written(tables: Path, maps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxr_xai.experiments.score.run.score_found", None)  # nothing may be computed
    with pytest.raises(UserError, match=r"output: /proc/foo cannot be made"):
        run(tables, maps, Path("/proc/foo"))


def test_nothing_to_score_and_wrong_settings(tables: Path, maps: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="boxes=some"):
        run(tables, maps, tmp_path / "out", "boxes=some")
    with pytest.raises(UserError, match="No folder or file"):
        run(tables, tmp_path / "absent", tmp_path / "out")
    with pytest.raises(UserError, match="is a file, not a folder"):
        run(tables, maps, tables / "BBox_List_2017.csv")
    for file in maps.glob("*.npz"):
        np.savez(file, attribution=np.zeros((1, 7, 7)), findings=["Hernia"])
    with pytest.raises(UserError, match=r"no map of a boxed finding .* \(25 other maps\)"):
        run(tables, maps, tmp_path / "out")
    assert not (tmp_path / "out").exists()
