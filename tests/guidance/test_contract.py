"""What every guidance promises; runs over all of ``conf/guidance``."""

from typing import Any

import pytest
import torch
from torch import Tensor

from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.guidance.contract import Guidance


@pytest.fixture
def guidance(guidance_settings: dict[str, Any]) -> Guidance:
    return build(guidance_settings, "guidance")


def make(seed: int = 0, count: int = 6, side: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(count, side, side, generator=generator) / side
    return maps, torch.rand(count, side, side, generator=generator).clamp(0.1, 0.9)


def test_needs_are_what_the_class_says(guidance_settings: dict[str, Any], guidance: Guidance) -> None:
    assert guidance_settings["needs"] == guidance.needs
    assert (guidance.needs == "boxes") == ("annotated_fraction" in guidance_settings)


def test_one_cost_a_map_that_depends_on_no_other(guidance: Guidance) -> None:
    maps, mask = make()
    together = guidance(maps, mask)
    assert together.shape == (6,)
    assert together.dtype == torch.float32
    assert (together >= 0).all()
    alone = torch.cat([guidance(maps[[n]], mask[[n]]) for n in range(6)])
    torch.testing.assert_close(together, alone)


def test_no_pairs_cost_nothing_and_keep_the_graph(guidance: Guidance) -> None:
    maps, mask = (part[:0] for part in make())
    maps.requires_grad_()
    cost = guidance(maps, mask)
    assert cost.shape == (0,)
    cost.sum().backward()
    assert maps.grad is not None


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-12, 1e-30, 1e6])
@pytest.mark.parametrize("covered", [1.0, 1e-3, 0.5])
def test_finite_on_dead_faint_and_huge_maps(guidance: Guidance, value: float, covered: float) -> None:
    maps = torch.full((2, 4, 4), value, requires_grad=True)
    mask = torch.zeros(2, 4, 4)
    mask[:, 1, 1] = covered
    mask[1] = 1
    cost = guidance(maps, mask)
    assert cost.isfinite().all()
    cost.sum().backward()
    assert maps.grad.isfinite().all()
    if abs(value) < 1:  # logits of this size: no faint map may move the network more than a real one
        assert maps.grad.abs().max() <= 40


def test_the_gradient_is_the_slope(guidance: Guidance) -> None:
    maps, mask = (part.double() for part in make(count=1, side=3))
    maps.requires_grad_()
    guidance(maps, mask).sum().backward()
    for cell in range(9):
        step = torch.zeros(1, 9, dtype=torch.float64)
        step[0, cell] = 1e-6
        ahead, behind = (guidance(maps.detach() + sign * step.view(1, 3, 3), mask) for sign in (1, -1))
        torch.testing.assert_close((ahead - behind)[0] / 2e-6, maps.grad.view(-1)[cell], atol=1e-6, rtol=1e-5)


def test_evidence_inside_is_cheaper_than_outside(guidance: Guidance) -> None:
    if guidance.needs is None:
        pytest.skip("asks for nothing")
    mask = torch.zeros(1, 4, 4)
    mask[:, 1:3, 1:3] = 1
    costs = [guidance(share * mask + (1 - share) * (1 - mask), mask).item() for share in (1.0, 0.7, 0.5, 0.2, 0.0)]
    assert costs == sorted(costs)
    assert len(set(costs)) == 5
    assert costs[0] == 0


def test_a_step_down_the_gradient_moves_evidence_inside(guidance: Guidance) -> None:
    if guidance.needs is None:
        pytest.skip("asks for nothing")
    maps, mask = torch.full((1, 4, 4), 0.1, requires_grad=True), torch.zeros(1, 4, 4)
    mask[:, 1, 1] = 1
    guidance(maps, mask).sum().backward()
    assert (maps.grad[mask == 0] > 0).all()
    assert maps.grad[mask == 1] <= 0


def test_a_weight_that_pushes_evidence_out_is_refused(guidance_settings: dict[str, Any]) -> None:
    for weight in (-0.5, float("nan"), float("inf")):
        with pytest.raises(UserError, match=r"guidance\.weight is"):
            build({**guidance_settings, "weight": weight}, "guidance")


def test_shares_are_shares(guidance_settings: dict[str, Any]) -> None:
    if "annotated_fraction" not in guidance_settings:
        pytest.skip("uses no boxes")
    for fraction in (-0.1, 1.1, float("nan")):
        with pytest.raises(UserError, match=r"guidance\.annotated_fraction is"):
            build({**guidance_settings, "annotated_fraction": fraction}, "guidance")
