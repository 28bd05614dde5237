"""Rare findings drawn more often."""

import numpy as np
import pytest

from cxr_xai.data.balancing.sampler import Sampler, rarity_weights
from cxr_xai.data.sampling import EpochSampler
from cxr_xai.errors import UserError


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
    assert set(Sampler(power=0).plan(np.eye(5, 14, dtype=np.float32)).draw_weights) == {1.0}


@pytest.mark.parametrize("world", [1, 2])
def test_a_rare_finding_is_seen_more_often_also_on_two_ranks(world: int) -> None:
    targets = np.zeros((4000, 2), np.float32)
    targets[:40, 0] = 1  # 1 %
    targets[:2000, 1] = 1
    weights = Sampler(power=1.0).plan(targets).draw_weights
    drawn = np.concatenate([list(EpochSampler(4000, True, weights, 0, rank, world)) for rank in range(world)])
    # 40 studies weigh 100, 3960 weigh 2: 4000 of 11,920 draws.
    assert abs((drawn < 40).mean() - 4000 / 11920) < 0.03


@pytest.mark.parametrize("power", [-0.1, 1.1])
def test_an_impossible_power_is_refused(power: float) -> None:
    with pytest.raises(UserError, match=r"balancing\.power is"):
        Sampler(power=power)
