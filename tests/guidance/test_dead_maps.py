"""Maps without positive evidence: what they cost, and that no gradient pushes them further."""

import pytest
import torch

from cxr_xai.guidance.body import body
from cxr_xai.guidance.energy import energy
from cxr_xai.guidance.energy_area import energy_area
from cxr_xai.guidance.l1 import l1
from cxr_xai.guidance.rrr import rrr

MASK = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])


@pytest.mark.parametrize(("term", "cost"), [(energy, 1.0), (energy_area, 0.5), (l1, 0.25)])
def test_a_dead_map_has_a_known_cost_and_no_gradient(term, cost: float) -> None:
    maps = torch.tensor([[[-1.0, -2.0], [-0.5, -3.0]]], requires_grad=True)
    value = term(maps, MASK)
    value.sum().backward()
    assert value.item() == cost
    assert (maps.grad == 0).all()


def test_negative_evidence_outside_is_pulled_to_nothing() -> None:
    for term in (rrr, body):
        maps = torch.tensor([[[-1.0, -2.0], [-0.5, -3.0]]], requires_grad=True)
        term(maps, MASK).sum().backward()
        assert (maps.grad[MASK == 0] < 0).all()
    assert body(torch.zeros(1, 2, 2), MASK).item() == 0


def test_a_faint_map_is_pulled_up_inside_its_box() -> None:
    maps = torch.tensor([[[0.01, 0.01], [0.0, -1.0]]], requires_grad=True)
    value = energy(maps, MASK)
    value.sum().backward()
    assert value.item() == pytest.approx(0.9)
    assert maps.grad[0, 0].tolist() == pytest.approx([-10.0, 0.0])
    assert maps.grad[0, 1, 1] == 0


def test_dying_does_not_pay() -> None:
    """All evidence outside costs no more than none at all, so no cost is saved by silence."""
    outside = torch.tensor([[[0.0, 5.0], [0.0, 0.0]]])
    assert energy(outside, MASK) == energy(-outside, MASK) == 1
