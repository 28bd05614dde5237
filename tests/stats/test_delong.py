import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from sklearn.metrics import roc_auc_score

from cxr_xai.errors import UserError
from cxr_xai.stats.bootstrap import draw_patient_counts
from cxr_xai.stats.delong import delong, delong_interval, delong_test
from cxr_xai.stats.weighted import auroc_replicates

# DeLong, DeLong & Clarke-Pearson 1988, the 43 complete patients: albumin, total protein, K-G score, popind
OVARIAN = """\
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0  1.6 5.6 5 1  3.8 5.7 5 1
3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1  4.3 7.0 4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0
4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1  3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1
4.3 6.5 4 1  3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1  3.5 6.2 5 1
2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1  3.6 6.6 5 1"""


def test_published_example() -> None:
    # areas, standard errors and contrasts as printed by SAS/STAT, PROC LOGISTIC, "Comparing Receiver Operating
    # Characteristic Curves" (albumin, total protein, K-G score)
    rows = np.array(OVARIAN.split(), dtype=float).reshape(43, 4)
    areas = delong(rows[:, 3], np.column_stack([rows[:, 0], rows[:, 1], 10 - rows[:, 2]]))
    np.testing.assert_allclose(areas.value, [0.7366, 0.6478, 0.7258], atol=5e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(areas.covariance)), [0.0927, 0.1000, 0.1028], atol=5e-5)
    albumin, protein = delong_test(areas, 0, 2), delong_test(areas, 1, 2)
    np.testing.assert_allclose([albumin.z**2, albumin.p], [0.0127, 0.9102], atol=5e-5)
    np.testing.assert_allclose([protein.z**2, protein.p], [0.5554, 0.4561], atol=5e-5)
    contrast = np.array([[1, 0, -1], [0, 1, -1]])
    d = contrast @ areas.value
    both = d @ np.linalg.solve(contrast @ areas.covariance @ contrast.T, d)
    np.testing.assert_allclose([both, chi2.sf(both, 2)], [2.5340, 0.2817], atol=5e-5)


def by_pairs(y: np.ndarray, scores: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Obuchowski's covariance of two score sets, pair by pair as she writes it."""
    x, z = scores[y == 1], scores[y == 0]
    psi = (x[:, None] > z[None]) + 0.5 * (x[:, None] == z[None])  # (m, n, 2)
    m, n, theta = len(x), len(z), psi.mean(axis=(0, 1))
    v10, v01 = psi.mean(axis=1), psi.mean(axis=0)
    names = np.unique(patients)
    own = [(v10[patients[y == 1] == c], v01[patients[y == 0] == c]) for c in names]
    a = [p.sum(axis=0) - len(p) * theta for p, _ in own]
    b = [q.sum(axis=0) - len(q) * theta for _, q in own]
    i10, i01, i = sum(len(p) > 0 for p, _ in own), sum(len(q) > 0 for _, q in own), len(names)
    s10 = i10 / ((i10 - 1) * m) * sum(np.outer(p, p) for p in a)
    s01 = i01 / ((i01 - 1) * n) * sum(np.outer(q, q) for q in b)
    s11 = i / (i - 1) * sum(np.outer(p, q) for p, q in zip(a, b, strict=True))
    return s10 / m + s01 / n + (s11 + s11.T) / (m * n)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.sampled_from([4, 10**6]), patients=st.sampled_from([12, 50]))
def test_equals_the_double_loop(seed: int, steps: int, patients: int) -> None:
    rng = np.random.default_rng(seed)
    y = (rng.random(50) < 0.4).astype(float)
    y[:4], who = [0, 0, 1, 1], np.concatenate([np.arange(4), rng.integers(patients, size=46)])
    scores = (rng.integers(steps, size=(50, 2)) + 0.3 * steps * y[:, None]) / steps
    areas = delong(y, scores, who)
    np.testing.assert_allclose(areas.value, [roc_auc_score(y, s) for s in scores.T], atol=1e-12)
    np.testing.assert_allclose(areas.covariance, by_pairs(y, scores, who), atol=1e-12)


def test_one_image_per_patient_is_delongs_own_form() -> None:
    rng = np.random.default_rng(0)
    y, scores = np.repeat([0, 1], [30, 20]), rng.normal(size=(50, 2))
    psi = (scores[30:, None] > scores[None, :30]).astype(float)
    own = np.cov(psi.mean(axis=1), rowvar=False) / 20 + np.cov(psi.mean(axis=0), rowvar=False) / 30
    np.testing.assert_allclose(delong(y, scores).covariance, own)
    np.testing.assert_allclose(delong(y, scores, rng.permutation(50)).covariance, own)


def test_copies_of_an_image_add_nothing_with_patients_and_deceive_without() -> None:
    rng = np.random.default_rng(0)
    y, score = (rng.random(200) < 0.5).astype(float), rng.normal(size=200)
    score += y
    once = delong(y, score).covariance
    thrice, who = (np.repeat(y, 3), np.repeat(score, 3)), np.repeat(np.arange(200), 3)
    np.testing.assert_allclose(delong(*thrice, who).covariance, once)
    np.testing.assert_allclose(delong(*thrice).covariance, once / 3, rtol=0.02)


def test_clustered_variance_agrees_with_the_patient_bootstrap() -> None:
    rng = np.random.default_rng(0)
    patients = rng.integers(300, size=1500)
    level, sick = rng.normal(size=300), rng.random(300) < 0.5
    y = (rng.random(1500) < np.where(sick[patients], 0.5, 0.05)).astype(float)
    scores = np.stack([y + level[patients] + rng.normal(size=1500) for _ in range(2)], axis=1)
    areas = delong(y, scores, patients)
    counts, codes = draw_patient_counts(patients, 3000, seed=0)
    draws = np.stack([auroc_replicates(y, s, counts, codes) for s in scores.T])
    np.testing.assert_allclose(areas.covariance, np.cov(draws), rtol=0.1)
    assert areas.covariance[0, 0] > 1.5 * delong(y, scores).covariance[0, 0]
    assert delong_test(areas).p == pytest.approx(1 - abs(1 - 2 * (draws[0] > draws[1]).mean()), abs=0.05)


def test_what_is_left_out_undefined_or_refused() -> None:
    y, s = [1, 0, np.nan, 1, 0], [0.9, 0.1, np.nan, 0.3, 0.5]
    areas = delong(y, s)
    assert areas.value.tolist() == [0.75]
    assert np.isnan(delong([1, 1], [0.1, 0.2]).value).all()
    assert np.isnan(delong([1, 0, 0], [0.5, 0.1, 0.2]).covariance).all()  # one positive has no variance
    assert np.isnan(delong_interval(delong([1, 1, 0, 0], [3, 4, 1, 2]))).all()
    assert np.isnan(delong_test(delong(y, np.column_stack([s, s]))).p)
    with pytest.raises(UserError, match="1 scores that are not finite"):
        delong([1, 0], [np.nan, 0])
