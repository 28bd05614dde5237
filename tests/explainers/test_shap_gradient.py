"""Expected gradients: exact for linear models, equal to shap's on shap's own draws."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.shap_gradient import ShapGradient, expected_gradients, spread_moments
from cxr_xai.types import Background


class Weighted(nn.Module):
    """Logits ``w · x + bias`` of three findings, the last of which looks at nothing."""

    def __init__(self, size: int = 6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, size * size, generator=torch.Generator().manual_seed(0)))
        with torch.no_grad():
            self.weight[2] = 0

    def forward(self, image: Tensor) -> Tensor:
        return image.flatten(1) @ self.weight.T + torch.tensor([1.0, 2.0, 3.0])


class Squared(nn.Module):
    """Logits that are the square of the mean, and its cube."""

    def forward(self, image: Tensor) -> Tensor:
        mean = image.mean(dim=(1, 2, 3))
        return torch.stack([mean**2, mean**3], dim=1)


def draw(count: int) -> Background:
    return Background(torch.rand(count, 1, 6, 6, generator=torch.Generator().manual_seed(1)), "")


def make_film(number: int = 2) -> Tensor:
    return torch.rand(number, 1, 6, 6, generator=torch.Generator().manual_seed(2))


def test_a_linear_model_has_its_closed_form() -> None:
    model, image = Weighted(), make_film()
    out = ShapGradient(draw, background_size=5, moments=2).explain(model, image, [1, 0])
    expected = model.weight.view(3, 6, 6)[[1, 0]] * (image - draw(5).image.mean(dim=0))
    torch.testing.assert_close(out.attribution, expected.detach(), atol=1e-6, rtol=1e-5)
    assert out.residual is not None
    assert out.residual.abs().max() < 1e-5


def test_what_is_not_looked_at_is_zero() -> None:
    assert ShapGradient(draw, background_size=2).explain(Weighted(), make_film(), [2]).attribution.abs().max() == 0


def test_evenly_spread_moments_leave_less_than_shaps_own() -> None:
    image = make_film(3)
    out = ShapGradient(draw, background_size=8, moments=8).explain(Squared(), image)
    theirs = _with_shap(Squared(), image, draw(8).image, 64, [0, 1]).sum(axis=(2, 3))
    reached = (out.logits - Squared()(draw(8).image).mean(dim=0)).numpy()
    assert out.residual is not None
    assert out.residual.abs().mean() < 0.1 * np.abs(theirs - reached).mean()


def _with_shap(model: nn.Module, image: Tensor, films: Tensor, samples: int, findings: Sequence[int]) -> np.ndarray:
    import shap

    values = shap.GradientExplainer(model, films).shap_values(image, nsamples=samples, rseed=3)
    return np.moveaxis(values[:, 0], -1, 1)[:, list(findings)]


def test_equals_shap_on_its_draws() -> None:
    """Against shap's GradientExplainer, to 1e-5 of the largest value, on the films and moments that it draws."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 3)).eval()
    image, films = make_film(1), draw(7).image
    random = np.random.RandomState(3)  # as shap seeds it
    draws = [(random.choice(7), random.uniform()) for _ in range(40)]
    which, moments = torch.tensor([d[0] for d in draws]), torch.tensor([d[1] for d in draws], dtype=torch.float32)
    ours = expected_gradients(model, image, films, which, moments, [2, 0], 16)
    theirs = _with_shap(model, image, films, 40, [2, 0])[0]
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5 * np.abs(theirs).max())


def test_chunks_change_nothing() -> None:
    model, image = Squared(), make_film()
    one, other = (
        ShapGradient(draw, background_size=5, moments=3, batch_size=size).explain(model, image) for size in (1, 64)
    )
    torch.testing.assert_close(one.attribution, other.attribution, atol=1e-7, rtol=1e-4)


def test_another_seed_is_another_sample() -> None:
    one, same, other = (
        ShapGradient(draw, background_size=2, moments=1, seed=seed).explain(Squared(), make_film()).attribution
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("films", "moments"), [(1, 1), (5, 3), (16, 4)])
def test_moments_divide_the_way_evenly(films: int, moments: int) -> None:
    found = spread_moments(films, moments, seed=4)
    assert (found.sort().values * films * moments).long().tolist() == list(range(films * moments))
    by_film = found.view(films, moments)
    assert ((by_film * moments).long() == torch.arange(moments)).all()


def test_numbers_below_one_are_refused() -> None:
    for wrong in ({"moments": 0}, {"batch_size": 0}, {"background_size": 0}):
        with pytest.raises(UserError, match=f"{next(iter(wrong))} is 0"):
            ShapGradient(draw, **wrong)
