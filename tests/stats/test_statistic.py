import numpy as np
import pytest

from cxr_xai.errors import UserError
from cxr_xai.metrics import classification
from cxr_xai.stats.statistic import METRICS, metric_statistic


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_once_each_is_the_point_estimate(metric: str) -> None:
    rng = np.random.default_rng(0)
    target, probs = (rng.random((90, 3)) < 0.3).astype(float), rng.random((90, 3))
    target[rng.random((90, 3)) < 0.1] = np.nan
    target[:, 2] = 0
    cuts = [0.4, 0.6, np.nan]
    got = metric_statistic(metric, target, probs, rng.integers(20, size=90), cuts)(np.ones((2, 20)))
    options = (cuts,) if metric == "f1" else ()
    expected = getattr(classification, metric)(target, probs, *options)
    np.testing.assert_allclose(got, [expected, expected], atol=1e-12)


def test_what_is_asked_for_must_exist() -> None:
    with pytest.raises(UserError, match="metric=kappa: not among those with replicates: auroc, auprc, f1, brier, ece"):
        metric_statistic("kappa", [[1]], [[0.5]], np.zeros(1, np.int64))
    with pytest.raises(UserError, match="metric=f1 needs the thresholds"):
        metric_statistic("f1", [[1]], [[0.5]], np.zeros(1, np.int64))
