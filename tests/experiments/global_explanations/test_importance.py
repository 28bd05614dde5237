"""Importance of regions, and of two runs side by side."""

import numpy as np
import pytest

from cxr_xai.data.anatomy.regions import REGIONS
from cxr_xai.experiments.global_explanations.importance import (
    MEAN,
    compare_importance,
    summarize_importance,
    summarize_interactions,
)
from cxr_xai.findings import FINDINGS

RNG = np.random.default_rng(0)
PHI = RNG.standard_normal((30, len(REGIONS), len(FINDINGS)))
PATIENTS = np.repeat([f"p{n}" for n in range(15)], 2)


def test_size_and_direction_are_means() -> None:
    found = summarize_importance(PHI, PATIENTS, 50)
    entry = found["Mass"]["heart"]
    values = PHI[:, REGIONS.index("heart"), FINDINGS.index("Mass")]
    assert entry["size"]["value"] == pytest.approx(np.abs(values).mean())
    assert entry["direction"]["value"] == pytest.approx(values.mean())
    assert entry["size"]["low"] < entry["size"]["value"] < entry["size"]["high"]
    whole = np.abs(PHI[:, REGIONS.index("heart")]).mean()
    assert found[MEAN]["heart"]["size"]["value"] == pytest.approx(whole)


def test_a_run_beside_itself_differs_nowhere() -> None:
    found = compare_importance(PHI, PHI, PATIENTS, 50)
    for region in REGIONS:
        assert found[MEAN][region]["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
        assert found[MEAN][region]["share"]["p_holm"] == 1.0


def test_another_scale_of_logits_is_no_other_place() -> None:
    found = compare_importance(3 * PHI, PHI, PATIENTS, 50)
    assert found[MEAN]["heart"]["difference"]["low"] > 0
    assert found[MEAN]["heart"]["share"]["difference"]["value"] == pytest.approx(0, abs=1e-12)


def test_a_planted_difference_is_found_in_its_region() -> None:
    more = PHI.copy()
    more[:, REGIONS.index("heart")] *= 3
    found = compare_importance(more, PHI, PATIENTS, 400)[MEAN]
    assert found["heart"]["share"]["difference"]["low"] > 0
    assert found["heart"]["share"]["p_holm"] < 0.1
    assert found["mediastinum"]["share"]["difference"]["high"] < 0  # shares add up to 1


def test_interactions_by_size() -> None:
    pairs = np.zeros((2, len(REGIONS), len(REGIONS), 3))
    pairs[:, 1, 4] = pairs[:, 4, 1] = -2.0
    first = summarize_interactions(pairs)[0]
    assert first == {"first": REGIONS[1], "second": REGIONS[4], "size": 2.0, "direction": -2.0}
    assert summarize_interactions(pairs * np.nan) == []
