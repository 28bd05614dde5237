"""Every file once: predicted or left out with its reason; nothing twice; the same tables however often it is cut."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.predicted_folder import FILM_COLUMNS, PREDICTED_COLUMNS, PredictedFolder
from cxr_xai.data.films.decode import decode_film
from cxr_xai.errors import UserError
from cxr_xai.experiments.predict import run
from cxr_xai.experiments.predict.network import Network
from cxr_xai.findings import FINDINGS
from cxr_xai.heatmap import make_heatmap

Make = Callable[..., dict[str, Any]]
FIT = ["IM0001", "a.png", "c.png", "sub/a.png", "sub/b.jpg", "z/copy of c.png"]


@pytest.fixture(autouse=True)
def opened_once(exported: Path, monkeypatch: pytest.MonkeyPatch, network: Network) -> None:
    """Opening the file takes longer than all that is tested here."""
    real = run.open_network
    monkeypatch.setattr(run, "describe_code", dict)  # asks git
    monkeypatch.setattr(
        run,
        "open_network",
        lambda path, device: network if path == str(exported) and device == "cpu" else real(path, device),
    )


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the batches that networks are asked about."""
    sizes: list[int] = []
    say = Network.say
    monkeypatch.setattr(Network, "say", lambda self, image: (sizes.append(len(image)), say(self, image))[1])
    return sizes


def test_tables_pictures_and_a_page(settings_for: Make, phantoms: list[np.ndarray], network: Network) -> None:
    settings = settings_for("batch_size=4", "panels=3")
    run.run_predict(settings)
    folder = PredictedFolder(settings["output"])
    films = pd.read_csv(folder.films, keep_default_na=False).set_index("file")
    assert list(films.reset_index().columns) == list(FILM_COLUMNS)
    assert sorted(films.index[films["problem"] == ""]) == FIT
    assert films["problem"].to_dict() | dict.fromkeys(FIT) == {
        **dict.fromkeys(FIT),
        "blank.png": "blank",
        "torn.png": "truncated or corrupt",
    }
    assert films["notes"]["IM0001"] == "DICOM view LL"
    assert films["copy_of"].to_dict() == dict.fromkeys(films.index, "") | {
        "a.png": "IM0001",  # whose negative was turned
        "z/copy of c.png": "c.png",
    }
    table = pd.read_parquet(folder.parquet)
    assert list(table.columns) == list(PREDICTED_COLUMNS)
    assert len(table) == len(FIT) * len(FINDINGS)
    assert sorted(table["file"].unique()) == FIT
    pd.testing.assert_frame_equal(pd.read_csv(folder.csv), table, check_dtype=False, rtol=1e-5)
    said = network.say(phantoms[1][None, None].astype(np.float32) / 255)
    mine = table[table["file"] == "sub/a.png"]
    np.testing.assert_allclose(mine["logit"], said.logits[0], atol=1e-5)
    np.testing.assert_array_equal(mine["pred"], said.preds[0])
    for k, row in enumerate(mine.itertuples()):
        if not row.dead:
            peak = np.unravel_index(said.maps[0, k].argmax(), (8, 8))
            assert (row.peak_y * 8 - 0.5, row.peak_x * 8 - 0.5) == peak
    dead = make_heatmap(torch.from_numpy(said.maps[0])).isnan().any(dim=(1, 2)).numpy()
    np.testing.assert_array_equal(mine["dead"], dead)
    assert mine.loc[mine["dead"], "peak_x"].isna().all()
    assert films["predicted"]["sub/a.png"] == "; ".join(mine.loc[mine["pred"], "finding"])
    assert float(films[FINDINGS[3]]["sub/a.png"]) == pytest.approx(mine["calibrated"].iloc[3], rel=1e-4)
    drawn = sorted(path.relative_to(folder.path / "panels").as_posix() for path in folder.path.rglob("panels/**/*.png"))
    assert drawn == ["IM0001.png", "a.png.png"], "of the first three files two are fit"
    assert decode_film(folder.panel("a.png").read_bytes()).pixels.size > 0
    page = folder.report.read_text()
    for words in (
        "truncated or corrupt",
        "DICOM view LL",
        "For research, not for clinical use",
        "Trained on synthetic films",
    ):
        assert words in page
    for place in (folder.report, folder.films, folder.csv, folder.record, folder.parquet):
        raw = place.read_bytes()
        assert b"Doe" not in raw
        assert b"123-456" not in raw
        assert str(Path(settings["folder"]).parent).encode() not in raw, "names of files, no places"


