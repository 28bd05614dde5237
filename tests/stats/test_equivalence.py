import numpy as np

from cxr_xai.stats.equivalence import equivalent


def test_the_90_percent_interval_decides() -> None:
    draws = np.random.default_rng(0).normal(0, 0.01, 4000)  # ± .0164 at 90 %, ± .0196 at 95 %
    assert equivalent(draws, margin=0.0180)
    assert not equivalent(draws, margin=0.0180, alpha=0.025)
    assert not equivalent(draws, margin=0.0140)
    assert not equivalent(draws + 0.01, margin=0.0180)


def test_nothing_defined_is_not_equivalent() -> None:
    assert equivalent(np.full((5, 2), np.nan), margin=1).tolist() == [False, False]


def test_arms_at_the_margin_are_called_equivalent_in_five_percent() -> None:
    rng = np.random.default_rng(0)
    called = [equivalent(1 + rng.normal(0, 0.1) + 0.1 * rng.normal(size=400), margin=1) for _ in range(2000)]
    assert 0.035 <= np.mean(called) <= 0.065


def test_few_patients_are_believed_less() -> None:
    draws = np.random.default_rng(0).normal(0, 0.01, 4000)[:, None] * [1, 1]
    assert equivalent(draws, margin=0.0180, patients=[10, 1000]).tolist() == [False, True]
