"""Drops of a linear model in closed form, captum as reference, and what is refused."""

from typing import Any

import pytest
import torch
from captum.attr import Occlusion as Reference
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.baselines import fill_films
from cxr_xai.explainers.occlusion import Occlusion
from cxr_xai.heatmap import make_heatmap
from cxr_xai.models.classifier import build_classifier


class Linear(nn.Module):
    def __init__(self, height: int = 64, width: int = 64) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, height, width, generator=torch.Generator().manual_seed(0)))

    def forward(self, image: Tensor) -> Tensor:
        return torch.einsum("nhw,khw->nk", image[:, 0], self.weight)


def films(*size: int) -> Tensor:
    return torch.rand(2, 1, *(size or (64, 64)), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("fill", ["black", "mean", "blur"])
def test_a_linear_model_loses_what_stood_in_the_window(fill: Any) -> None:
    model, image = Linear(), films()
    out = Occlusion(window=8, stride=8, fill=fill).explain(model, image, [2, 0])
    lost = (image - fill_films(image, fill)) * model.weight.detach()[[2, 0]]
    wanted = lost.unflatten(3, (8, 8)).unflatten(2, (8, 8)).sum(dim=(3, 5))
    torch.testing.assert_close(out.attribution, wanted, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(out.logits, model(image).detach())


def test_one_bright_pixel_by_hand() -> None:
    """It lies in cell (0, 0), under one of 3 × 3 windows of 2 × 2 cells."""
    model = Linear(64, 64)
    torch.nn.init.ones_(model.weight)
    image = torch.zeros(1, 1, 64, 64)
    image[0, 0, 0, 0] = 1
    out = Occlusion(window=32, stride=16, fill="black").explain(model, image, [0])
    assert out.attribution[0, 0].tolist() == [[1, 0.5, 0, 0], [0.5, 0.25, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_equals_captum() -> None:
    """To 1e-5: the mean over the windows that cover a pixel is the same for all pixels of a cell."""
    torch.manual_seed(0)
    model = build_classifier("resnet10t", options={"channels": [8, 16, 24, 32], "stem_width": 8})
    with torch.no_grad():
        model(films())
    ours = Occlusion(fill="mean").explain(model.eval(), films(), [5]).attribution
    reference = Reference(model)
    with torch.no_grad():
        theirs = reference.attribute(
            films(), (1, 16, 16), (1, 8, 8), fill_films(films(), "mean"), target=5, perturbations_per_eval=16
        )
    pixels = ours.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    torch.testing.assert_close(pixels, theirs.float(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("size", "cells"), [((64, 64), (8, 8)), ((67, 100), (8, 12)), ((69, 76), (9, 10))])
def test_cells_tile_a_film_of_any_size(size: tuple[int, int], cells: tuple[int, int]) -> None:
    model = Linear(*size)
    out = Occlusion(window=8, fill="black").explain(model, films(*size))
    assert out.attribution.shape == (2, 3, *cells)
    torch.testing.assert_close(out.attribution.sum(dim=(2, 3)), out.logits, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("batch_size", [1, 3, 500])
def test_the_size_of_passes_changes_nothing(batch_size: int) -> None:
    one, other = (Occlusion(batch_size=size).explain(Linear(), films()).attribution for size in (32, batch_size))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_a_film_of_nan_is_dead_and_harms_no_other() -> None:
    image = films()
    image[1, 0, 3, 3] = torch.nan
    maps = make_heatmap(Occlusion().explain(Linear(), image).attribution)
    assert maps.isnan().flatten(1).all(1).tolist() == [False, True]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 20}, "must be a multiple of the stride"),
        ({"window": 4}, "must be a multiple of the stride"),
        ({"stride": 0}, "must be a multiple of the stride"),
        ({"fill": "noise"}, "fill=noise: there are black, mean, blur"),
        ({"batch_size": 0}, "batch_size=0"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Occlusion(**settings)


def test_a_window_larger_than_the_film_is_refused() -> None:
    with pytest.raises(UserError, match="window=128: the film has 64 × 200 px"):
        Occlusion(window=128, stride=64).explain(Linear(64, 200), films(64, 200))
