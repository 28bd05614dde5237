"""Noise that belongs to a film and a finding, not to a place in a batch."""

import torch
from torch import nn

from cxr_xai.explainers.random_map import RandomMap, film_key, random_map


def test_uniform_and_without_pattern() -> None:
    noise = torch.stack([random_map((7, 7), str(k)) for k in range(2000)])
    assert noise.dtype == torch.float32
    assert 0 <= noise.min() < 0.001
    assert 0.999 < noise.max() < 1
    assert (noise.mean(0) - 0.5).abs().max() < 5 * (1 / 12 / 2000) ** 0.5, "no cell is preferred"


def test_seed_and_key_decide() -> None:
    assert torch.equal(random_map((3, 4), "a", 1), random_map((3, 4), "a", 1))
    assert not torch.equal(random_map((3, 4), "a", 1), random_map((3, 4), "a", 2))
    assert not torch.equal(random_map((3, 4), "a", 1), random_map((3, 4), "b", 1))


def test_the_global_random_state_stays() -> None:
    state = torch.get_rng_state()
    random_map((7, 7), "a")
    assert torch.equal(state, torch.get_rng_state())


def test_a_film_is_known_by_its_gray_levels() -> None:
    film = torch.arange(64.0).view(1, 8, 8) / 255
    assert film_key(film) == film_key(film + 1e-4) == film_key(film.bfloat16())
    assert film_key(film) != film_key(film.flip(1))


def test_maps_belong_to_film_and_finding(small_model: nn.Module) -> None:
    film = torch.rand(3, 1, 64, 64)
    film[2] = film[0]
    maps = RandomMap().explain(small_model, film).attribution
    assert torch.equal(maps[0], maps[2])
    assert not torch.equal(maps[0], maps[1])
    assert not torch.equal(maps[0, 0], maps[0, 1])
    assert torch.equal(RandomMap().explain(small_model, film[1:2], [5, 2]).attribution[0], maps[1, [5, 2]])
    assert not torch.equal(RandomMap(seed=1).explain(small_model, film).attribution, maps)
