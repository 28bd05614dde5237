"""A finished run, exported: the files say what the run says, on films that nobody has labeled."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxr_xai.artifacts.exported_folder import ExportedFolder
from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.predicted_folder import PredictedFolder
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.films.decode import decode_film
from cxr_xai.data.splits.file import read_split
from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.export import run
from cxr_xai.experiments.export.run import run_export
from cxr_xai.experiments.predict.run import run_predict
from cxr_xai.files import hash_file
from cxr_xai.findings import FINDINGS


def settings_for(finished: RunFolder, output: Path, *overrides: str) -> dict[str, Any]:
    return compose("export", [f"checkpoint={finished.path}", f"output={output}", *overrides])[0]


def predict(checkpoint: Path, films: Path, output: Path) -> pd.DataFrame:
    given = [f"checkpoint={checkpoint}", f"folder={films}", f"output={output}", "device=cpu", "panels=2"]
    run_predict(compose("predict", given)[0])
    return pd.read_parquet(PredictedFolder(output).parquet)


@pytest.mark.slow
def test_run_and_files_predict_alike(finished: RunFolder, small_data: Path, tmp_path: Path) -> None:
    films, before = small_data / "phantom" / "images_001" / "images", len(read_ledger(finished.ledger))
    run_export(settings_for(finished, tmp_path / "exported", f"images={films}"))
    folder = ExportedFolder(tmp_path / "exported")
    own = predict(finished.path, films, tmp_path / "own")
    for suffix in (".onnx", ".pt2"):
        record = folder.read_sidecar(suffix)
        assert record["sha256"] == hash_file(folder.network(suffix))
        assert record["findings"] == list(FINDINGS)
        assert record["checked"]["films"] == "images"
        assert all(one["difference"] <= one["allowed"] for one in record["checked"]["differences"])
        assert decode_film(folder.maps(suffix).read_bytes()).pixels.size > 0
        table = predict(folder.network(suffix), films, tmp_path / suffix)
        numbers = ["logit", "calibrated"]
        pd.testing.assert_frame_equal(table[numbers], own[numbers], atol=1e-4, rtol=1e-4)
        assert (table[["file", "finding"]] == own[["file", "finding"]]).all(axis=None)
        assert (table["pred"] == own["pred"]).mean() > 0.999
    stored = pd.read_parquet(finished.predictions).set_index(["image_id", "finding"])
    mine = own.set_index(["file", "finding"]).loc[stored.index]
    pd.testing.assert_series_equal(mine["logit"], stored["logit"], atol=1e-4, check_dtype=False, check_index=False)
    assert len(read_ledger(finished.ledger)) == before, "no label was read"
    notes = pd.read_csv(tmp_path / "own" / "films.csv", keep_default_na=False).set_index("file")["notes"]
    split = read_split(finished.split)[1].set_index("image_id")["part"]
    assert {part for name, part in split.items() if f"run's {part}" in notes[name]} == {"train", "val"}


@pytest.mark.slow
def test_what_is_there_stays_and_what_differs_leaves_no_file(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, settings = ExportedFolder(tmp_path), settings_for(finished, tmp_path, "format=torch_export")
    form, wrong = run.FORMATS["torch_export"], "logits of 1 films differ from the run's own by .*; no file is left"
    with monkeypatch.context() as patch:
        write = form.write
        broken = lambda traced, record, path: (  # noqa: E731
            traced.state_dict["model.head.bias"].add_(1),
            write(traced, record, path),
        )
        patch.setitem(run.FORMATS, "torch_export", replace(form, write=broken))
        with pytest.raises(UserError, match=wrong):
            run_export(settings)
    assert list(tmp_path.iterdir()) == []
    run_export(settings)
    made = folder.network(".pt2").stat().st_mtime_ns
    run_export(settings)
    assert "is there already" in capsys.readouterr().out
    assert folder.network(".pt2").stat().st_mtime_ns == made
    folder.write_sidecar(".pt2", {**folder.read_sidecar(".pt2"), "weights_sha256": "other"})
    with pytest.raises(UserError, match=r"is there, with other weights_sha256; fresh=true replaces it"):
        run_export(settings)
    run_export({**settings, "fresh": True})
    assert folder.read_sidecar(".pt2")["weights_sha256"] != "other"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("format=tflite", "format=tflite: use onnx or torch_export, or both in a list"),
        ("format=[]", "use onnx or torch_export"),
        ("fresh=2", "fresh=2: expected true or false"),
        ("images=nowhere", "images=nowhere: no such file or folder"),
        ("checkpoint=nowhere", "checkpoint=nowhere: no such file or folder"),
    ],
)
def test_what_is_wrong_is_said(finished: RunFolder, tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run_export(settings_for(finished, tmp_path, override))
    assert not list(tmp_path.iterdir())
