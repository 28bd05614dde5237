"""Owen values of halves of halves: closed form, completeness, and shap's own values."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.shap_partition import Rectangle, ShapPartition
from cxr_xai.types import Background


def draw(count: int) -> Background:
    return Background(torch.rand(count, 1, 4, 8, generator=torch.Generator().manual_seed(1)), "")


def make_film(number: int = 2) -> Tensor:
    return torch.rand(number, 1, 4, 8, generator=torch.Generator().manual_seed(2))


class Linear(nn.Module):
    """``w · x``, of two findings."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 32, generator=torch.Generator().manual_seed(0)))

    def forward(self, image: Tensor) -> Tensor:
        return image.flatten(1) @ self.weight.T


class Bent(Linear):
    """A function of several regions at once."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.tanh(super().forward(image)) ** 2 + image.flatten(1).amax(dim=1, keepdim=True)


def test_a_linear_model_has_its_closed_form() -> None:
    model, image = Linear(), make_film()
    out = ShapPartition(draw, 5, max_evals=5000).explain(model, image)
    expected = model.weight.view(2, 4, 8) * (image - draw(5).image.mean(dim=0))
    torch.testing.assert_close(out.attribution, expected.detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("max_evals", [4, 5, 11, 64, 5000])
def test_the_map_adds_up_at_any_budget(max_evals: int) -> None:
    asked = 0

    class Counted(Bent):
        def forward(self, image: Tensor) -> Tensor:
            nonlocal asked
            asked += len(image)
            return super().forward(image)

    out = ShapPartition(draw, 3, max_evals=max_evals).explain(Counted(), make_film(1))
    assert asked <= max_evals
    assert out.residual is not None
    assert out.residual.abs().max() < 1e-5


def test_two_halves_by_hand() -> None:
    """With one cut, a half's value is the mean of what it adds to nothing and to the other half."""
    model, film = Bent(), make_film(1)
    filling = draw(3).image.mean(dim=0)
    out = ShapPartition(draw, 3, max_evals=4).explain(model, film).attribution[0]
    left, right = film.clone(), film.clone()
    left[..., 4:], right[..., :4] = filling[..., 4:], filling[..., :4]
    with torch.no_grad():
        none, one, other, both = model(torch.cat([filling[None], left, right, film]))
    torch.testing.assert_close(out[:, 0, 0], ((one - none) + (both - other)) / 2 / 16)
    torch.testing.assert_close(out[:, 0, 7], ((other - none) + (both - one)) / 2 / 16)


def test_maps_do_not_depend_on_the_findings_asked_for() -> None:
    explainer, model, image = ShapPartition(draw, 3, max_evals=20), Bent(), make_film()
    assert torch.equal(
        explainer.explain(model, image, [1]).attribution, explainer.explain(model, image).attribution[:, 1:]
    )


@pytest.mark.slow
@pytest.mark.parametrize("max_evals", [18, 66, 258])
def test_equals_shap(max_evals: int) -> None:
    """Against shap's PartitionExplainer with its image masker, to 1e-5.

    Its tree is of the film upside down, which makes no difference where all sides are powers of two.
    """
    import shap

    model, image = Bent(), make_film()
    masker = shap.maskers.Image(draw(5).image.mean(dim=0)[0].numpy()[..., None])

    def predict(films: np.ndarray) -> np.ndarray:
        return model(torch.from_numpy(np.asarray(films, np.float32)).permute(0, 3, 1, 2)).detach().numpy()

    films = image.permute(0, 2, 3, 1).numpy()
    theirs = shap.PartitionExplainer(predict, masker)(films, max_evals=max_evals, batch_size=16, silent=True).values
    ours = ShapPartition(draw, 5, max_evals=max_evals, batch_size=16).explain(model, image).attribution
    np.testing.assert_allclose(ours.numpy(), theirs[..., 0, :].transpose(0, 3, 1, 2), atol=1e-5)


def test_halves_are_the_whole() -> None:
    whole = Rectangle(2, 7, 1, 4)
    one, other = whole.halves()
    assert (one, other) == (Rectangle(2, 4, 1, 4), Rectangle(4, 7, 1, 4))
    assert one.pixels + other.pixels == whole.pixels == 15


def test_budgets_below_one_cut_are_refused() -> None:
    with pytest.raises(UserError, match="max_evals is 3"):
        ShapPartition(draw, max_evals=3)
    with pytest.raises(UserError, match="batch_size is 1"):
        ShapPartition(draw, batch_size=1)
