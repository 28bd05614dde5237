"""Kernel SHAP over regions: closed form, completeness, and shap's own values."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.shap_kernel import ShapKernel, masked_logits
from cxr_xai.explainers.superpixels import Superpixels
from cxr_xai.types import Background

FOUR = Superpixels("grid", 4)


def draw(count: int) -> Background:
    return Background(torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(1)), "")


def make_film(number: int = 2) -> Tensor:
    return torch.rand(number, 1, 8, 8, generator=torch.Generator().manual_seed(2))


class Linear(nn.Module):
    """``w · x``, of three findings."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 64, generator=torch.Generator().manual_seed(0)))

    def forward(self, image: Tensor) -> Tensor:
        return image.flatten(1) @ self.weight.T


class Bent(Linear):
    """A function of several regions at once, far from a sum."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.tanh(super().forward(image)) ** 2 + image.flatten(1).amax(dim=1, keepdim=True)


@pytest.mark.parametrize("masking", ["mean", "films"])
@pytest.mark.parametrize(("cells", "samples"), [(4, 14), (16, 64)])
def test_a_linear_model_has_its_closed_form(masking: str, cells: int, samples: int) -> None:
    model, image = Linear(), make_film()
    regions = Superpixels("grid", cells)
    out = ShapKernel(draw, 5, regions, masking, samples=samples).explain(model, image, [2, 0])
    pixels = (model.weight.detach().view(3, 8, 8)[[2, 0]] * (image - draw(5).image.mean(dim=0))).flatten(2)
    labels = regions(image).flatten(1)
    for film in range(2):
        for region in range(cells):
            inside = labels[film] == region
            expected = pixels[film][:, inside].sum(dim=1)
            found = out.attribution[film].flatten(1)[:, inside]
            torch.testing.assert_close(found.sum(dim=1), expected, atol=1e-5, rtol=1e-4)
            assert (found == found[:, :1]).all(), "spread evenly"


@pytest.mark.parametrize("masking", ["mean", "films"])
def test_equals_shap(masking: str) -> None:
    """Against shap's KernelExplainer over the same four regions, all coalitions, to 1e-5."""
    import shap

    model, film = Bent(), make_film(1)
    out = ShapKernel(draw, 5, FOUR, masking, samples=14).explain(model, film)
    films = draw(5).image.mean(dim=0, keepdim=True) if masking == "mean" else draw(5).image
    labels = FOUR(film)[0]

    def predict(left: np.ndarray) -> np.ndarray:
        return masked_logits(model, film[0], labels, torch.from_numpy(left > 0.5), films, 8).detach().numpy()

    theirs = shap.KernelExplainer(predict, np.zeros((1, 4))).shap_values(np.ones((1, 4)), nsamples=14, silent=True)[0]
    ours = torch.stack([out.attribution[0][:, labels == region].sum(dim=1) for region in range(4)])
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5)


@pytest.mark.parametrize("samples", [98, 200])
def test_sampled_values_add_up_too(samples: int) -> None:
    image = torch.rand(2, 1, 32, 32)
    model = nn.Sequential(nn.Conv2d(1, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 2), nn.Tanh())
    out = ShapKernel(draw, 3, samples=samples).explain(model, image)
    assert out.residual is not None
    assert out.residual.abs().max() < 1e-5
    assert out.attribution.abs().max() > 0


def test_regions_may_differ_from_film_to_film_and_miss_labels() -> None:
    def regions(image: Tensor) -> Tensor:
        labels = torch.zeros(len(image), 8, 8, dtype=torch.int64)
        labels[0, :, 4:] = 7
        labels[0, 0, 0] = -1
        return labels

    out = ShapKernel(draw, 2, regions, samples=6).explain(Linear(), make_film())
    assert [len(out.attribution[film, 0].unique()) for film in (0, 1)] == [3, 1]
    assert out.residual is not None
    assert out.residual.abs().max() < 1e-5


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(UserError, match=r"samples is 20 for 16 regions; it must be 32 or more, and is better 96"):
        ShapKernel(draw, 2, Superpixels("grid", 16), samples=20).explain(Linear(), make_film())
    with pytest.raises(UserError, match="masking is 'black'"):
        ShapKernel(draw, masking="black")
    with pytest.raises(UserError, match="batch_size is 0"):
        ShapKernel(draw, batch_size=0)
