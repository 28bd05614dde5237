"""The figure of a cross-validation, measured small."""

import numpy as np
import pytest

from cxr_xai.experiments.benchmarks import aggregate


def test_ours_and_the_loop_are_both_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"STUDIES": 200, "PATIENTS": 60, "REPLICATES": 20, "SAMPLED": 1}.items():
        monkeypatch.setattr(aggregate, name, value)
    pool = aggregate.make_pool()
    assert pool.target.shape == (1000, 14)
    assert all(len(set(pool.fold[pool.patients == who])) == 1 for who in np.unique(pool.patients)[:20])
    (figure,) = aggregate.measure_aggregate(repeats=1)
    assert figure.seconds > 0
    assert figure.ratio == pytest.approx(figure.baseline / figure.seconds)
