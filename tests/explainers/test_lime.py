"""Slopes of a linear model, scikit-learn's ridge as reference, the same draws for all, and what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from captum.attr._core.lime import get_exp_kernel_similarity_function
from sklearn.linear_model import Ridge
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.baselines import fill_films
from cxr_xai.explainers.lime import Lime, draw_presence, fit_ridge, locality
from cxr_xai.explainers.superpixels import Superpixels
from cxr_xai.heatmap import make_heatmap
from cxr_xai.models.classifier import build_classifier


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(0)))

    def forward(self, image: Tensor) -> Tensor:
        return torch.einsum("nhw,khw->nk", image[:, 0], self.weight)


def films() -> Tensor:
    return torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))


def test_a_linear_model_is_found_exactly() -> None:
    """Without a penalty to speak of, a segment's slope is what it adds to the logit."""
    model, image = Linear(), films()
    out = Lime(count=16, samples=64, penalty=1e-9).explain(model, image, [2, 0])
    adds = (image - fill_films(image, "blur")) * model.weight.detach()[[2, 0]]
    wanted = adds.unflatten(3, (4, 16)).unflatten(2, (4, 16)).sum(dim=(3, 5))
    torch.testing.assert_close(out.attribution, wanted, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(out.logits, model(image).detach())


def test_superpixels_paint_their_slopes_on_pixels() -> None:
    model, image = Linear(), films()
    out = Lime("slic", count=16, samples=64, penalty=1e-9).explain(model, image, [1])
    labels = Superpixels("slic", 16)(image)
    adds = ((image - fill_films(image, "blur")) * model.weight.detach()[1])[:, 0]
    for own, labeled, added in zip(out.attribution[:, 0], labels, adds, strict=True):
        for segment in range(int(labeled.max()) + 1):
            inside = labeled == segment
            torch.testing.assert_close(own[inside], added[inside].sum().expand(int(inside.sum())), atol=1e-3, rtol=1e-3)


def test_the_fit_equals_scikit_learn() -> None:
    shown = draw_presence(60, 9, seed=0)
    answer = torch.randn(60, 2, 3, generator=torch.Generator().manual_seed(0))
    weight = locality(shown, 0.25)
    ours = fit_ridge(shown, answer, weight, 1.0)
    theirs = Ridge(alpha=1.0).fit(shown.double().numpy(), answer.double().flatten(1).numpy(), weight.double().numpy())
    np.testing.assert_allclose(ours.flatten(1).T.numpy(), theirs.coef_, atol=1e-6)


def test_on_a_network_equals_one_fit_after_another() -> None:
    torch.manual_seed(0)
    model = build_classifier("resnet10t", options={"channels": [8, 16, 24, 32], "stem_width": 8}).eval()
    image, shown = films()[:1], draw_presence(24, 9, seed=3)
    mask = shown[:, Superpixels("grid", 9)(image)[0]][:, None]
    with torch.no_grad():
        logits = model(torch.where(mask, image, fill_films(image, "mean")))
    ridge = Ridge(alpha=1.0).fit(shown.numpy(), logits[:, 6].numpy(), locality(shown, 0.25).numpy())
    ours = Lime(count=9, samples=24, seed=3, fill="mean").explain(model, image, [6]).attribution
    np.testing.assert_allclose(ours.flatten().numpy(), ridge.coef_, atol=1e-5)


def test_locality_by_hand() -> None:
    shown = torch.tensor([[True] * 4, [True, False, False, False]])
    assert locality(shown, 0.5).tolist() == pytest.approx([1, np.exp(-1 / 2)])  # the cosine of one in four is 1/2


def test_locality_is_captums() -> None:
    shown = draw_presence(40, 16, seed=0)
    kernel = get_exp_kernel_similarity_function("cosine", 0.25)
    theirs = [float(kernel(torch.ones(16), row.float(), None)) for row in shown]
    assert locality(shown, 0.25).tolist() == pytest.approx(theirs, abs=1e-6)


def test_draws_are_those_of_the_seed_and_show_all_first() -> None:
    shown = draw_presence(200, 49, seed=0)
    assert shown[0].all()
    assert 0.45 < shown[1:].double().mean() < 0.55
    assert torch.equal(shown, draw_presence(200, 49, seed=0))
    assert not torch.equal(shown, draw_presence(200, 49, seed=1))


@pytest.mark.parametrize("segments", ["grid", "slic"])
def test_the_size_of_passes_changes_nothing(segments: Any) -> None:
    one, other = (
        Lime(segments, 16, samples=40, batch_size=size).explain(Linear(), films()).attribution for size in (32, 1)
    )
    torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("segments", ["grid", "slic"])
def test_a_film_of_nan_is_dead_and_harms_no_other(segments: Any) -> None:
    image = films()
    image[1] = torch.nan
    maps = make_heatmap(Lime(segments, 16, samples=40).explain(Linear(), image, [0]).attribution)
    assert maps.isnan().flatten(1).all(1).tolist() == [False, True]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 49}, "samples=49: too few for 49 segments; use 196 or more"),
        ({"fill": "noise"}, "fill=noise"),
        ({"width": 0.0}, "width=0"),
        ({"penalty": -1.0}, "penalty=-1"),
        ({"count": 50}, "use 49 or 64"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Lime(**settings)
