from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from cxr_xai.errors import UserError
from cxr_xai.metrics.classification import auroc
from cxr_xai.stats.bootstrap import bootstrap_means
from cxr_xai.stats.delong import delong, delong_test
from cxr_xai.stats.paired import bootstrap_p, pair_folds, paired_bootstrap, paired_delong
from cxr_xai.stats.statistic import mean_measure


def studies(n: int = 240, seeds: int = 2, gain: float = 0.0) -> dict[str, Any]:
    """Two arms of two seeds on patients of three images, in four patient-disjoint folds."""
    rng = np.random.default_rng(0)
    target = (rng.random((n, 2)) < 0.4).astype(float)
    patients = np.repeat(np.arange(n // 3), 3)
    common = target + rng.normal(size=(n, 2))
    first, second = ([common + 0.5 * rng.normal(size=(n, 2)) + g * target for _ in range(seeds)] for g in (gain, 0))
    return {"target": target, "first": first, "second": second, "patients": patients, "fold": patients % 4}


def test_delong_of_one_fold_is_delong_and_folds_add_up() -> None:
    random = np.random.default_rng(3)
    target = (random.random((120, 1)) < 0.4).astype(float)
    first, second = (target * gain + random.normal(size=target.shape) for gain in (1.0, 0.6))
    patients = np.arange(120) // 2
    [fold] = folds = pair_folds(target, [first], [second], patients)
    test = delong_test(delong(target[:, 0], np.hstack([first, second]), patients))
    assert paired_delong(folds)[0] == pytest.approx(test.p, rel=1e-12)
    assert paired_delong([fold, fold])[0] == pytest.approx(2 * ndtr(-abs(test.z) * np.sqrt(2)), rel=1e-9)
    assert np.isnan(paired_delong(pair_folds(target, [first], [first], patients))[0]), "nothing differs"


def test_seeds_of_one_arm_are_averaged() -> None:
    random = np.random.default_rng(4)
    target = (random.random((80, 1)) < 0.5).astype(float)
    a, b, c = (target + random.normal(size=target.shape) for _ in range(3))
    folds = pair_folds(target, [a, b], [c, c], np.arange(80))
    areas = delong(target[:, 0], np.hstack([a, b, c, c]))
    weights = np.array([0.5, 0.5, -0.5, -0.5])
    z = (weights @ areas.value) / np.sqrt(weights @ areas.covariance @ weights)
    assert paired_delong(folds)[0] == pytest.approx(2 * ndtr(-abs(z)), rel=1e-9)


def test_metrics_are_averaged_within_folds_and_seeds() -> None:
    data = studies()
    result = paired_bootstrap(pair_folds(**data), "auroc", replicates=30, seed=0)
    cells = [
        [auroc(data["target"][rows], probs[rows]) for rows in (data["fold"] == f for f in range(4))]
        for probs in data["first"]
    ]
    np.testing.assert_allclose(result.first, np.mean(cells, axis=(0, 1)))
    np.testing.assert_allclose(result.by_fold.mean(axis=0), result.first - result.second)
    assert result.by_fold.shape == (4, 2)
    assert result.replicates.shape == (30, 2)


def test_another_scale_in_another_fold_changes_nothing() -> None:
    data = studies()
    expected = paired_bootstrap(pair_folds(**data), "auroc", replicates=30, seed=0)
    shift = 100.0 * data["fold"][:, None]  # would ruin a pooled area
    moved = {**data, "first": [probs + shift for probs in data["first"]]}
    result = paired_bootstrap(pair_folds(**moved), "auroc", replicates=30, seed=0)
    np.testing.assert_array_equal(result.replicates, expected.replicates)


def test_both_arms_have_the_same_draws() -> None:
    data = studies()
    data["second"] = data["first"]
    assert (paired_bootstrap(pair_folds(**data), "auprc", replicates=30, seed=0).replicates == 0).all()


def test_one_fold_and_seed_of_means_is_the_plain_bootstrap() -> None:
    rng = np.random.default_rng(0)
    first, second, groups, patients = (
        rng.random(60),
        rng.random(60),
        rng.integers(2, size=60),
        rng.integers(20, size=60),
    )
    parts = pair_folds(groups[:, None], [first[:, None]], [second[:, None]], patients)
    result = paired_bootstrap(parts, mean_measure(2), replicates=50, seed=3)
    columns = bootstrap_means(np.column_stack([first, second]), groups, patients, 1, n_groups=2).value
    np.testing.assert_allclose(np.stack([result.first, result.second], axis=-1), columns)
    spread = bootstrap_means(first - second, groups, patients, 2000, n_groups=2).replicates.std(axis=0)
    np.testing.assert_allclose(result.replicates.std(axis=0), spread, rtol=0.3)


def test_a_fold_without_positives_is_left_out_of_both_arms() -> None:
    data = studies()
    data["target"][data["fold"] == 1, 0] = 0
    result = paired_bootstrap(pair_folds(**data), "auroc", replicates=30, seed=0)
    assert np.isnan(result.by_fold[1, 0])
    kept = data["fold"] != 1
    parts = {k: [p[kept] for p in v] if isinstance(v, list) else v[kept] for k, v in data.items()}
    expected = paired_bootstrap(pair_folds(**parts), "auroc", replicates=30, seed=0)
    assert result.first[0] == pytest.approx(expected.first[0])


def test_p_values_from_replicates() -> None:
    draws = np.column_stack([np.linspace(-1, 3, 399), np.ones(399), np.zeros(399), np.full(399, np.nan)])
    p = bootstrap_p(draws)
    np.testing.assert_allclose(p[:3], [2 * 101 / 400, 2 / 400, 1])
    assert np.isnan(p[3])


def test_refusals() -> None:
    data = studies()
    with pytest.raises(UserError, match="found 1 and 2 seeds"):
        pair_folds(**{**data, "first": data["first"][:1]})
    with pytest.raises(UserError, match=r"found targets of shape \(240, 2\) and predictions"):
        pair_folds(**{**data, "first": [probs[:-1] for probs in data["first"]]})
    with pytest.raises(UserError, match="80 patients stand in several folds"):
        pair_folds(**{**data, "fold": np.arange(240) % 3})
