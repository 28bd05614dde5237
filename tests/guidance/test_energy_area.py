"""Chance is one half for any box."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.guidance.energy import energy
from cxr_xai.guidance.energy_area import energy_area


@given(st.floats(0.05, 10), st.integers(1, 47), st.integers(0, 99))
def test_an_even_map_costs_one_half_whatever_the_box(level: float, cells: int, seed: int) -> None:
    mask = torch.zeros(49)
    generator = torch.Generator().manual_seed(seed)
    mask[torch.randperm(49, generator=generator)[:cells]] = torch.rand(cells, generator=generator).clamp(min=0.05)
    cost = energy_area(torch.full((1, 7, 7), level), mask.view(1, 7, 7))
    assert cost.item() == pytest.approx(0.5, abs=1e-5)


def test_twice_as_dense_inside_costs_a_third_in_any_box() -> None:
    for cells in (1, 5, 30):
        mask = torch.zeros(49)
        mask[:cells] = 1
        maps = (1 + mask).view(1, 7, 7)
        assert energy_area(maps, mask.view(1, 7, 7)).item() == pytest.approx(1 / 3, abs=1e-6)
        assert energy(maps, mask.view(1, 7, 7)).item() == pytest.approx((49 - cells) / (49 + cells), abs=1e-6)


def test_a_box_over_the_whole_film_has_no_outside() -> None:
    maps = torch.rand(1, 7, 7, requires_grad=True)
    cost = energy_area(maps, torch.ones(1, 7, 7))
    cost.sum().backward()
    assert cost == 0
    assert (maps.grad == 0).all()
