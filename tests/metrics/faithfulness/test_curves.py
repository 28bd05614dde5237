"""Deletion, insertion and ROAD, on models whose answer is known."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cxr_xai.metrics.faithfulness.curves import (
    ROAD_SHARES,
    Mode,
    areas_under,
    count_removed,
    normalize_curves,
    predict_ends,
    removal_logits,
    road_from_curves,
    road_scores,
)
from cxr_xai.metrics.faithfulness.imputers import IMPUTERS, MeanImputer
from cxr_xai.metrics.faithfulness.orders import draw_ranks, rank_cells


class ZeroImputer(MeanImputer):
    """Black, so that a sum loses exactly what was removed."""

    def fill(self, image: Tensor) -> Tensor:
        return torch.zeros_like(image)


def total(image: Tensor) -> Tensor:
    """A model that sums pixels, and one that sums their negatives."""
    logit = image.flatten(1).sum(1)
    return torch.stack([logit, -logit], dim=1)


def reverse(ranks: Tensor) -> Tensor:
    """The order that begins with the last cell."""
    return ranks[0].numel() - 1 - ranks


FILM = torch.tensor([[[[4.0, 3.0], [2.0, 1.0]]]])
MODES: tuple[Mode, ...] = ("deletion", "insertion")
OWNER = torch.zeros(1, dtype=torch.int64)


def test_deletion_of_a_sum_in_closed_form() -> None:
    curve = removal_logits(total, FILM, rank_cells(FILM[0]), OWNER, count_removed(4, 4), ZeroImputer())[..., 0]
    assert curve.tolist() == [[10, 6, 3, 1, 0]]
    assert areas_under(curve).area.item() == pytest.approx((1 / 2 + 0.6 + 0.3 + 0.1) / 4)
    assert areas_under(curve).drop.item() == 10


def test_insertion_of_a_sum_in_closed_form() -> None:
    curve = removal_logits(total, FILM, rank_cells(FILM[0]), OWNER, count_removed(4, 4), ZeroImputer(), "insertion")
    assert curve[..., 0].tolist() == [[0, 4, 7, 9, 10]]
    assert areas_under(curve[..., 0], "insertion").area.item() == pytest.approx((0.4 + 0.7 + 0.9 + 1 / 2) / 4)
    assert areas_under(curve[..., 0], "insertion").drop.item() == 10


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_a_perfect_order_is_best_its_reverse_worst_and_chance_between(seed: int) -> None:
    film = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(seed))
    perfect = rank_cells(film[0])
    ranks = torch.cat([perfect, draw_ranks((6, 6), 6, seed), reverse(perfect)])
    owner, counts = torch.zeros(len(ranks), dtype=torch.int64), count_removed(36, 6)
    areas = {
        mode: areas_under(removal_logits(total, film, ranks, owner, counts, ZeroImputer(), mode)[..., 0], mode).area
        for mode in ("deletion", "insertion")
    }
    tied = 1e-5
    assert areas["deletion"].argmin() == 0
    assert areas["insertion"].argmax() == 0
    assert bool((areas["deletion"] <= areas["deletion"][-1] + tied).all())
    # a linear model loses from above what it keeps from below
    torch.testing.assert_close(areas["deletion"] + areas["insertion"], torch.ones(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(areas["deletion"][0], areas["insertion"][-1], atol=1e-5, rtol=0)


def test_road_of_a_sum() -> None:
    counts = [round(share * 100) for share in ROAD_SHARES]
    film = torch.rand(1, 1, 10, 10)
    perfect = rank_cells(film[0])
    most, least = (
        removal_logits(total, film, order, OWNER, counts, ZeroImputer())[..., 0]
        for order in (perfect, reverse(perfect))
    )
    ordered = film.flatten().sort(descending=True).values
    kept = [(ordered[:-n].sum() - ordered[n:].sum()).item() / 2 for n in counts]
    assert road_scores(most, least).item() == pytest.approx(sum(kept) / len(kept), rel=1e-4)
    both = [
        removal_logits(total, film, perfect, OWNER, count_removed(100, 10), ZeroImputer(), m)[..., 0] for m in MODES
    ]
    torch.testing.assert_close(road_from_curves(*both), road_scores(most, least), atol=1e-4, rtol=0)
    assert road_scores(least, most).item() == pytest.approx(-sum(kept) / len(kept), rel=1e-4)


def test_films_without_evidence_are_undefined_and_not_zero() -> None:
    curves = torch.tensor([[1.0, 0.9, 0.8], [0.0, 1.0, 3.0], [2.0, 1.0, 0.0]])
    areas = areas_under(curves)
    assert areas.area.isnan().tolist() == [True, True, False]
    assert areas.drop.tolist() == pytest.approx([0.2, -3.0, 2.0])
    relative = normalize_curves(curves)[2]
    assert (relative[0], relative[-1]) == (1, 0)


@pytest.mark.parametrize("name", IMPUTERS)
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_batches_make_no_difference(name: str, batch: int) -> None:
    torch.manual_seed(0)
    films, model = torch.rand(2, 1, 16, 16), torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 3))
    ranks, owner = rank_cells(torch.randn(5, 4, 4)), torch.tensor([0, 1, 1, 0, 1])
    counts = count_removed(16, 4)
    found = removal_logits(model, films, ranks, owner, counts, IMPUTERS[name](), batch=batch)
    assert found.shape == (5, 5, 3)
    for m in range(5):
        alone = removal_logits(
            model, films[owner[m]][None], ranks[m : m + 1], OWNER, counts, IMPUTERS[name](), batch=100
        )
        torch.testing.assert_close(found[m], alone[0], atol=1e-3, rtol=0)
    torch.testing.assert_close(found[:, 0], model(films)[owner].detach(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("mode", MODES)
def test_what_all_orders_share_is_predicted_once_per_film(mode: Mode) -> None:
    seen = []

    def predict(image: Tensor) -> Tensor:
        seen.append(len(image))
        return total(image)

    films, ranks = torch.rand(2, 1, 4, 4), draw_ranks((2, 2), 5)
    owner, counts = torch.tensor([0, 1, 1, 0, 1]), [0, 2, 4]
    found = removal_logits(predict, films, ranks, owner, counts, MeanImputer(), mode)
    assert sum(seen) == 2 + 2 + 5  # intact and removed films, and each order's inner point
    seen.clear()
    ends = predict_ends(predict, films, MeanImputer())
    assert torch.equal(found, removal_logits(predict, films, ranks, owner, counts, MeanImputer(), mode, ends=ends))
    assert sum(seen) == 4 + 5


def test_a_film_that_could_not_be_filled_is_undefined() -> None:
    class Fails(MeanImputer):
        def impute(self, image: Tensor, fill: Tensor, removed: Tensor) -> Tensor:
            return (
                super().impute(image, fill, removed).where(removed.flatten(1).sum(1).view(-1, 1, 1, 1) != 2, torch.nan)
            )

    def deaf(image: Tensor) -> Tensor:
        return total(image).nan_to_num() - 7  # a model may answer anything

    curve = removal_logits(deaf, FILM, rank_cells(FILM[0]), OWNER, [0, 1, 2, 3, 4], Fails())[..., 0]
    assert curve[0].isnan().tolist() == [False, False, True, False, False]
    assert bool(areas_under(curve).area.isnan().all())


def test_no_orders_give_no_curves() -> None:
    empty = torch.zeros(0, 4, 4, dtype=torch.int64)
    assert removal_logits(total, FILM, empty, OWNER[:0], [0, 16], MeanImputer()).shape == (0, 2, 2)
