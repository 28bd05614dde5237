import numpy as np
import pytest

from cxr_xai.stats.clusters import effective_patients, end_units, metric_patients, pair_units


def test_effective_patients() -> None:
    codes = np.array([0, 0, 1, 1, 2, 3])
    assert effective_patients(np.ones(6, bool), codes) == pytest.approx(36 / 10)
    assert effective_patients(codes < 2, codes) == 2
    assert effective_patients(codes > 9, codes) == 0
    target = np.array([[1, 1, 0, 0, 0, np.nan]]).T
    assert metric_patients("auroc", target, codes).tolist() == [1]
    assert metric_patients("ece", target, codes).tolist() == [pytest.approx(25 / 9)]


def test_units_of_pairs() -> None:
    # patients: a, b positive only; c negative only; d both
    target, codes = [1, 1, 0, 1, 0, np.nan], np.array([0, 1, 2, 3, 3, 4])
    assert pair_units(target, codes) == 2  # a–c, b–d
    assert pair_units([1, 0], np.array([0, 0])) == 0  # one patient makes no pair
    assert pair_units([1, 0, 1, 0, 1, 0], np.array([0, 0, 1, 1, 2, 2])) == 1  # a–b, c is left over


def test_units_of_metrics() -> None:
    target = np.array([[1], [0], [0], [np.nan], [1]])
    probs = np.array([[0.9], [0.9], [0.1], [0.9], [0.1]])
    codes = np.array([0, 1, 2, 3, 0])
    units = {m: end_units(m, target, probs, codes, [0.5])[0] for m in ("auroc", "auprc", "f1", "brier", "ece")}
    assert units == {"auroc": 1, "auprc": 1, "f1": 1, "brier": 3, "ece": 3}  # F1 counts patients 0 and 1, halved
