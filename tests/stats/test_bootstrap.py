import numpy as np
import pytest

from cxr_xai.metrics.classification import ece
from cxr_xai.stats.bootstrap import (
    bootstrap_auroc,
    bootstrap_means,
    bootstrap_metric,
    draw_patient_counts,
    percentile_interval,
)
from cxr_xai.stats.statistic import METRICS


def test_draws_keep_patients_whole_and_repeat_with_the_seed() -> None:
    patients = ["p2", "p1", "p2", "p3"]
    counts, codes = draw_patient_counts(patients, 500, seed=1)
    assert counts.shape == (500, 3)
    assert (counts.sum(axis=1) == 3).all()
    assert codes.tolist() == [1, 0, 1, 2]
    assert (draw_patient_counts(patients, 500, seed=1)[0] == counts).all()
    assert not counts.flags.writeable, "the next call may get the same array"
    assert (draw_patient_counts(patients, 500, seed=2)[0] != counts).any()
    # more replicates continue the same stream
    assert (draw_patient_counts(patients, 700, seed=1)[0][:500] == counts).all()
    # how often a patient is drawn: binomial(3, 1/3), variance 2/3
    assert counts.mean() == pytest.approx(1)
    assert counts.var() == pytest.approx(2 / 3, abs=0.08)


def test_percentiles_agree_with_numpy_and_count_the_undefined() -> None:
    replicates = np.random.default_rng(0).normal(size=(400, 3))
    replicates[:10, 1], replicates[:, 2] = np.nan, np.nan
    low, high, undefined = percentile_interval(replicates, level=0.9)
    np.testing.assert_allclose(low[:2], [np.quantile(replicates[:, 0], 0.05), np.nanquantile(replicates[:, 1], 0.05)])
    np.testing.assert_allclose(high[:2], [np.quantile(replicates[:, 0], 0.95), np.nanquantile(replicates[:, 1], 0.95)])
    assert np.isnan([low[2], high[2]]).all()
    assert undefined.tolist() == [0, 10, 400]


def test_auroc_and_macro_of_a_small_sample() -> None:
    target = np.array([[1, 0], [0, 0], [1, 0], [0, np.nan]])
    probs = np.array([[0.9, 0.1], [0.2, 0.1], [0.3, 0.2], [0.6, 0.3]])
    result = bootstrap_auroc(target, probs, ["a", "b", "c", "d"], replicates=300, seed=0)
    assert result.value[0] == 3 / 4
    assert np.isnan(result.value[1])
    assert result.interval.undefined[1] == 300
    assert (result.macro, result.over) == (0.75, 1)
    np.testing.assert_array_equal(result.macro_replicates, result.replicates[:, 0])
    # all four patients positive, or all negative: 2 of 2^4 in expectation
    assert 0 < result.interval.undefined[0] < 100
    assert result.interval.low[0] <= result.value[0] <= result.interval.high[0]


def test_clusters_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    target = np.repeat(rng.random((60, 1)) < 0.5, 8, axis=0).astype(float)
    probs = np.repeat(rng.normal(size=(60, 1)), 8, axis=0) + target + 0.1 * rng.normal(size=target.shape)
    by_patient = bootstrap_auroc(target, probs, np.repeat(np.arange(60), 8), 1000, seed=0).interval
    by_image = bootstrap_auroc(target, probs, np.arange(480), 1000, seed=0).interval
    assert (by_patient.high - by_patient.low)[0] > 2 * (by_image.high - by_image.low)[0]


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    # means of three rows a patient that share the patient's own level; true mean 0
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(200):
        rows = np.repeat(rng.normal(size=60), 3) + 0.3 * rng.normal(size=180)
        low, high, _ = bootstrap_means(rows, np.zeros(180), np.repeat(np.arange(60), 3), 300, seed).interval
        covered.append(low[0] <= 0 <= high[0])
    assert 0.89 <= np.mean(covered) <= 0.99


