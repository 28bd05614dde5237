from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics import classification as c

SHARED = Path(__file__).parents[2] / "../shared"
NAN = np.nan


def drawn(seed: int, n: int = 200, k: int = 3) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    probs = rng.random((n, k)).round(2)
    return (rng.random((n, k)) < probs).astype(float), probs


def test_counts_at_a_threshold_by_hand() -> None:
    # tp 1 (.9), fp 1 (.5 is at the threshold), fn 1 (.4), tn 2; the unknown counts nowhere
    target = np.array([[1], [0], [1], [0], [0], [NAN]])
    probs = np.array([[0.9], [0.5], [0.4], [0.1], [0.2], [0.99]])
    assert c.confusion(target, probs, [0.5]).ravel().tolist() == [1, 1, 1, 2]
    assert c.f1(target, probs, [0.5]) == 2 / 4
    assert c.precision(target, probs, [0.5]) == 1 / 2
    assert c.recall(target, probs, [0.5]) == 1 / 2
    assert c.specificity(target, probs, [0.5]) == 2 / 3
    assert c.accuracy(target, probs, [0.5]) == 3 / 5
    assert c.prevalence(target) == 2 / 5
    assert c.all_negative_accuracy(target) == 3 / 5


def test_undefined_is_nan_never_zero() -> None:
    target = np.array([[1, 0, NAN], [1, 0, NAN]])
    probs = np.full((2, 3), 0.3)
    for metric in (c.auroc, c.auprc):
        assert np.isnan(metric(target, probs)).all()
    cut = np.full(3, 0.5)
    np.testing.assert_equal(c.recall(target, probs, cut), [0, NAN, NAN])
    np.testing.assert_equal(c.precision(target, probs, cut), [NAN, NAN, NAN])
    np.testing.assert_equal(c.specificity(target, probs, cut), [NAN, 1, NAN])
    np.testing.assert_equal(c.f1(target, probs, cut), [0, NAN, NAN])
    np.testing.assert_allclose(c.brier(target, probs), [0.49, 0.09, NAN])
    np.testing.assert_equal(c.accuracy(target, probs, [NAN, 0.5, 0.5]), [NAN, 1, NAN])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_agrees_with_scikit_learn_where_targets_are_known(seed: int) -> None:
    target, probs = drawn(seed)
    known = np.random.default_rng(seed).random(target.shape) < 0.8
    masked = np.where(known, target, NAN)
    for k in range(3):
        y, p = target[known[:, k], k], probs[known[:, k], k]
        assert c.auroc(masked, probs)[k] == pytest.approx(reference.roc_auc_score(y, p), abs=1e-12)
        assert c.brier(masked, probs)[k] == pytest.approx(reference.brier_score_loss(y, p), abs=1e-12)
        assert c.f1(masked, probs, [0.4] * 3)[k] == pytest.approx(reference.f1_score(y, p >= 0.4), abs=1e-12)
        assert c.recall(masked, probs, [0.4] * 3)[k] == pytest.approx(reference.recall_score(y, p >= 0.4), abs=1e-12)


def test_ece_by_hand_and_ties_share_a_bin() -> None:
    probs = np.array([[0.1], [0.1], [0.8], [0.8]])
    assert c.ece([[0], [1], [1], [1]], probs, bins=2)[0] == pytest.approx(0.5 * 0.4 + 0.5 * 0.2)
    # four equal probabilities are one bin whatever the order: |.5 - .5|
    assert c.ece([[0], [1], [0], [1]], np.full((4, 1), 0.5), bins=4)[0] == 0


def test_ece_of_calibrated_probabilities_vanishes_and_of_shifted_ones_is_the_shift() -> None:
    rng = np.random.default_rng(0)
    probs = rng.uniform(0.2, 0.6, (50_000, 1))
    target = (rng.random(probs.shape) < probs).astype(float)
    assert c.ece(target, probs)[0] < 0.01
    assert c.ece(target, probs + 0.2)[0] == pytest.approx(0.2, abs=0.01)


def test_table_and_macro_leave_out_what_they_must() -> None:
    target = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=float)
    probs = np.array([[0.9, 0.9, 0.1], [0.2, 0.3, 0.1], [0.8, 0.2, 0.1], [0.1, 0.1, 0.1]])
    rules = ["val_youden", "prevalence_matched", "val_youden"]
    calibrated = probs / 2
    table = c.classification_table(target, probs, calibrated, [0.25] * 3, rules, FINDINGS[:3])
    assert list(table.index) == list(FINDINGS[:3])
    assert table.loc["Effusion", "positives"] == 0
    assert table.loc["Effusion", "brier"] == pytest.approx(0.01)
    assert table.loc["Effusion", "brier_calibrated"] == pytest.approx(0.0025)
    assert table.loc["Effusion", "ece_calibrated"] == pytest.approx(0.05)
    macro = c.macro_table(table)
    assert macro.loc["auroc", "over"] == 2
    for key in ("brier", "ece_calibrated", "accuracy", "specificity", "all_negative_accuracy", "prevalence"):
        assert macro.loc[key, "over"] == 2, "a finding without positives is in no mean"
    assert macro.loc["brier", "mean"] == pytest.approx(table["brier"].iloc[:2].mean())
    assert macro.loc["auroc", "mean"] == pytest.approx((1.0 + 0.5) / 2)
    assert tuple(macro.loc["f1"]) == (1.0, 1)  # the second by rule, the third undefined


def test_bad_input_is_said() -> None:
    with pytest.raises(UserError, match="not finite in columns \\[1\\]"):
        c.auroc([[1, 0], [0, 1]], [[0.1, NAN], [0.2, 0.3]])
    with pytest.raises(UserError, match="must be"):
        c.auroc([[1, 0]], [[0.1]])
    with pytest.raises(UserError, match="one of each"):
        c.classification_table([[1.0]], [[0.1]], [[0.1]], [0.5], ["val_f1"])


@pytest.mark.skipif(not (SHARED / "golden/preds.csv").exists(), reason="the published predictions are not here")
def test_published_aurocs_are_reproduced_to_four_decimals() -> None:
    preds = pd.read_csv(SHARED / "golden/preds.csv")
    published = pd.read_csv(SHARED / "golden/aucs.csv").set_index("label")["auc"]
    entry = pd.read_csv(SHARED / "nih-chestxray14/Data_Entry_2017_v2020.csv", usecols=["Image Index", "Finding Labels"])
    labels = preds.merge(entry, on="Image Index", validate="one_to_one")["Finding Labels"].str.split("|")
    target = np.array([[finding in of for finding in FINDINGS] for of in labels], dtype=float)
    value = c.auroc(target, preds[[f"prob_{finding}" for finding in FINDINGS]])
    assert len(target) == len(preds) == 22_433
    np.testing.assert_allclose(value, published.loc[list(FINDINGS)], atol=5e-5)
    assert c.macro_mean(value) == (pytest.approx(published.mean(), abs=5e-5), 14)
