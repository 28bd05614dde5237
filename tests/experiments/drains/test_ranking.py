"""AUROC with and without drains: by hand, and on a score that sees nothing but drains."""

import numpy as np
import pytest

from cxr_xai.experiments.drains.ranking import rank_drains, stratify


def test_by_hand() -> None:
    target = np.array([1.0, 1, 1, 1, 0, 0, 0, 0, np.nan])
    drain = np.array(["yes", "yes", "no", "", "yes", "no", "no", "", "yes"])
    logit = np.array([0.9, 0.8, 0.25, 0.1, 0.3, 0.2, 0.1, 0.0, 5.0])
    found = rank_drains(target, logit, drain, np.array([f"p{n}" for n in range(9)]), 50)
    assert found["auroc"]["with"]["value"] == 1
    assert found["auroc"]["without"]["value"] == 0.75  # above three of four negatives
    assert found["auroc"]["all"]["value"] == pytest.approx((4 + 4 + 3 + 1.5) / 16)  # a positive of unknown drain counts
    assert found["gap"]["value"] == 0.25
    assert found["drain_alone"]["value"] == 1
    assert found["films"] == {
        "positive": {"with": 2, "without": 1, "unknown": 1},
        "negative": {"with": 1, "without": 2, "unknown": 1},
    }


def test_a_score_that_sees_drains_alone_has_the_whole_gap() -> None:
    random = np.random.default_rng(0)
    target = (random.uniform(size=600) < 0.3).astype(float)
    drain = np.where(random.uniform(size=600) < np.where(target == 1, 0.7, 0.1), "yes", "no")
    patients = np.array([f"p{n // 2}" for n in range(600)])
    logit = (drain == "yes") + 1e-6 * random.uniform(size=600)
    found = rank_drains(target, logit, drain, patients, 200)
    assert found["auroc"]["with"]["value"] > 0.9 > 0.55 > found["auroc"]["without"]["value"]
    assert found["gap"]["low"] > 0.3
    assert found["drain_alone"]["value"] == 1
    blind = rank_drains(target, random.uniform(size=600), drain, patients, 200)
    assert blind["gap"]["low"] < 0 < blind["gap"]["high"]


def test_where_nobody_looked_at_negatives_the_drain_alone_is_undefined() -> None:
    target, logit = np.array([1.0, 1, 0, 0]), np.array([0.9, 0.2, 0.3, 0.1])
    found = rank_drains(target, logit, np.array(["yes", "no", "", ""]), np.array(list("abcd")), 20)
    assert np.isnan(found["drain_alone"]["value"])
    assert found["gap"]["value"] == 0.5
    assert np.isnan(stratify(target, np.array([""] * 4))[:2, 1:]).all(), "without a word no positive is in a stratum"
