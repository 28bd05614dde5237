"""The reference of an image model: a model of age, sex and view that never sees a film."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

Floats = npt.NDArray[np.float64]

FEATURES = ("age", "sex", "view")
CODES = {"F": 0.0, "M": 1.0, "PA": 0.0, "AP": 1.0}


def encode_labels(studies: pd.DataFrame) -> Floats:
    """Return ``(N, 3)`` age in years, sex and view as 0 or 1; NaN where unknown.

    >>> encode_labels(pd.DataFrame({"age": [57.0], "sex": ["M"], "view": [""]})).tolist()
    [[57.0, 1.0, nan]]
    """
    coded = studies[list(FEATURES)].assign(**{name: studies[name].map(CODES) for name in FEATURES[1:]})
    return coded.to_numpy(np.float64)


def label_only_probs(train: pd.DataFrame, target: npt.ArrayLike, test: pd.DataFrame) -> Floats:
    """Fit a boosted tree per finding on age, sex and view of the training part, and predict other studies.

    Shallow trees (at most 8 leaves, 100 of them) take interactions and unknown values as they come, and cannot learn
    more than a table of the three. What they reach is what a network can reach by recognizing who is on the film and
    how it was taken.

    Args:
        train: the columns ``age``, ``sex`` (``M``, ``F`` or empty) and ``view`` (``PA``, ``AP`` or empty).
        target: ``(n, K)`` of the training part; NaN is left out.
        test: the same columns of the studies to predict.

    Returns:
        ``(N, K)`` probabilities; a finding without positives or without negatives in training, or where nothing is
        known of any training study, has NaN.
    """
    y, x, x_test = np.asarray(target, dtype=np.float64), encode_labels(train), encode_labels(test)
    known = [column for column in range(x.shape[1]) if not np.isnan(x[:, column]).all()]
    probs = np.full((len(x_test), y.shape[1]), np.nan)
    for k in range(y.shape[1]):
        rows = ~np.isnan(y[:, k])
        if known and len(np.unique(y[rows, k])) == 2:
            probs[:, k] = _fit_one(x[rows], y[rows, k], known).predict_proba(x_test[:, known])[:, 1]
    return probs


def _fit_one(x: Floats, y: Floats, known: Sequence[int]) -> HistGradientBoostingClassifier:
    model = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=8, early_stopping=False, random_state=0)
    return model.fit(x[:, known], y)
