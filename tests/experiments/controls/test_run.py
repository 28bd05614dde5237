"""The script's way: tables alone are enough, and everything that can be wrong is said in a line."""

from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.controls.run import run_controls

FAST = ("replicates=20", "datamodule.image_size=64")


def run(root: Path, *overrides: str) -> None:
    run_controls(*compose("controls", ["datamodule=nih", f"datamodule.root={root}", *FAST, *overrides]))


def test_no_film_is_needed(tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "new" / "controls.csv"
    run(tables, f"output={output}")
    table = pd.read_csv(output).set_index(["finding", "control", "grid"])
    assert set(table.index.get_level_values(0)) == {"macro", "Cardiomegaly", "Infiltration"}
    assert table.loc[("macro", "class box prior", "7x7"), "skill"] == 0
    assert table.loc[("macro", "ceiling", "64x64"), "iou"] > table.loc[("macro", "ceiling", "7x7"), "iou"]
    assert table.loc[("Cardiomegaly", "random", "7x7"), "boxes"] == 25
    said = capsys.readouterr().out
    assert "best image-free control" in said
    assert max(len(line) for line in said.splitlines() if "│" not in line and "/" not in line) <= 80
    run(tables, f"output={tmp_path / 'again.csv'}")
    assert (tmp_path / "again.csv").read_bytes() == output.read_bytes()


def test_marked_pixels_judge_where_they_are_known(
    marked: Path, tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["datamodule=chexpert", f"datamodule.root={marked}", f"output={tmp_path / 'c.csv'}", *FAST]
    run_controls(*compose("controls", words))
    table = pd.read_csv(tmp_path / "c.csv").set_index(["finding", "control"])
    assert set(table["judged_by"]) == {"masks"}
    found = table.loc[("Cardiomegaly", "random"), "energy"]
    assert found == pytest.approx(528 / 64**2, abs=0.03), "the triangle's share of the film, not its box's of a quarter"
    assert "against marked pixels" in " ".join(capsys.readouterr().out.split())
    run(tables, f"output={tmp_path / 'boxes.csv'}")
    assert set(pd.read_csv(tmp_path / "boxes.csv")["judged_by"]) == {"boxes"}


def test_maps_as_fine_as_the_image(tables: Path, tmp_path: Path) -> None:
    run(tables, "grid=64", f"output={tmp_path / 'fine.csv'}")
    assert set(pd.read_csv(tmp_path / "fine.csv")["grid"]) == {"64x64"}


def test_bad_inputs(tables: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No folder"):
        run(tmp_path / "absent")
    with pytest.raises(UserError, match="has no boxes to score on"):
        run(tables, "datamodule.reader.box_list=null")
    with pytest.raises(UserError, match=r"output=.* is a folder"):
        run(tables, f"output={tmp_path}")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file, not a folder"):
        run(tables, f"output={tmp_path / 'file' / 'x.csv'}")
    for wrong in ("grid=0", "grid=1.5", "replicates=0", "grid=2000"):
        with pytest.raises(UserError, match="whole number"):
            run(tables, wrong)
    (tables / "BBox_List_2017.csv").unlink()
    with pytest.raises(UserError, match=r"No BBox_List_2017\.csv"):
        run(tables)


def test_a_place_that_cannot_be_written(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxr_xai.experiments.controls.run.score_table", None)  # nothing may be computed
    with pytest.raises(UserError, match=r"output: /proc/foo cannot be made"):
        run(tables, "output=/proc/foo/c.csv")


def test_the_phantom_too(tmp_path: Path) -> None:
    small = ["train_val_patients=2", "test_patients=12", "film_size=64"]
    overrides = [f"datamodule.reader.{each}" for each in small]
    settings = compose("controls", [*overrides, *FAST, f"paths.data={tmp_path}", f"output={tmp_path / 'c.csv'}"])
    run_controls(*settings)
    assert len(pd.read_csv(tmp_path / "c.csv"))
