"""What age, sex and view say, and no film."""

import numpy as np
import pandas as pd
import pytest

from cxr_xai.metrics.classification import auroc
from cxr_xai.metrics.label_only import encode_labels, label_only_probs


def studies(number: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": random.integers(20, 90, number).astype(float),
            "sex": random.choice(["M", "F", ""], number),
            "view": random.choice(["PA", "AP"], number),
        }
    )


def outcomes(table: pd.DataFrame, seed: int) -> np.ndarray:
    """View alone; old men only, an interaction; nothing."""
    old_men = ((table["age"] > 60) & (table["sex"] == "M")).to_numpy(float)
    noise = np.random.default_rng(seed).integers(0, 2, len(table)).astype(float)
    return np.stack([(table["view"] == "AP").to_numpy(float), old_men, noise], axis=1)


def test_it_learns_what_they_say_and_no_more() -> None:
    train, test = studies(800, 0), studies(400, 1)
    reached = auroc(outcomes(test, 3), label_only_probs(train, outcomes(train, 2), test))
    assert reached[0] == 1
    assert reached[1] > 0.99
    assert reached[2] == pytest.approx(0.5, abs=0.1)


def test_unknown_labels_are_left_out_and_what_cannot_be_fitted_is_undefined() -> None:
    train, test = studies(200, 0), studies(10, 1)
    y = outcomes(train, 2)
    y[:, 1], y[:, 2] = np.nan, 1
    flipped = np.vstack([y, np.column_stack([1 - y[:, 0], y[:, 1:]])])
    flipped[200:, 0] = np.nan
    twice = pd.concat([train, train], ignore_index=True)
    probs = label_only_probs(twice, flipped, test)
    np.testing.assert_array_equal(probs, label_only_probs(train, y, test), "NaN rows say nothing")
    assert np.isnan(probs[:, 1:]).all()


def test_a_source_that_knows_nothing_gives_nothing() -> None:
    empty = pd.DataFrame({"age": [np.nan] * 40, "sex": [""] * 40, "view": [""] * 40})
    assert np.isnan(encode_labels(empty)).all()
    assert np.isnan(label_only_probs(empty, np.tile([[0.0], [1.0]], (20, 1)), empty)).all()
    partly = empty.assign(view=["PA", "AP"] * 20)
    assert np.isfinite(label_only_probs(partly, np.tile([[0.0], [1.0]], (20, 1)), partly)).all()
