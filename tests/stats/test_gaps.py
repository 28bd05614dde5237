"""Gaps between groups: by hand, under relabeling, between like groups, and where one was planted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.stats.bootstrap import draw_patient_counts
from cxr_xai.stats.coverage import simulate_patients
from cxr_xai.stats.gaps import Groups, average_folds, flip_each, flip_largest, flip_mean_of_gaps, largest_gap
from cxr_xai.stats.intervals import interval
from cxr_xai.stats.subsets import Subsets, auroc_subsets, ratio_subsets


def fold(value: list[list[float]], patients: int = 2) -> Subsets:
    numbers = np.array(value)
    return Subsets(numbers, numbers[None], np.repeat(numbers[None] - 0.1, patients, axis=0))


def test_folds_are_averaged_where_all_that_take_part_are_defined() -> None:
    folds = [fold([[0.5, 0.5], [0.7, np.nan]]), fold([[0.9, 0.9], [0.8, 0.8]], patients=3)]
    both = average_folds(folds, np.ones((2, 2), bool))
    np.testing.assert_allclose(both.value, [[0.7, 0.9], [0.75, 0.8]])
    first = average_folds(folds, np.array([[True, True], [True, False]]))
    np.testing.assert_allclose(first.value, [[0.7, 0.7], [0.75, np.nan]])
    assert both.influence.shape == (5, 2, 2)
    np.testing.assert_allclose(both.influence[:, 0], [[0.05, 0], [0.05, 0], [0.05, 0.1], [0.05, 0.1], [0.05, 0.1]])


def test_what_hangs_on_one_patient_of_a_fold_is_undefined_there() -> None:
    """Without the only positive of column 1 the mean would be of column 0 alone: .4 off, of which none is influence."""
    left_out = np.full((3, 1, 2), [0.5, 0.9])
    left_out[0, 0, 1] = np.nan
    hanging = Subsets(np.array([[0.5, 0.9]]), np.array([[[0.5, 0.9]]]), left_out)

    def mean(numbers: np.ndarray) -> np.ndarray:
        return np.nanmean(numbers, axis=-1, keepdims=True)

    found = average_folds([hanging], np.ones((1, 2), bool), mean)
    assert (found.value[0, 0], found.drawn[0, 0, 0], np.abs(found.influence).max()) == (0.5, 0.5, 0)


def test_signed_gaps_that_cancel_in_a_mean_are_found() -> None:
    """Two findings, .05 too high and .05 too low in one of two groups of 200 patients."""
    error = np.random.default_rng(0).normal(0, 0.1, (200, 2)) / 100
    sides = np.arange(200) % 2 == 0
    influence = np.stack([error * sides[:, None], error * ~sides[:, None]], axis=1)
    value = np.array([[0.05, -0.05], [0.0, 0.0]]) + influence.sum(axis=0)
    assert flip_mean_of_gaps(value, influence, 999, 0) < 0.01
    mean = np.concatenate([influence.mean(axis=2, keepdims=True)], axis=2)
    assert flip_largest(value.mean(axis=1, keepdims=True), mean, 999, 0)[0] > 0.05
    assert np.isnan(flip_mean_of_gaps(np.full((2, 2), np.nan), influence, 9, 0))


def test_the_largest_gap() -> None:
    gap, low, high = largest_gap(np.array([[0.2, np.nan], [0.9, 0.4], [0.5, np.nan]]))
    assert gap[0] == pytest.approx(0.7)
    assert (low[0], high[0]) == (0, 1)
    assert np.isnan(gap[1])


def test_p_values_of_flips_by_hand() -> None:
    # two patients who both speak for the gap: half of all signs leave it as large
    influence = np.array([[[0.1], [0.0]], [[0.1], [0.0]]])
    p = flip_largest(np.array([[0.7], [0.5]]), influence, 20_000, seed=0)
    assert p[0] == pytest.approx(0.5, abs=0.02)
    gaps = flip_each(np.array([[0.2]]), influence[:, :1], 20_000, seed=0)
    assert gaps[0, 0] == pytest.approx(0.5, abs=0.02)


def simulated(seed: int, area: float = 0.8, planted: float = 0.0, groups: int = 2, by: str = "image", n: int = 60):
    """AUROC, FNR and FPR of random groups; ``planted`` is taken off the positives' scores in the first."""
    sample = simulate_patients(n, seed, area=area, negative_patients=200)
    rng = np.random.default_rng((seed, groups))
    y, codes = sample.target[:, None], sample.patients
    group = rng.integers(0, groups, len(y)) if by == "image" else rng.integers(0, groups, codes.max() + 1)[codes]
    score = sample.score[:, None] - planted * ((group == 0)[:, None] & (y == 1))
    pred = (score > np.quantile(score, 0.8)).astype(float)
    numerator, denominator = np.hstack([(1 - pred) * (y == 1), pred * (y == 0)]), np.hstack([y == 1, y == 0]) * 1.0
    return y, score, numerator, denominator, np.stack([group == g for g in range(groups)]), codes


