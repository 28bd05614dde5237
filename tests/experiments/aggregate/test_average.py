"""Means within folds: against scikit-learn, worked out fold by fold."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from cxr_xai.experiments.aggregate.average import (
    Averaged,
    available,
    average,
    spread,
    summarize_arm,
    summarize_metric,
)
from cxr_xai.experiments.aggregate.pool import Pool
from cxr_xai.findings import FINDINGS


def make_pool(seeds: int = 2, folds: int = 3, studies: int = 240, scale: float = 0.0, calibrated: bool = False) -> Pool:
    """Patients of two images; fold ``f`` speaks on a scale of its own, ``scale · f`` higher than fold 0."""
    random = np.random.default_rng(0)
    patients = np.repeat(np.arange(studies // 2), 2)
    fold = patients % folds
    target = (random.random((studies, 14)) < 0.4).astype(float)
    scores: dict[str, dict[str, list[np.ndarray]]] = {}
    for arm, gain in {"plain": 0.5, "better": 1.5}.items():
        logits = [gain * target + random.normal(size=target.shape) + scale * fold[:, None] for _ in range(seeds)]
        probs = [1 / (1 + np.exp(-values)) for values in logits]
        scores[arm] = {"prob": probs, "pred": [(p >= 0.6).astype(float) for p in probs]}
        if calibrated:
            scores[arm]["calibrated"] = [p / 2 for p in probs]
    images = np.array([f"{n:03d}.png" for n in range(studies)])
    unsupported = np.array([name == "Hernia" for name in FINDINGS])
    return Pool(images, patients.astype(str), fold, target, scores, tuple(range(seeds)), unsupported)


@pytest.mark.parametrize(
    ("metric", "reference"),
    [("auroc", roc_auc_score), ("auprc", average_precision_score), ("f1", f1_score)],
)
def test_a_metric_is_taken_within_each_model(metric: str, reference: object) -> None:
    pool = make_pool()
    kind = "pred" if metric == "f1" else "prob"
    expected = [
        [reference(pool.target[pool.fold == f, 4], model[pool.fold == f, 4]) for f in pool.folds]  # type: ignore[operator]
        for model in pool.scores["plain"][kind]
    ]
    averaged = average(pool, "plain", metric, replicates=0)
    np.testing.assert_allclose(averaged.values[:, :, 4], expected)
    assert averaged.mean[4] == pytest.approx(np.mean(expected))
    assert averaged.drawn is None


def test_models_on_other_scales_are_not_ranked_against_each_other() -> None:
    """Folds that speak ever higher change nothing within folds; one AUROC of pooled probabilities would fall."""
    pool, shifted = make_pool(), make_pool(scale=4.0)
    np.testing.assert_allclose(
        average(pool, "better", "auroc", 0).values, average(shifted, "better", "auroc", 0).values, atol=1e-9
    )
    pooled = [roc_auc_score(p.target[:, 0], p.scores["better"]["prob"][0][:, 0]) for p in (pool, shifted)]
    assert pooled[1] < pooled[0] - 0.1


def test_replicates_draw_patients_within_folds_and_all_arms_alike() -> None:
    pool = make_pool(seeds=1)
    first, again = (average(pool, "plain", "auroc", replicates=200) for _ in range(2))
    assert first.drawn is not None
    assert again.drawn is not None
    assert first.drawn.shape == (200, 3, 14)
    np.testing.assert_array_equal(first.drawn, again.drawn)
    same = make_pool(seeds=1)
    same.scores["better"]["prob"][0][:] = same.scores["plain"]["prob"][0]
    np.testing.assert_array_equal(average(same, "better", "auroc", 200).drawn, first.drawn)
    # The replicates of two folds have nothing to do with each other.
    assert abs(np.corrcoef(first.drawn[:, 0, 0], first.drawn[:, 1, 0])[0, 1]) < 0.2
    assert (
        np.abs(first.drawn.mean(axis=0) - first.values[0]) < 4 * first.drawn.std(axis=0) / np.sqrt(200) + 0.01
    ).all()


def test_the_spread_is_over_folds_and_without_folds_over_seeds() -> None:
    values = np.array([[[0.1], [0.3]], [[0.3], [0.7]]])  # (S, F, 1): means of folds .2 and .5
    assert spread(values)[0] == pytest.approx(0.3 / np.sqrt(2))
    assert spread(values[:, :1])[0] == pytest.approx(0.2 / np.sqrt(2))
    assert np.isnan(spread(values[:1, :1])[0])
    values[:, 0] = np.nan
    assert np.isnan(spread(values)[0])


def test_perfect_folds_have_a_bound_and_not_a_width_of_nothing() -> None:
    values = Averaged(np.ones((1, 2, 1)), np.ones((50, 2, 1)), np.array([[1], [2]]), np.array([6.0]))
    [row], macro = summarize_metric(values, np.array([True]))
    assert row["low"] == pytest.approx(0.025 ** (1 / 2)), "two folds of one pair each, at least"
    assert (row["high"], macro["low"]) == (1, row["low"])


def test_an_arm_in_numbers() -> None:
    pool = make_pool(calibrated=True)
    pool.target[:, FINDINGS.index("Edema")] = 0  # never there
    metrics = available(pool, "plain")
    assert {"ece_calibrated", "brier_calibrated", "recall", "specificity"} <= set(metrics)
    numbers = summarize_arm({metric: average(pool, "plain", metric, 100) for metric in metrics}, pool)
    edema, mass = numbers["findings"]["Edema"], numbers["findings"]["Mass"]
    assert (edema["positives"], edema["negatives"], edema["prevalence"]) == (0, 240, 0)
    assert np.isnan(edema["auroc"]["value"])
    assert edema["auroc"]["folds"] == 0
    assert mass["auroc"]["low"] < mass["auroc"]["value"] < mass["auroc"]["high"]
    assert "low" not in mass["recall"]
    assert numbers["macro"]["auroc"]["over"] == 13
    assert numbers["macro"]["f1"]["over"] == 13, "Hernia's thresholds were not chosen by F1"
    values = [row["auroc"]["value"] for row in numbers["findings"].values()]
    assert numbers["macro"]["auroc"]["value"] == pytest.approx(np.nanmean(values))
    halved = average(pool, "plain", "brier_calibrated", 0).values
    rows = pool.fold == 1
    expected = np.mean((pool.scores["plain"]["prob"][0][rows, 0] / 2 - pool.target[rows, 0]) ** 2)
    assert halved[0, 1, 0] == pytest.approx(expected)


def test_a_finding_missing_from_one_fold_is_averaged_over_the_others() -> None:
    pool = make_pool()
    column = FINDINGS.index("Nodule")
    pool.target[pool.fold == 1, column] = 0
    averaged = average(pool, "plain", "auroc", 100)
    assert np.isnan(averaged.by_fold[1, column])
    assert averaged.mean[column] == pytest.approx(np.mean(averaged.by_fold[[0, 2], column]))
    rows = summarize_arm({"auroc": averaged}, pool)["findings"]
    assert rows["Nodule"]["auroc"]["folds"] == 2
    assert mean_is_defined(averaged.drawn, column)


def mean_is_defined(drawn: np.ndarray | None, column: int) -> bool:
    return drawn is not None and not np.isnan(drawn[:, [0, 2], column]).any()
