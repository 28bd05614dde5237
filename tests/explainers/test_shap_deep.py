"""Deep SHAP adds up on our backbones, and says so where a network does not let it."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.shap_deep import TOLERANCE, ShapDeep
from cxr_xai.models.classifier import build_classifier
from cxr_xai.types import Background


def draw(count: int) -> Background:
    return Background(torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(1)), "")


@pytest.mark.parametrize(
    "backbone",
    [
        "resnet10t",
        pytest.param("resnet50", marks=pytest.mark.slow),
        pytest.param("resnet101", marks=pytest.mark.slow),
        pytest.param("densenet121", marks=pytest.mark.slow),
    ],
)
def test_maps_add_up_on_our_backbones(backbone: str) -> None:
    torch.manual_seed(0)
    model = build_classifier(backbone)
    with torch.no_grad():
        for _ in range(2):
            model(torch.rand(4, 1, 64, 64))
    explainer = ShapDeep(draw, background_size=3, batch_size=2, require_exact=True)
    assert explainer.exact is None
    out = explainer.explain(model, torch.rand(2, 1, 64, 64), [0, 13])
    assert out.attribution.shape == (2, 2, 64, 64)
    assert out.residual is not None
    assert out.residual.abs().max() < 1e-4
    with torch.no_grad():
        change = (out.logits - model.eval()(draw(3).image).mean(dim=0))[:, [0, 13]]
    torch.testing.assert_close(out.attribution.sum(dim=(2, 3)), change, atol=1e-4, rtol=0)
    assert change.abs().min() > 1e-4, "there was something to explain"
    assert explainer.exact is True


class Gated(nn.Module):
    """A product of two inner values, which no rule of this kind divides fairly."""

    def forward(self, image: Tensor) -> Tensor:
        pooled = image.mean(dim=(2, 3))
        return pooled * torch.sigmoid(3 * pooled)


def test_a_gate_is_not_called_exact() -> None:
    image = torch.ones(1, 1, 64, 64)
    explainer = ShapDeep(draw, background_size=2)
    out = explainer.explain(Gated(), image)
    assert out.residual is not None
    assert explainer.exact is False
    assert explainer.largest_residual == out.residual.abs().max() > TOLERANCE
    explainer._judge(torch.zeros(1, 1))
    assert explainer.exact is False, "once is enough"
    with pytest.raises(UserError, match=r"miss the logits by up to 0\.\d+ \(allowed 0\.001\)"):
        ShapDeep(draw, background_size=2, require_exact=True).explain(Gated(), image)


def test_undefined_logits_are_not_exact() -> None:
    explainer = ShapDeep(draw, background_size=2)
    explainer.explain(Gated(), torch.full((1, 1, 64, 64), torch.nan))
    assert explainer.exact is False
    explainer._judge(torch.ones(1, 1))
    assert explainer.largest_residual != explainer.largest_residual, "NaN is not forgotten"


class Affine(nn.Module):
    """``w · x + 5``."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64 * 64, 2)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(image.flatten(1))


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_a_linear_model_has_its_closed_form(batch_size: int) -> None:
    model, image = Affine(), torch.rand(2, 1, 64, 64)
    out = ShapDeep(draw, background_size=5, batch_size=batch_size).explain(model, image)
    expected = model.head.weight.view(2, 64, 64) * (image - draw(5).image.mean(dim=0))
    torch.testing.assert_close(out.attribution, expected.detach(), atol=1e-6, rtol=1e-5)


def test_a_batch_size_of_none_is_refused() -> None:
    wrong: dict[str, Any] = {"batch_size": 0}
    with pytest.raises(UserError, match="batch_size is 0"):
        ShapDeep(draw, **wrong)
