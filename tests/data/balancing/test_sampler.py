"""Rare findings drawn more often."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cxr_xai.data.balancing.plan import BalancePlan, TrainingPart, drawn_prevalence
from cxr_xai.data.balancing.sampler import Sampler, rarity_weights
from cxr_xai.data.sampling import EpochSampler
from cxr_xai.errors import UserError

TABLES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 25), st.integers(1, 5)),
    elements=st.sampled_from([0.0, 0.0, 0.0, 1.0, float("nan")]),
)


def part(targets: np.ndarray) -> TrainingPart:
    return TrainingPart(targets, np.zeros((len(targets), 1, 1), np.uint8))


def rarest_of(targets: np.ndarray) -> int | None:
    """Column of the finding with the lowest share of positives among those that have any."""
    with_positives = np.flatnonzero((targets == 1).any(axis=0))
    shares = [np.nanmean(targets[:, column]) for column in with_positives]
    return int(with_positives[np.argmin(shares)]) if len(with_positives) else None


def test_by_hand() -> None:
    # Column 0 in one of eight, column 1 in two, column 2 in four: rarities 8, 4, 2.
    targets = np.zeros((8, 3), np.float32)
    targets[0] = 1
    targets[1, 1:] = 1
    targets[2:4, 2] = 1
    assert rarity_weights(targets, power=1.0).tolist() == [8, 4, 2, 2, 2, 2, 2, 2]
    np.testing.assert_allclose(rarity_weights(targets, power=0.5)[:3], np.sqrt([8, 4, 2]))


def test_frequencies_are_over_known_labels() -> None:
    targets = np.array([[1, 0], [0, 1], [np.nan, 1], [np.nan, 0]], np.float32)  # both in half of the known
    assert rarity_weights(targets, power=1.0).tolist() == [2, 2, 2, 2]


def test_power_zero_is_uniform() -> None:
    weights = Sampler(power=0).plan(part(np.eye(5, 14, dtype=np.float32))).draw_weights
    assert weights is not None
    assert set(weights) == {1.0}


def test_with_one_finding_a_study_inverse_frequency_makes_all_alike() -> None:
    targets = np.repeat(np.eye(3, dtype=np.float32), [1, 4, 20], axis=0)
    plan = Sampler(power=1.0).plan(part(targets))
    np.testing.assert_allclose(drawn_prevalence(targets, plan), 1 / 3)


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_the_rarest_finding_gains_with_power(targets: np.ndarray) -> None:
    rarest = rarest_of(targets)
    plans = [BalancePlan()] + [Sampler(power=power).plan(part(targets)) for power in (0.25, 0.5, 1.0)]
    if rarest is not None:
        shares = [drawn_prevalence(targets, plan)[rarest] for plan in plans]
        assert (np.diff(shares) >= -1e-12).all()


@settings(max_examples=60, deadline=None)
@given(TABLES, st.randoms(use_true_random=False))
def test_all_findings_of_a_study_count_whatever_their_order(targets: np.ndarray, random: st.DataObject) -> None:
    columns = list(range(targets.shape[1]))
    random.shuffle(columns)
    np.testing.assert_array_equal(rarity_weights(targets, 0.5), rarity_weights(targets[:, columns], 0.5))


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_a_study_weighs_as_its_rarest_finding_and_one_without_as_the_commonest(targets: np.ndarray) -> None:
    weights, positive = rarity_weights(targets, 1.0), targets == 1
    rarities = [(~np.isnan(targets[:, k])).sum() / max(positive[:, k].sum(), 1) for k in range(targets.shape[1])]
    for row in range(len(targets)):
        own = [rarities[k] for k in np.flatnonzero(positive[row] if positive[row].any() else positive.any(axis=0))]
        assert weights[row] == (max if positive[row].any() else min)(own, default=1)


@pytest.mark.parametrize("world", [1, 2])
def test_a_rare_finding_is_seen_more_often_also_on_two_ranks(world: int) -> None:
    targets = np.zeros((4000, 2), np.float32)
    targets[:40, 0] = 1  # 1 %
    targets[:2000, 1] = 1
    weights = Sampler(power=1.0).plan(part(targets)).draw_weights
    drawn = np.concatenate([list(EpochSampler(4000, True, weights, 0, rank, world)) for rank in range(world)])
    # 40 studies weigh 100, 3960 weigh 2: 4000 of 11,920 draws.
    assert abs((drawn < 40).mean() - 4000 / 11920) < 0.03


@pytest.mark.parametrize("power", [-0.1, 1.1])
def test_an_impossible_power_is_refused(power: float) -> None:
    with pytest.raises(UserError, match=r"balancing\.power is"):
        Sampler(power=power)
