"""How alike two maps are."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from cxr_xai.metrics.sanity.similarity import (
    compare_maps,
    findings_alike,
    findings_alike_elsewhere,
    other_patients,
    spearman,
    top_overlap,
    top_region,
)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_spearman_is_that_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(-3, 4, (2, 4, 25)).astype(float)  # with ties
    expected = [spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(spearman(torch.from_numpy(one), torch.from_numpy(other)), expected, atol=1e-12)


def test_maps_without_order_have_no_correlation() -> None:
    live = torch.rand(1, 4, 4).expand(4, 4, 4)
    dead = torch.stack([torch.zeros(4, 4), torch.ones(4, 4), torch.full((4, 4), torch.nan), torch.ones(4, 4) / 3])
    assert bool(spearman(live, dead).isnan().all())
    scores = compare_maps(live, dead)
    assert scores["dead"].tolist() == [1, 1, 1, 1]
    assert bool(scores["top_overlap"].isnan().all())


def test_negative_maps_are_dead_but_comparable() -> None:
    before = torch.rand(1, 5, 5)
    scores = compare_maps(before, -before)
    assert scores["spearman_abs"].item() == 1
    assert scores["spearman"].item() == -1
    assert bool(scores["top_overlap"].isnan())
    assert scores["dead"].item() == 1


def test_top_regions() -> None:
    maps = torch.arange(100.0).view(1, 10, 10)
    assert int(top_region(maps).sum()) == 10
    assert top_overlap(maps, maps).item() == 1
    assert top_overlap(maps, maps.flip(1, 2)).item() == 0
    ties = torch.zeros(1, 10, 10)
    ties[0, 4, 4] = 1
    assert int(top_region(ties).sum()) == 100  # the tenth largest value is 0, and all zeros tie with it
    many = torch.rand(2000, 10, 10, generator=torch.Generator().manual_seed(0))
    assert abs(top_overlap(many[:1000], many[1000:]).mean().item() - 0.1 / 1.9) < 0.005


def test_findings_of_one_image_against_those_of_another() -> None:
    generator = torch.Generator().manual_seed(0)
    film = torch.rand(6, 1, 8, 8, generator=generator)
    own = film + 0.2 * torch.rand(6, 3, 8, 8, generator=generator)  # every finding's map shows the film
    here = findings_alike(own)
    there = findings_alike_elsewhere(own, other_patients(list("aabbcc")))
    assert here["spearman"].shape == (6, 3)
    assert here["spearman"].min() > 0.8 > 0.4 > there["spearman"].abs().max()
    assert here["top_overlap"].mean() > there["top_overlap"].mean() + 0.3


def test_partners_are_other_patients() -> None:
    patients = list("aabca")
    assert all(patients[p] != patients[n] for n, p in enumerate(other_patients(patients)))
    assert other_patients(["a", "a"]) == [0, 1]
