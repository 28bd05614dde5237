"""What val decided, kept in a file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.calibration.contract import Calibrator, Line, Steps, sigmoid
from cxr_xai.metrics.calibration.isotonic import Isotonic
from cxr_xai.metrics.calibration.none import NoCalibration
from cxr_xai.metrics.calibration.platt import Platt
from cxr_xai.metrics.calibration.temperature import Temperature
from cxr_xai.metrics.classification import auroc, brier, ece, f1
from cxr_xai.metrics.decision import Decision, fit_decision, read_calibration, write_calibration
from cxr_xai.metrics.prior_shift import find_prior, shift_table
from cxr_xai.metrics.thresholds.contract import Cut
from cxr_xai.metrics.thresholds.f1 import BestF1

SHARED = Path(__file__).parents[2] / "../shared"
NAMES = ("Mass", "Nodule", "Hernia")
CUTS = (Cut("val_f1", 0.25), Cut("val_f1", 0.5), Cut("prevalence_matched", None))
CURVES = (Line("platt", 2.0, -1.0), Steps("isotonic", (-1.0, 0.5), (0.0, 0.75)), Line())


@pytest.fixture
def decision() -> Decision:
    return Decision(NAMES, Calibrator(CURVES), CUTS, epoch=4)


def test_from_logits_to_predictions_by_hand(decision: Decision) -> None:
    calibrated = decision.calibrate([[0.5, 0.0, 9.0], [0.0, -7.0, 9.0]])
    np.testing.assert_allclose(calibrated, [[0.5, 0.5, sigmoid(9)], [sigmoid(-1), 0.0, sigmoid(9)]])
    # .269 reaches .25, .5 reaches .5; without a threshold nothing is predicted
    assert decision.predict(calibrated).tolist() == [[True, True, False], [True, False, False]]
    np.testing.assert_array_equal(decision.thresholds, [0.25, 0.5, np.nan])
    assert decision.rules == ["val_f1", "val_f1", "prevalence_matched"]


def test_thresholds_are_chosen_on_calibrated_probabilities() -> None:
    logits = np.array([[3.0], [2.0], [1.0], [0.0]]).repeat(20, 0)
    target = np.array([[1.0], [1.0], [0.0], [0.0]]).repeat(20, 0)
    found = fit_decision(Platt(min_support=20), BestF1(min_positives=20), logits, target, 0, ("Mass",))
    calibrated = found.calibrate(logits)
    assert found.thresholds[0] == calibrated[20, 0]
    assert found.predict(calibrated)[:, 0].tolist() == (target[:, 0] == 1).tolist()


def test_a_file_gives_back_what_was_written(decision: Decision, tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "calibration.json"
    write_calibration(path, decision)
    assert read_calibration(path, NAMES) == decision
    found = json.loads(path.read_text())["findings"]
    assert found["Mass"]["calibration"] == {"rule": "platt", "slope": 2.0, "intercept": -1.0}
    assert found["Hernia"]["threshold"] == {"rule": "prevalence_matched", "at": None}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
@pytest.mark.parametrize("calibration", [NoCalibration(), Temperature(), Platt(), Isotonic(min_support=50)])
def test_the_round_trip_is_exact(calibration: Any, tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 3, (300, 3)).astype(np.float32)
    target = (rng.random((300, 3)) < sigmoid(logits / 2)).astype(float)
    target[:, 2] = np.nan
    written = fit_decision(calibration, BestF1(), logits, target, 7, NAMES)
    path = tmp_path_factory.mktemp("decision") / "calibration.json"
    write_calibration(path, written)
    read = read_calibration(path, NAMES)
    assert read == written
    np.testing.assert_array_equal(read.calibrate(logits), written.calibrate(logits))
    assert read.predict(read.calibrate(logits)).any(), "the threshold itself is reached"


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"found no .*calibration\.json; a run that was completed leaves one"):
        read_calibration(tmp_path / "calibration.json")


Change = Callable[[dict[str, Any]], Any]
ALIEN = "not what a run writes"


def change_mass(part: str, **values: Any) -> Change:
    return lambda text: text["findings"]["Mass"][part].update(values)


def change_steps(**values: Any) -> Change:
    return lambda text: text["findings"]["Nodule"]["calibration"].update(values)


CHANGES: dict[str, tuple[Change, str]] = {
    "another schema": (lambda text: text.update(schema_version=99), "schema 99, this version reads 1"),
    "no schema": (lambda text: text.pop("schema_version"), ALIEN),
    "other findings": (
        lambda text: text["findings"].pop("Nodule"),
        "of the findings Mass, Hernia, asked for are M",
    ),
    "no epoch": (lambda text: text.pop("epoch"), ALIEN),
    "findings as a list": (lambda text: text.update(findings=list(NAMES)), ALIEN),
    "an empty row": (lambda text: text["findings"].update(Mass=None), ALIEN),
    "no threshold": (lambda text: text["findings"]["Mass"].pop("threshold"), ALIEN),
    "a falling line": (change_mass("calibration", slope=-1), "a slope is finite"),
    "a slope in words": (change_mass("calibration", slope="x"), ALIEN),
    "a slope that is undefined": (change_mass("calibration", slope=np.nan), "a slope is finite"),
    "a key too many": (change_mass("calibration", bias=1), "found rule, slope"),
    "a rule that is none": (change_mass("calibration", rule=3), ALIEN),
    "a threshold in percent": (change_mass("threshold", at=25), "it is a probability"),
    "a threshold in words": (change_mass("threshold", at="low"), ALIEN),
    "falling steps": (change_steps(probs=[0.9, 0.1]), "no curve"),
    "knots in words": (change_steps(logits=["a", "b"]), ALIEN),
}


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=list(CHANGES))
def test_a_foreign_or_changed_file_is_refused(decision: Decision, tmp_path: Path, change: Change, words: str) -> None:
    path = tmp_path / "calibration.json"
    write_calibration(path, decision)
    text = json.loads(path.read_text())
    change(text)
    path.write_text(json.dumps(text))
    with pytest.raises(UserError, match=words) as caught:
        read_calibration(path, NAMES)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"x"'])
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(UserError, match=ALIEN):
        read_calibration(path)


@pytest.mark.skipif(not (SHARED / "golden/preds.csv").exists(), reason="the published predictions are not here")
@pytest.mark.parametrize(
    ("calibration", "most"), [(Temperature(), 0.0093), (Platt(), 0.0080), (Isotonic(), 0.0080)], ids=lambda value: ""
)
def test_a_published_network_is_calibrated_on_half_of_its_patients(calibration: Any, most: float) -> None:
    """Fitted on one half by patient, judged on the other: ECE and Brier fall, rankings of the sigmoids stay."""
    preds = pd.read_csv(SHARED / "golden/preds.csv")
    entry = pd.read_csv(SHARED / "nih-chestxray14/Data_Entry_2017_v2020.csv").set_index("Image Index")
    entry = entry.loc[preds["Image Index"]]
    target = np.array([[name in of for name in FINDINGS] for of in entry["Finding Labels"].str.split("|")], float)
    prob = preds[[f"prob_{name}" for name in FINDINGS]].to_numpy()
    logits = np.log(prob) - np.log1p(-prob)
    patients = np.random.default_rng(0).permutation(entry["Patient ID"].unique())
    fitted = entry["Patient ID"].isin(patients[: len(patients) // 2]).to_numpy()
    decision = fit_decision(calibration, BestF1(), logits[fitted], target[fitted], 0)
    y, before, after = target[~fitted], sigmoid(logits[~fitted]), decision.calibrate(logits[~fitted])
    shifted = shift_table(y, after, find_prior(target[fitted], decision.calibrate(logits[fitted])))
    print(
        f"{type(calibration).__name__}: ECE {ece(y, before).mean():.4f} to {ece(y, after).mean():.4f}, "
        f"prior corrected {shifted['ece_shifted'].mean():.4f} over {shifted['ece_shifted'].count()}; "
        f"Brier {brier(y, before).mean():.5f} to {brier(y, after).mean():.5f}; "
        f"macro F1 {np.nanmean(f1(y, after, decision.thresholds)):.3f}"
    )
    assert ece(y, after).mean() < min(ece(y, before).mean(), most)
    assert brier(y, after).mean() < brier(y, before).mean()
    assert auroc(y, after).mean() == pytest.approx(auroc(y, before).mean(), abs=0.003)
    assert decision.rules.count("prevalence_matched") == 1, "Hernia"