def compared(seed: int, replicates: int = 1, **options) -> Groups:
    y, score, numerator, denominator, masks, codes = simulated(seed, **options)
    weights, _ = draw_patient_counts(codes, replicates, seed)
    parts = auroc_subsets(y, score, masks, codes, weights), ratio_subsets(numerator, denominator, masks, codes, weights)
    joined = Subsets(*(np.concatenate(pair, axis=-1) for pair in zip(*parts, strict=True)))
    return average_folds([joined], np.ones((len(masks), 3), bool))


@given(st.permutations(range(4)))
@settings(max_examples=5, deadline=None)
def test_names_of_groups_do_not_matter(order: list[int]) -> None:
    found = compared(3, groups=4)
    p = flip_largest(found.value, found.influence, 400, seed=0)
    again = flip_largest(found.value[order], found.influence[:, order], 400, seed=0)
    np.testing.assert_allclose(p, again)


@given(st.integers(0, 50))
@settings(max_examples=5, deadline=None)
def test_a_group_against_its_complement_is_the_complement_against_it(seed: int) -> None:
    found = compared(seed, groups=2)
    gap, moved = found.value[0] - found.value[1], found.influence[:, 0] - found.influence[:, 1]
    one = flip_each(gap[None], moved[:, None], 400, seed=0)
    other = flip_each(-gap[None], -moved[:, None], 400, seed=0)
    np.testing.assert_allclose(one, other)
    np.testing.assert_allclose(one[0], flip_largest(found.value, found.influence, 400, seed=0))


def test_influences_give_the_spread_of_the_bootstrap() -> None:
    found = compared(0, replicates=600, groups=2, n=100)
    gaps = found.drawn[:, 0] - found.drawn[:, 1]
    errors = np.sqrt(((found.influence[:, 0] - found.influence[:, 1]) ** 2).sum(axis=0))
    np.testing.assert_allclose(errors, gaps.std(axis=0), rtol=0.15)


def test_patients_in_both_groups_make_their_gap_surer() -> None:
    # between halves of the same patients' images the level of a patient drops out; between patients it does not
    within = [compared(seed, 200, by="image") for seed in range(4)]
    between = [compared(seed, 200, by="patient") for seed in range(4)]
    spread = [np.mean([(g.drawn[:, 0, 2] - g.drawn[:, 1, 2]).std() for g in these]) for these in (within, between)]
    assert spread[0] < 0.9 * spread[1]


def test_what_was_planted_is_found_and_what_was_not_is_rarely() -> None:
    planted = compared(1, planted=1.0, groups=3)
    assert (flip_largest(planted.value, planted.influence, 999, seed=0)[:2] < 0.01).all()
    p = np.stack([flip_largest(g.value, g.influence, 199, 0) for g in (compared(seed) for seed in range(40))])
    assert ((p <= 0.05).mean(axis=0) <= 0.15).all()  # 40 samples: above .15 with a chance of .003


@pytest.mark.slow
@pytest.mark.parametrize(("groups", "by"), [(2, "image"), (2, "patient"), (4, "patient")])
def test_like_groups_differ_in_one_case_of_twenty(groups: int, by: str) -> None:
    many = (compared(seed, groups=groups, by=by) for seed in range(1000))
    p = np.stack([flip_largest(found.value, found.influence, 499, seed=0) for found in many])
    rejected = (p <= 0.05).mean(axis=0)
    print(groups, by, rejected)
    assert ((rejected >= 0.03) & (rejected <= 0.08)).all()  # standard error .007


@pytest.mark.slow
@pytest.mark.parametrize("by", ["image", "patient"])
def test_intervals_of_gaps_hold_the_true_gap(by: str) -> None:
    """AUROC .8 in both groups, 100 positive patients; the true gap is 0."""
    held = np.zeros(2)
    for seed in range(600):
        found = compared(seed, replicates=400, by=by, n=100)
        gap, drawn = found.value[0] - found.value[1], found.drawn[:, 0] - found.drawn[:, 1]
        ends = interval(gap[[0, 2]], drawn[:, [0, 2]], None, "percentile", patients=np.full(2, 25.0))
        held += (ends.low <= 0) & (ends.high >= 0)
    print(by, held / 600)
    assert ((held / 600 >= 0.925) & (held / 600 <= 0.975)).all()  # standard error .009