def test_cut_off_and_continued_nothing_is_done_twice(
    settings_for: Make, heard: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "PART", 2)
    whole = settings_for(f"output={tmp_path / 'whole'}")
    run.run_predict(whole)
    asked = sum(heard)
    heard.clear()
    add = run.Parts.add

    def cut(self: run.Parts, *arguments: Any) -> None:
        add(self, *arguments)
        if len(self.numbers()) == 2:
            raise KeyboardInterrupt

    settings = settings_for()
    with monkeypatch.context() as patch:
        patch.setattr(run.Parts, "add", cut)
        with pytest.raises(KeyboardInterrupt):
            run.run_predict(settings)
    folder, other = PredictedFolder(settings["output"]), PredictedFolder(whole["output"])
    assert not folder.record.is_file()
    run.run_predict(settings)
    assert sum(heard) == asked == len(FIT)
    for name in ("csv", "films"):
        assert getattr(folder, name).read_bytes() == getattr(other, name).read_bytes()
    assert folder.report.read_bytes() == other.report.read_bytes()
    run.run_predict(settings)
    assert sum(heard) == asked, "complete: shown again"


def test_films_that_come_go_and_change(
    settings_for: Make, heard: list[int], folder: Path, phantoms: list[np.ndarray]
) -> None:
    settings = settings_for("panels=0")
    run.run_predict(settings)
    heard.clear()
    cv2.imwrite(str(folder / "new.png"), phantoms[4])
    cv2.imwrite(str(folder / "c.png"), phantoms[5])
    (folder / "a.png").unlink()
    run.run_predict(settings)
    assert sum(heard) == 2
    table = pd.read_parquet(PredictedFolder(settings["output"]).parquet)
    assert sorted(table["file"].unique()) == sorted({*FIT, "new.png"} - {"a.png"})
    assert not table.duplicated(["file", "finding"]).any()


@pytest.mark.slow
def test_other_settings_are_refused_and_fresh_moves_aside(settings_for: Make) -> None:
    settings = settings_for("panels=0")
    run.run_predict(settings)
    with pytest.raises(UserError, match="was made with other weights, code or settings; fresh=true"):
        run.run_predict(settings_for("panels=1"))
    run.run_predict(settings_for("panels=1", "fresh=true"))
    assert Path(f"{settings['output']}~1", "predicted.json").is_file()
    assert json.loads(PredictedFolder(settings["output"]).record.read_text())["films"] == len(FIT)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("folder=nowhere", "folder=nowhere: no such file or folder"),
        ("checkpoint=nowhere", "checkpoint=nowhere: no such file or folder; give a run folder"),
        ("checkpoint=nowhere.onnx", r"nowhere\.onnx: no such file; scripts/export\.py writes one"),
        ("batch_size=0", "batch_size=0: expected a whole number of at least 1"),
        ("panels=few", "panels=few: expected a whole number of at least 0 or null"),
        ("findings=[Cold]", "Cold is none of"),
        ("device=tpu", "device=tpu: use auto, cpu or cuda"),
        ("fresh=maybe", "fresh=maybe: expected true or false"),
    ],
)
def test_what_is_wrong_is_said(settings_for: Make, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run.run_predict(settings_for(override))


def test_nothing_to_predict(settings_for: Make, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"folder=.*empty holds no film"):
        run.run_predict(settings_for(f"folder={tmp_path / 'empty'}"))
    with pytest.raises(UserError, match=r"lies in folder=.*, whose films are read"):
        run.run_predict(settings_for(f"output={folder / 'out'}"))
    (tmp_path / "empty" / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"none of 1 films can be used: a\.png \(empty file\)"):
        run.run_predict(settings_for(f"folder={tmp_path / 'empty'}"))
