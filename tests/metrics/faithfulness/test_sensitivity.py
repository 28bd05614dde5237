"""Maps of films that hardly differ, and maps that should add up."""

import pytest
import torch
from torch import Tensor

from cxr_xai.metrics.faithfulness.imputers import MeanImputer
from cxr_xai.metrics.faithfulness.sensitivity import draw_removals, infidelity, max_sensitivity, sensitivity_n


def film_itself(image: Tensor) -> Tensor:
    """A map that is the film, twice as strong for the second finding."""
    return torch.cat([image, 2 * image], dim=1)


def test_max_sensitivity_of_a_map_that_is_the_film() -> None:
    film, radius = torch.rand(2, 1, 8, 8), 0.1
    found = max_sensitivity(film_itself, film, radius, draws=20)
    most = radius * 8 / film.flatten(1).norm(dim=1)
    assert found.shape == (2, 2)
    assert bool((found <= most[:, None]).all())
    assert bool((found >= 0.4 * most[:, None]).all())
    torch.testing.assert_close(found[:, 0], found[:, 1])
    assert torch.equal(found, max_sensitivity(film_itself, film, radius, draws=20))
    torch.testing.assert_close(found[1:], max_sensitivity(film_itself, film[1:], radius, draws=20))


def test_a_map_that_does_not_move_and_one_that_is_dead() -> None:
    film = torch.rand(2, 1, 8, 8)
    still = torch.rand(1, 1, 4, 4).expand(2, 1, 4, 4)
    assert max_sensitivity(lambda image: still, film).tolist() == [[0], [0]]
    for dead in (torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4), torch.full((2, 1, 4, 4), torch.nan)):
        assert bool(max_sensitivity(lambda image, dead=dead: dead, film).isnan().all())


def test_agrees_with_captum_on_the_same_draws() -> None:
    captum = pytest.importorskip("captum.metrics")
    film, radius, draws = torch.rand(1, 1, 8, 8), 0.05, 6
    generator = torch.Generator().manual_seed(3)
    noises = [(2 * torch.rand(1, 1, 8, 8, generator=generator) - 1) * radius for _ in range(draws)]

    def squared(image: Tensor | tuple[Tensor]) -> tuple[Tensor]:
        return ((image[0] if isinstance(image, tuple) else image) ** 2,)

    def perturbed(image: Tensor | tuple[Tensor]) -> Tensor:
        return (image[0] if isinstance(image, tuple) else image) + torch.cat(noises)

    theirs = captum.sensitivity_max(squared, film, perturb_func=perturbed, n_perturb_samples=draws)
    ours = max_sensitivity(lambda image: image**2, film, radius, draws, seed=3)
    torch.testing.assert_close(ours[:, 0], theirs, atol=1e-5, rtol=0)


class Black(MeanImputer):
    def fill(self, image: Tensor) -> Tensor:
        return torch.zeros_like(image)


def test_a_linear_model_adds_up() -> None:
    torch.manual_seed(0)
    film, weight = torch.rand(1, 1, 6, 6), torch.randn(36)
    removals = draw_removals(lambda x: (x.flatten(1) @ weight)[:, None], film, (6, 6), Black(), draws=40)
    exact = (film.flatten() * weight).view(1, 6, 6)
    maps = torch.cat([exact, 3 * exact, -exact, torch.randn(1, 6, 6), torch.zeros(1, 6, 6)])
    drops = removals.drops[..., 0].expand(5, -1)
    correlation = sensitivity_n(maps, removals.masks, drops)
    torch.testing.assert_close(correlation[:3], torch.tensor([1.0, 1.0, -1.0]), atol=1e-4, rtol=0)
    assert abs(correlation[3]) < 0.6
    assert bool(correlation[4].isnan())
    unexplained = infidelity(maps, removals.masks, drops)
    # the opposite map is live here, and of the wrong sign: no scale makes it right
    torch.testing.assert_close(unexplained[:3], torch.tensor([0.0, 0.0, 1.0]), atol=1e-5, rtol=0)
    assert 0 < unexplained[3] <= 1
    assert bool(unexplained[4].isnan())
    assert removals.masks.flatten(1).sum(1).unique().tolist() == [7]


def test_a_model_that_loses_nothing_says_nothing() -> None:
    removals = draw_removals(lambda x: torch.ones(len(x), 1), torch.rand(1, 1, 6, 6), (3, 3), MeanImputer(), draws=5)
    maps = torch.rand(1, 3, 3)
    assert bool(sensitivity_n(maps, removals.masks, removals.drops[..., 0]).isnan().all())
    assert bool(infidelity(maps, removals.masks, removals.drops[..., 0]).isnan().all())
