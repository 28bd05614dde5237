"""Maps over runs and over changes that mean nothing."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cxr_xai.metrics.sanity.repeatability import MILD, Mild, agreement, equivariance, icc, move


def blobs(n: int = 2, size: int = 64) -> Tensor:
    """Films with one bright spot each, well inside."""
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    places = [(24 + 8 * k, 36 - 6 * k) for k in range(n)]
    return torch.stack([torch.exp(-((x - a) ** 2 + (y - b) ** 2) / 60) for a, b in places])[:, None] * 0.8 + 0.1


def smooth(image: Tensor) -> Tensor:
    """An explainer that follows the film: local means, on a grid of an eighth."""
    return F.avg_pool2d(image, 8)


@pytest.mark.parametrize("mild", MILD, ids=lambda mild: mild.name)
def test_a_map_that_follows_the_film_is_equivariant(mild: Mild) -> None:
    scores = equivariance(lambda image: image, blobs(), mild)
    assert scores["spearman"].min() > 0.99
    assert scores["displacement"].max() <= 1.5
    coarse = equivariance(smooth, blobs(), mild)
    assert coarse["spearman"].min() > 0.9
    assert coarse["displacement"].max() <= 8


def test_a_map_that_stays_while_the_film_moves_is_found_out() -> None:
    still = blobs(1)
    scores = equivariance(lambda image: still, still, Mild("shift", shift=(0.125, 0.0)))
    assert scores["displacement"].item() == pytest.approx(8, abs=0.01)
    assert scores["spearman"].item() < 0.9


def test_directions() -> None:
    dot = torch.zeros(1, 1, 33, 33)
    dot[..., 16, 26] = 1  # ten to the right of the center
    right, _ = move(dot, Mild("", shift=(3 / 33, 0.0)))
    assert right[0, 0].argmax().item() == 16 * 33 + 29
    down, inside = move(dot, Mild("", shift=(0.0, 3 / 33)))
    assert down[0, 0].argmax().item() == 19 * 33 + 26
    assert inside.all(1).tolist() == [False] * 3 + [True] * 30
    turned, _ = move(dot, Mild("", degrees=90.0))  # counterclockwise: to the top
    assert turned[0, 0].argmax().item() == 6 * 33 + 16
    grown, _ = move(dot, Mild("", scale=1.5))
    assert grown[0, 0].argmax().item() == 16 * 33 + 31


def test_nothing_changed_is_nothing_moved() -> None:
    film = torch.rand(1, 1, 32, 32)
    moved, inside = move(film, Mild("none"))
    torch.testing.assert_close(moved, film, atol=1e-5, rtol=0)
    assert bool(inside.all())


def test_dead_maps_have_no_place() -> None:
    scores = equivariance(lambda image: torch.zeros_like(image), blobs(), MILD[0])
    assert bool(scores["displacement"].isnan().all())
    assert bool(scores["spearman"].isnan().all())
    assert scores["dead"].tolist() == [[1], [1]]


def test_icc_of_the_published_example() -> None:
    """Shrout & Fleiss 1979, table 2: six targets, four judges; ICC(2,1) = .29."""
    judges = [[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]]
    assert icc(torch.tensor(judges, dtype=torch.float64)[:, None]).item() == pytest.approx(0.29, abs=0.005)


def test_agreement_of_runs() -> None:
    one = torch.rand(3, 8, 8)
    same = agreement(torch.stack([one, one, one]), (64, 64))
    assert same["spearman"].tolist() == pytest.approx([1, 1, 1])
    assert same["icc"].tolist() == pytest.approx([1, 1, 1])
    assert same["displacement"].tolist() == [0, 0, 0]
    other = agreement(torch.rand(2, 200, 8, 8), (64, 64))
    assert abs(other["spearman"].mean()) < 0.05
    assert other["displacement"].mean() > 20
    half = agreement(torch.stack([one, torch.zeros_like(one), one]), (64, 64))
    assert half["dead"].tolist() == pytest.approx([1 / 3] * 3)
    assert half["spearman"].tolist() == pytest.approx([1, 1, 1])  # of the one pair that lives
    dead = agreement(torch.zeros(2, 1, 8, 8), (64, 64))
    assert all(bool(dead[key].isnan().all()) for key in ("spearman", "displacement", "icc"))
