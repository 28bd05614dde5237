"""Patients and trainings at once: by hand, and by simulation."""

import numpy as np
import pytest
from scipy.stats import t as student

from cxr_xai.stats.crossed import crossed_interval

RNG = np.random.default_rng(0)


def test_variances_add_up_by_hand() -> None:
    draws = np.array([[-0.1], [0.1]] * 50)  # 100 replicates
    first, second = np.array([[0.2], [0.4]]), np.array([[0.1], [0.1], [0.4]])
    found = crossed_interval([0.1], draws, [first, second], 50)
    patients = draws.var(ddof=1) * 50 / 49
    parts = np.array([patients, first.var(ddof=1) / 2, second.var(ddof=1) / 3])
    freedom = parts.sum() ** 2 / (parts**2 / [49, 1, 2]).sum()
    assert found.freedom[0] == pytest.approx(freedom)
    assert found.high[0] == pytest.approx(0.1 + student.ppf(0.975, freedom) * np.sqrt(parts.sum()))
    assert found.high[0] + found.low[0] == pytest.approx(0.2)
    assert found.p[0] == pytest.approx(2 * student.sf(0.1 / np.sqrt(parts.sum()), freedom))


def test_one_training_is_held_fixed() -> None:
    draws = RNG.normal(0, 1, (200, 3))
    one = crossed_interval(np.zeros(3), draws, [np.ones((1, 3)), np.ones((1, 3))], 40)
    none = crossed_interval(np.zeros(3), draws, [], 40)
    assert one.low.tolist() == none.low.tolist()
    assert (one.freedom == 39).all()


def test_folds_count_their_patients_once() -> None:
    draws, folds = RNG.normal(0, 1, (400, 1)), [RNG.normal(0, 1, (5, 1))]
    summed, larger = (crossed_interval([0.0], draws, folds, 100, disjoint=each) for each in (False, True))
    assert larger.high[0] < summed.high[0]
    patients = crossed_interval([0.0], draws, [], 100)
    quiet = crossed_interval([0.0], draws, [np.zeros((5, 1))], 100, disjoint=True)
    assert quiet.high[0] == pytest.approx(patients.high[0])


def test_nothing_that_varies_has_no_width() -> None:
    found = crossed_interval([0.0, 1.0], np.array([[0.0, 1.0]] * 10), [np.array([[0.0, 1.0]] * 2)], 10)
    assert found.low.tolist() == [0, 1]
    assert found.p.tolist() == [1, 0]


@pytest.mark.parametrize("trainings", [2, 3])
def test_two_arms_that_do_not_differ_are_told_apart_rarely(trainings: int) -> None:
    """300 pairs of equal arms whose trainings differ more than patients do; patients alone would cover two in five."""
    rng = np.random.default_rng(trainings)
    held, naive = [], []
    for _ in range(300):
        arms = rng.normal(0, 1, (2, trainings, 1)) + rng.normal(0, 2, (2, trainings, 40))
        arms = arms + rng.normal(0, 2, 40)  # what all networks see of a patient
        weights = rng.multinomial(40, np.full(40, 1 / 40), 200) / 40
        draws = (weights @ (arms[0] - arms[1]).mean(axis=0))[:, None]
        value = [arms[0].mean() - arms[1].mean()]
        groups = [arm.mean(axis=1, keepdims=True) for arm in arms]
        held.append(crossed_interval(value, draws, groups, 40).p[0] > 0.05)
        naive.append(crossed_interval(value, draws, [], 40).p[0] > 0.05)
    assert np.mean(held) >= 0.93
    assert np.mean(naive) < 0.7
