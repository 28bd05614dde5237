import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from cxr_xai.stats.delong import delong, delong_test
from cxr_xai.stats.power import auroc_variance, minimum_detectable_effect

PLAIN = {"icc": 0.0, "training_sd": 0.0}


def test_variance_by_hand() -> None:
    # area 2/3: Q₁ = 1/2, Q₀ = 8/15; (2/9 + 9 · 1/18 + 19 · 4/45) / 200
    assert auroc_variance(10, 20, 2 / 3) == pytest.approx((2 / 9 + 0.5 + 19 * 4 / 45) / 200)
    assert np.isnan(auroc_variance([1, 50], [50, 1])).all()


def found(effect: float, exponential: bool) -> float:
    """Share of 400 studies of 100 positives and 900 negatives whose test finds the effect between two arms."""
    rng = np.random.default_rng(0)
    y, p = np.repeat([1, 0], [100, 900]), []
    areas = np.array([0.8 + effect / 2, 0.8 - effect / 2])
    for _ in range(400):
        scores = rng.multivariate_normal([0, 0], [[1, 0.83], [0.83, 1]], 1000)  # the areas then correlate by about .8
        if exponential:
            scores = -np.log(ndtr(-scores)) * np.where(y[:, None] == 1, areas / (1 - areas), 1)
        else:
            scores += np.sqrt(2) * ndtri(areas) * y[:, None]
        p.append(delong_test(delong(y, scores)).p)
    return float(np.mean(np.array(p) < 0.05))


def test_the_effect_is_found_as_often_as_promised() -> None:
    effect = minimum_detectable_effect([100], [900], 1000, **PLAIN).findings[0]
    assert 0.74 <= found(effect, exponential=True) <= 0.86
    assert found(effect, exponential=False) > 0.86  # conservative for normal scores


def test_what_makes_it_smaller() -> None:
    base = minimum_detectable_effect([500, 100], [9500, 9900], 3000)
    assert base.findings[0] < base.findings[1]
    assert base.macro < base.findings.mean()
    for better in ({"seeds": 10}, {"between_arms": 0.9}, {"icc": 0.0}, {"power": 0.5}, {"area": 0.9}):
        assert minimum_detectable_effect([500, 100], [9500, 9900], 3000, **better).macro < base.macro
    assert base.design_effect == pytest.approx(1 + (10 / 3 - 1) * 0.3)


def test_copies_of_every_image_add_nothing() -> None:
    once = minimum_detectable_effect([50], [450], 500, **PLAIN)
    copies = minimum_detectable_effect([200], [1800], 500, icc=1.0, training_sd=0.0)
    assert copies.design_effect == 4
    np.testing.assert_allclose(copies.findings, once.findings)


def test_macro_by_hand() -> None:
    alike = minimum_detectable_effect([60, 60, 60], [540, 540, 540], 600, between_findings=0.0, **PLAIN)
    assert alike.macro == pytest.approx(alike.findings[0] / np.sqrt(3))
    as_one = minimum_detectable_effect([60, 60, 60], [540, 540, 540], 600, between_findings=1.0, **PLAIN)
    assert as_one.macro == pytest.approx(as_one.findings[0])
    training = minimum_detectable_effect([10**9], [10**9], 2 * 10**9, training_sd=0.01, seeds=2, folds=5)
    assert training.macro == pytest.approx((ndtri(0.975) + ndtri(0.8)) * 0.01 * np.sqrt(2 / 10), rel=1e-3)


def test_a_finding_that_never_occurs_is_undefined_and_not_counted() -> None:
    with_hole = minimum_detectable_effect([60, 0], [540, 600], 600)
    assert np.isnan(with_hole.findings[1])
    assert with_hole.macro == pytest.approx(with_hole.findings[0])
    assert np.isnan(minimum_detectable_effect([0], [600], 600).macro)
