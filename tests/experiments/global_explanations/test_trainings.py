"""Regions of two arms over several trainings, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from cxr_xai.data.anatomy.regions import REGIONS
from cxr_xai.errors import UserError
from cxr_xai.experiments.global_explanations.importance import MEAN, compare_importance
from cxr_xai.experiments.global_explanations.trainings import (
    Played,
    compare_trainings,
    describe_intervals,
    is_paired,
    join_arms,
    list_trainings,
)
from cxr_xai.findings import FINDINGS

HEART = REGIONS.index("heart")
SHAPE = (len(REGIONS), len(FINDINGS))
AREAS = np.full(len(REGIONS), 0.1)


def make_run(
    seed: int, images: range, phi: np.ndarray | None = None, fold: int | None = None, areas: np.ndarray = AREAS
) -> Played:
    """One patient per two films; values drawn from the seed alone unless given."""
    names = np.array([f"{n:03d}.png" for n in images])
    who = np.array([f"p{n // 2}" for n in images])
    drawn = np.random.default_rng(seed).standard_normal((len(images), *SHAPE)) if phi is None else phi
    target = np.zeros((len(images), len(FINDINGS)))
    return Played(f"run-{seed}-{fold}", seed, fold, names, who, target, drawn, np.tile(areas, (len(images), 1)))


def test_values_are_means_over_trainings_of_means_over_films() -> None:
    first = [make_run(seed, range(20)) for seed in (0, 1, 2)]
    second = [make_run(seed, range(20)) for seed in (3, 4)]
    arms, films = join_arms(["a", "b"], [first, second])
    entry = compare_trainings(arms, films, 100)["Mass"]["heart"]
    by_hand = [
        np.mean([np.abs(run.phi[:, HEART, FINDINGS.index("Mass")]).mean() for run in side]) for side in (first, second)
    ]
    assert [entry[side]["value"] for side in ("first", "second")] == pytest.approx(by_hand)
    assert entry["difference"]["value"] == pytest.approx(by_hand[0] - by_hand[1])
    assert entry["difference"]["low"] < entry["difference"]["value"] < entry["difference"]["high"]


def test_films_are_paired_by_name_whatever_their_order() -> None:
    """Two runs of the same values, one of them with its films the other way round, differ nowhere."""
    one = make_run(0, range(20))
    turned = one._replace(seed=1, **{key: getattr(one, key)[::-1] for key in ("image_id", "patient_id", "phi")})
    arms, films = join_arms(["a", "b"], [[one], [turned]])
    found = compare_trainings(arms, films, 50)
    for region in REGIONS:
        assert found[MEAN][region]["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
        assert found[MEAN][region]["share"]["p_holm"] == 1.0


def test_only_films_that_both_arms_tested_count() -> None:
    arms, films = join_arms(["a", "b"], [[make_run(0, range(20))], [make_run(1, range(10, 30))]])
    assert films.image_id.tolist() == [f"{n:03d}.png" for n in range(10, 20)]
    assert not films.disjoint
    np.testing.assert_array_equal(arms[1].phi[0], make_run(1, range(10, 30)).phi[:10])


def test_one_training_a_side_is_what_two_networks_have() -> None:
    first, second = make_run(0, range(30)), make_run(1, range(30))
    arms, films = join_arms(["a", "b"], [[first], [second]])
    mine = compare_trainings(arms, films, 4000)[MEAN]["heart"]
    other = compare_importance(first.phi, second.phi, first.patient_id, 4000)[MEAN]["heart"]
    for key in ("first", "second", "difference"):
        for end in ("value", "low", "high"):
            assert mine[key][end] == pytest.approx(other[key][end], abs=0.02), (key, end)
    assert mine["share"]["difference"]["value"] == pytest.approx(other["share"]["difference"]["value"])
    assert not is_paired(arms)
    assert "trainings are held fixed" in describe_intervals(arms, films)


def spread_out(seed: int, more: float) -> Played:
    """A network of its own: its heart counts more or less, by what its seed says, on all films alike."""
    run = make_run(seed, range(40), np.abs(np.random.default_rng(9).standard_normal((40, *SHAPE))) + 0.2)
    phi = run.phi.copy()
    phi[:, HEART] *= np.exp(np.random.default_rng(100 + seed).normal() * 0.5) * more
    return run._replace(phi=phi)


def test_trainings_that_differ_widen_what_patients_alone_would_prove() -> None:
    sides = [[spread_out(seed, 1.0) for seed in seeds] for seeds in ((0, 1, 2), (3, 4, 5))]
    arms, films = join_arms(["a", "b"], sides)
    alone = [replace(arm, keys=("seed 0",), phi=arm.phi.mean(axis=0, keepdims=True)) for arm in arms]
    with_trainings, patients = (compare_trainings(one, films, 500)[MEAN]["heart"]["share"] for one in (arms, alone))
    assert patients["p_holm"] < 0.05, "the same means, as if there were no spread"
    assert with_trainings["p_holm"] > 0.2
    assert with_trainings["difference"]["value"] == pytest.approx(patients["difference"]["value"], abs=0.02)


def test_a_difference_in_every_training_is_found() -> None:
    sides = [[spread_out(seed, more) for seed in (0, 1, 2, 3)] for more in (3.0, 1.0)]
    arms, films = join_arms(["a", "b"], sides)
    assert is_paired(arms)
    found = compare_trainings(arms, films, 500)[MEAN]
    assert found["heart"]["share"]["difference"]["low"] > 0
    assert found["heart"]["share"]["p"] < 0.05
    assert "over 4 seeds" in describe_intervals(arms, films)


def test_folds_test_films_of_their_own() -> None:
    folds = [range(8), range(8, 16), range(16, 24)]
    first = [make_run(0, images, fold=f, phi=np.full((8, *SHAPE), float(f + 1))) for f, images in enumerate(folds)]
    second = [make_run(0, images, fold=f, phi=np.full((8, *SHAPE), 1.0)) for f, images in enumerate(folds)]
    arms, films = join_arms(["a", "b"], [first, second])
    assert films.disjoint
    assert arms[0].keys == ("fold 0", "fold 1", "fold 2")
    entry = compare_trainings(arms, films, 200)["Mass"]["heart"]
    assert (entry["first"]["value"], entry["second"]["value"]) == (2.0, 1.0)
    rows = list_trainings(arms)
    assert [row["size"] for row in rows if row["arm"] == "a" and row["region"] == "heart"] == [1.0, 2.0, 3.0]
    assert all(row["share"] == pytest.approx(0.1) for row in rows)
    assert "the larger of the two variances counts" in describe_intervals(arms, films)


def test_seeds_join_their_folds() -> None:
    folds = [range(8), range(8, 16)]
    runs = [make_run(seed, images, fold=f) for seed in (0, 1) for f, images in enumerate(folds)]
    arms, films = join_arms(["a", "b"], [runs, [run._replace(phi=2 * run.phi) for run in runs]])
    assert arms[0].keys == ("seed 0", "seed 1")
    assert not films.disjoint
    assert compare_trainings(arms, films, 50)[MEAN]["heart"]["difference"]["value"] < 0


REFUSED = {
    "no film in common": ([[make_run(0, range(4))], [make_run(0, range(4, 8))]]),
    "a: the seeds 0 and 1 were tested on different films": (
        [[make_run(0, range(4)), make_run(1, range(2, 6))], [make_run(0, range(4))]]
    ),
    "a has two runs of one seed and fold": ([[make_run(0, range(4)), make_run(0, range(4))], [make_run(1, range(4))]]),
    "the regions of 000.png in run-1-None are others": (
        [[make_run(0, range(4))], [make_run(1, range(4), areas=2 * AREAS)]]
    ),
    "the other arm tested none of the films of run-0-1": (
        [[make_run(0, range(4), fold=0), make_run(0, range(4, 8), fold=1)], [make_run(0, range(4), fold=0)]]
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_compared_is_refused(message: str) -> None:
    with pytest.raises(UserError, match=message):
        join_arms(["a", "b"], REFUSED[message])
