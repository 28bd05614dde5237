"""A finished run folder is whole, and its tables agree with each other."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from cxr_xai.artifacts.run_folder import (
    LOCALIZATION_COLUMNS,
    PANEL_COLUMNS,
    PREDICTION_COLUMNS,
    RELIANCE_COLUMNS,
    RunFolder,
)
from cxr_xai.findings import BOXED, FINDINGS
from cxr_xai.metrics.classification import auroc, brier, confusion, ece, f1
from cxr_xai.metrics.decision import read_calibration


def test_everything_is_there(finished: RunFolder) -> None:
    for path in (finished.config, finished.certificate, finished.metrics, finished.summary, finished.predictions):
        assert path.is_file(), path
    for path in (finished.localization, finished.best, finished.last, finished.calibration, finished.report):
        assert path.is_file(), path
    assert not list(finished.path.rglob(".*.partial*"))


def test_config_reads_back(finished: RunFolder) -> None:
    settings = yaml.safe_load(finished.config.read_text())
    assert settings["trainer"]["max_epochs"] == 2


def test_checkpoints_hold_weights_and_plain_types(finished: RunFolder) -> None:
    for path in (finished.best, finished.last):
        checkpoint = torch.load(path, weights_only=True)
        assert any(key.startswith("model.trunk") for key in checkpoint["state_dict"])
        assert "omegaconf" not in repr(type(checkpoint))


def test_predictions_are_one_row_per_study_and_finding(finished: RunFolder) -> None:
    table = pd.read_parquet(finished.predictions)
    assert tuple(table.columns) == PREDICTION_COLUMNS
    assert not table.duplicated(["image_id", "finding"]).any()
    assert set(table["part"]) == {"val", "test"}
    assert (table.groupby("image_id").size() == len(FINDINGS)).all()
    assert np.allclose(table["prob"], 1 / (1 + np.exp(-table["logit"].astype(float))))
    assert table.groupby("patient_id")["part"].nunique().max() == 1


def test_summary_agrees_with_the_predictions(finished: RunFolder) -> None:
    table = pd.read_parquet(finished.predictions)
    summary = finished.read_summary()
    for k, name in enumerate(FINDINGS):
        rows = table[(table["part"] == "test") & (table["finding"] == name)]
        expected = auroc(rows[["target"]].to_numpy(), rows[["prob"]].to_numpy())[0]
        found = summary["classification"]["test"]["findings"][name]["auroc"]["value"]
        assert found == pytest.approx(expected, nan_ok=True) if found is not None else np.isnan(expected), (k, name)


def test_reliance_is_of_every_test_film_and_ranks_as_the_headline_does(finished: RunFolder) -> None:
    table, said = pd.read_parquet(finished.reliance), pd.read_parquet(finished.predictions)
    assert tuple(table.columns) == RELIANCE_COLUMNS
    keys = ["image_id", "finding"]
    whole = table[table["shortcut"] == "all"].set_index(keys).sort_index()
    test = said[said["part"] == "test"].set_index(keys).sort_index()
    assert whole.index.equals(test.index)
    np.testing.assert_allclose(whole["prob"], test["calibrated"], atol=1e-5)
    summary = finished.read_summary()
    own, headline = summary["reliance"]["macro"]["with"], summary["classification"]["test"]["macro"]["auroc"]
    assert own["value"] == pytest.approx(headline["value"], abs=1e-6)
    assert (table["prob"] != table["prob_without"]).any()
    assert "Phantom numbers: every test film was rendered once more" in finished.report.read_text()


def test_localization_has_monitored_rows_per_epoch_and_sealed_rows_once(finished: RunFolder) -> None:
    table = pd.read_parquet(finished.localization)
    assert tuple(table.columns) == LOCALIZATION_COLUMNS
    assert set(table["finding"]) <= set(BOXED)
    assert set(table.loc[table["half"] == "monitored", "epoch"]) == {0, 1}
    sealed = table[table["half"] == "sealed"]
    assert sealed["epoch"].nunique() == 1
    monitored = table[table["half"] == "monitored"]
    assert not set(sealed["patient_id"]) & set(monitored["patient_id"]), "halves are disjoint by patient"


def test_no_map_beats_its_ceiling_and_dead_maps_have_no_scores(finished: RunFolder) -> None:
    table = pd.read_parquet(finished.localization)
    alive = table[~table["dead"]]
    assert (alive["iou"] <= alive["ceiling_iou"] + 1e-6).all()
    assert (alive["energy"] <= alive["ceiling_energy"] + 1e-5).all()
    assert table.loc[table["dead"], ["pointing", "energy", "iou"]].isna().all(axis=None)


def test_panels_are_listed_and_there(finished: RunFolder) -> None:
    folder = finished.explanations("exact_cam")
    table = pd.read_csv(folder / "panels.csv")
    assert tuple(table.columns) == PANEL_COLUMNS
    assert {"epoch", "box"} <= set(table["kind"])
    assert all((folder / name).is_file() for name in table["file"])


def test_metrics_are_long_and_cover_every_epoch(finished: RunFolder) -> None:
    table = finished.read_metrics()
    assert list(table.columns) == ["epoch", "key", "value"]
    for key in ("train/loss", "val/loss", "val/auroc/macro", "probe/iou/micro", "probe/share_of_epoch"):
        assert set(table.loc[table["key"] == key, "epoch"]) == {0, 1}, key


def test_progress_ends_at_the_end_with_the_best_value(finished: RunFolder) -> None:
    progress, metrics = json.loads(finished.progress.read_text()), finished.read_metrics()
    assert progress["step"] == progress["steps"]
    assert progress["epoch"] == progress["epochs"] == 2
    assert progress["best"] == pytest.approx(metrics.loc[metrics["key"] == "val/loss", "value"].min(), rel=1e-6)


def test_certificate_says_what_the_numbers_rest_on(finished: RunFolder) -> None:
    certificate = json.loads(finished.certificate.read_text())
    assert certificate["boxes"]["uses"] == "monitored"
    assert certificate["boxes"]["overlap"] == 0
    for section in ("code", "data", "split"):
        assert len(certificate[section]["sha256"]) == 64


def test_a_foreign_schema_is_refused(finished: RunFolder, tmp_path: object) -> None:
    from pathlib import Path

    from cxr_xai.errors import UserError

    copy = RunFolder(Path(str(tmp_path)))
    copy.summary.write_text(json.dumps({**finished.read_summary(), "schema_version": 999}))
    with pytest.raises(UserError, match="schema 999"):
        copy.read_summary()


def test_probabilities_are_calibrated_and_decided_as_the_file_beside_the_weights_says(finished: RunFolder) -> None:
    decision = read_calibration(finished.calibration)
    assert decision.epoch == torch.load(finished.best, weights_only=True)["epoch"]
    table = pd.read_parquet(finished.predictions)
    summary = finished.read_summary()["classification"]
    for part, rows in table.groupby("part"):
        logits, calibrated, pred, target, prob = (
            rows.pivot(index="image_id", columns="finding", values=value)[list(FINDINGS)].to_numpy()
            for value in ("logit", "calibrated", "pred", "target", "prob")
        )
        np.testing.assert_array_equal(decision.calibrate(logits), calibrated)
        np.testing.assert_array_equal(decision.predict(calibrated), pred == 1)
        counted = confusion(target, calibrated, decision.thresholds)
        np.testing.assert_array_equal(counted[0] + counted[1], pred.sum(axis=0))
        for k, name in enumerate(FINDINGS):
            found = summary[str(part)]["findings"][name]
            assert (found["threshold"], found["threshold_rule"]) == (decision.cuts[k].at, decision.cuts[k].rule)
            assert found["calibration"] == decision.calibrator.curves[k].rule
            for key, probs in (("", prob), ("_calibrated", calibrated)):
                assert found[f"ece{key}"] == pytest.approx(ece(target, probs)[k], abs=1e-12)
                assert found[f"brier{key}"] == pytest.approx(brier(target, probs)[k], abs=1e-12)
            score = np.nan if found["f1"] is None else found["f1"]
            assert score == pytest.approx(f1(target, calibrated, decision.thresholds)[k], nan_ok=True)
