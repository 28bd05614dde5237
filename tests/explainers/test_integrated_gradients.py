"""Exact on linear and quadratic models, equal to captum, complete, and what it refuses."""

from typing import Any

import pytest
import torch
from captum.attr import IntegratedGradients as Reference
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.baselines import fill_films
from cxr_xai.explainers.integrated_gradients import IntegratedGradients
from cxr_xai.heatmap import make_heatmap
from cxr_xai.models.classifier import build_classifier
from cxr_xai.types import Background


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(0)))

    def forward(self, image: Tensor) -> Tensor:
        return torch.einsum("nhw,khw->nk", image[:, 0], self.weight) + 5


class Square(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image.square().sum(dim=(2, 3))


def films(count: int = 2) -> Tensor:
    return torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(1))


def draw(count: int) -> Background:
    return Background(torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(2)), "hash")


@pytest.mark.parametrize("baseline", ["black", "mean", "blur"])
def test_exact_on_a_linear_model_with_one_step(baseline: Any) -> None:
    model, image = Linear(), films()
    out = IntegratedGradients(steps=1, baseline=baseline).explain(model, image, [2, 0])
    wanted = (image - fill_films(image, baseline)) * model.weight.detach()[[2, 0]]
    torch.testing.assert_close(out.attribution, wanted, atol=1e-5, rtol=1e-5)
    assert out.residual is not None
    assert out.residual.abs().max() < 1e-3, "sums of 4096 terms in float32"
    torch.testing.assert_close(out.logits, model(image).detach())


def test_background_is_the_mean_over_its_films() -> None:
    model, image = Linear(), films()
    out = IntegratedGradients(steps=1, baseline="background", films=3, background=draw).explain(model, image)
    wanted = (image - draw(3).image.mean(dim=0)) * model.weight.detach()
    torch.testing.assert_close(out.attribution, wanted, atol=1e-5, rtol=1e-5)


def test_one_node_is_exact_for_squares_from_black() -> None:
    """x² from 0: the gradient is linear in alpha, for which one Gauss–Legendre node is exact."""
    out = IntegratedGradients(steps=1, baseline="black").explain(Square(), films())
    torch.testing.assert_close(out.attribution, films().square())


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    model = build_classifier("resnet10t", options={"channels": [8, 16, 24, 32], "stem_width": 8})
    with torch.no_grad():
        model(films(4))
    return model.eval()


def test_equals_captum(model: nn.Module) -> None:
    """To 1e-4 of the largest value, same nodes, same baseline; so does the residual, to 1e-5."""
    out = IntegratedGradients(steps=6, baseline="mean").explain(model, films(), [4])
    theirs, delta = Reference(model).attribute(
        films(), fill_films(films(), "mean"), target=4, n_steps=6, return_convergence_delta=True
    )
    assert (out.attribution - theirs).abs().max() <= 1e-4 * theirs.abs().max()
    assert out.residual is not None
    torch.testing.assert_close(out.residual[:, 0], delta.float(), atol=1e-5, rtol=0)


def test_more_steps_are_more_complete(model: nn.Module) -> None:
    few, many = (IntegratedGradients(steps=steps).explain(model, films(), [0, 1]).residual for steps in (1, 48))
    assert few is not None
    assert many is not None
    assert many.abs().mean() < few.abs().mean() / 2


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_the_size_of_passes_changes_nothing(model: nn.Module, batch_size: int) -> None:
    one = IntegratedGradients(steps=4).explain(model, films(3), [0, 3])
    other = IntegratedGradients(steps=4, batch_size=batch_size).explain(model, films(3), [0, 3])
    torch.testing.assert_close(other.attribution, one.attribution, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(other.residual, one.residual, atol=1e-5, rtol=0)


def test_a_film_of_nan_is_dead_and_harms_no_other() -> None:
    image = films()
    image[1, 0, 3, 3] = torch.nan
    out = IntegratedGradients(steps=2).explain(Linear(), image)
    assert make_heatmap(out.attribution[1]).isnan().all()
    assert make_heatmap(out.attribution[0]).isfinite().all()
    assert out.residual is not None
    assert out.residual.isnan().any(dim=1).tolist() == [False, True]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"baseline": "white"}, "baseline=white: there are black, mean, blur, background"),
        ({"steps": 0}, "steps=0"),
        ({"baseline": "background"}, "no training films"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        IntegratedGradients(**settings)


def test_a_background_of_another_size_is_resized_and_drawn_once() -> None:
    asked = []

    def gray(count: int) -> Background:
        asked.append(count)
        return Background(torch.full((count, 1, 64, 64), 0.25), "hash")

    explainer = IntegratedGradients(baseline="background", films=2, background=gray)
    image = torch.rand(1, 1, 72, 80)
    for _ in range(2):
        torch.testing.assert_close(explainer.explain(Square(), image).attribution, image**2 - 0.25**2)
    assert asked == [2]


def test_it_says_with_how_many_films_it_compares() -> None:
    assert IntegratedGradients(baseline="background", films=3, background=draw).background_size == 3
    assert IntegratedGradients(background=draw).background_size is None