def test_means_by_hand_and_columns_share_draws() -> None:
    values = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 10.0], [np.nan, 1.0]])
    result = bootstrap_means(values, [0, 0, 2, 2], ["a", "b", "a", "b"], replicates=50, seed=0, n_groups=4)
    np.testing.assert_array_equal(result.value, [[2, 4], [np.nan, np.nan], [5, 10], [np.nan, np.nan]])
    assert result.rows.tolist() == [2, 0, 1, 0]
    np.testing.assert_allclose(result.replicates[..., 1], 2 * result.replicates[..., 0])
    alone = bootstrap_means(values[:3, 0], [0, 0, 2], ["a", "b", "a"], replicates=50, seed=0)
    np.testing.assert_array_equal(alone.replicates, result.replicates[:, :3, 0])
    assert alone.value.shape == (3,)


def calibrated(rng: np.random.Generator, studies: int, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities ``p`` of findings that occur with ``p ** power``."""
    probs = rng.random((studies, 1)) ** 3
    return (rng.random((studies, 1)) < probs**power).astype(float), probs


@pytest.mark.slow
def test_calibration_error_is_held_where_it_stands_out_of_its_noise() -> None:
    truth = ece(*calibrated(np.random.default_rng(99), 2_000_000, 1.3))[0]
    samples = [calibrated(np.random.default_rng(number), 1500, 1.3) for number in range(200)]
    for kind in ("percentile", "bca"):
        ends = [bootstrap_metric("ece", *sample, np.arange(1500), 400, kind=kind).interval for sample in samples]
        assert 0.86 <= np.mean([low[0] <= truth <= high[0] for low, high, _ in ends]) <= 0.98


def test_metrics_share_their_draws_and_kinds_their_values() -> None:
    rng = np.random.default_rng(0)
    target, patients = (rng.random((200, 2)) < 0.4).astype(float), rng.integers(60, size=200)
    probs = np.clip(0.3 * target + 0.6 * rng.random((200, 2)), 0, 1)
    for metric in METRICS:
        plain, bca = (
            bootstrap_metric(metric, target, probs, patients, 200, kind=kind, thresholds=[0.5, 0.5])
            for kind in ("percentile", "bca")
        )
        np.testing.assert_array_equal(plain.replicates, bca.replicates)
        assert (plain.interval.low != bca.interval.low).any()
        for result in (plain, bca):
            assert (result.interval.low < result.interval.high).all()
            assert result.macro_interval.low < result.macro < result.macro_interval.high or metric == "ece"
    auroc = bootstrap_metric("auroc", target, probs, patients, 200)
    np.testing.assert_array_equal(auroc.replicates, bootstrap_auroc(target, probs, patients, 200).replicates)


def test_perfect_findings_have_exact_bounds_and_macro_that_of_the_weakest() -> None:
    target = np.column_stack([np.repeat([1.0, 0.0], 20), np.r_[np.ones(5), np.zeros(35)]])
    result = bootstrap_auroc(target, target, np.arange(40), replicates=50)
    np.testing.assert_allclose(result.interval.low, 0.025 ** (1 / np.array([20, 5])))
    np.testing.assert_allclose(result.macro_interval.low, 0.025 ** (1 / 5))
    means = bootstrap_means([1, 1, 1, 0], [0, 0, 0, 1], list("aabc"), replicates=50).interval
    np.testing.assert_allclose([means.low, means.high], [[0.025 ** (1 / 2), 0], [1, 0.975]])
    unbounded = bootstrap_means([0.0, 0, 5], [0, 0, 1], list("aab"), replicates=50).interval
    assert (unbounded.low == unbounded.high).all()


@pytest.mark.parametrize("metric", ["brier", "ece"])
def test_a_finding_without_positives_is_in_no_mean(metric: str) -> None:
    target, probs = np.array([[1.0, 0], [0, 0], [1, 0]]), np.array([[0.9, 0.5], [0.2, 0.5], [0.6, 0.5]])
    both, one = (bootstrap_metric(metric, target[:, k], probs[:, k], [0, 1, 2], 20) for k in (slice(2), slice(1)))
    assert (both.over, both.macro) == (1, one.macro)
    np.testing.assert_array_equal(both.macro_replicates, one.macro_replicates)
