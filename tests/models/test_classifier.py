"""Trunk, average pooling, one linear layer."""

import pytest
import torch
from torch import nn

from cxr_xai.errors import UserError
from cxr_xai.models.backbones import Backbone
from cxr_xai.models.classifier import Classifier, build_classifier


class Echo(nn.Module):
    """A trunk that hands its input on."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image


def echo(channels: int = 3) -> Backbone:
    return Backbone(Echo(), channels, channels, (0.5, 0.25, 0.0)[:channels], (0.5, 0.25, 1.0)[:channels])


def test_gray_is_repeated_and_normalized_per_channel() -> None:
    features = Classifier(echo()).features(torch.full((2, 1, 4, 4), 1.0))
    assert features.shape == (2, 3, 4, 4)
    assert features[0, :, 0, 0].tolist() == [1, 3, 1]


def test_logits_by_hand() -> None:
    model = Classifier(echo(1), dropout=0, findings=2)
    with torch.no_grad():
        model.head.weight.copy_(torch.tensor([[1.0], [-2.0]]))
        model.head.bias.copy_(torch.tensor([0.0, 10.0]))
        image = torch.tensor([[[[0.5, 1.0], [1.5, 2.0]]]])  # normalized 0, 1, 2, 3: mean 1.5
        assert model(image).tolist() == [[1.5, 7.0]]


def test_logits_keep_their_bits_under_autocast() -> None:
    model, image = build_classifier("resnet10t", in_chans=1).eval(), torch.rand(8, 1, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        features = model.features(image)
        logits = model(image)
    assert features.dtype == torch.bfloat16
    assert features.is_contiguous(memory_format=torch.channels_last)
    assert logits.dtype == torch.float32
    assert not torch.equal(logits, logits.bfloat16().float()), "more than bfloat16 could hold"
    assert torch.allclose(logits, model(image), atol=0.05)


def test_forward_is_classify_of_features() -> None:
    model, image = build_classifier("resnet10t").eval(), torch.rand(2, 1, 64, 64)
    assert torch.equal(model(image), model.classify(model.features(image)))


def test_dropout_only_in_training_and_only_on_pooled_features() -> None:
    model, image = Classifier(echo(), dropout=0.5), torch.rand(2, 1, 8, 8)
    assert torch.equal(model.features(image), model.features(image))
    torch.manual_seed(0)
    assert not torch.equal(model(image), model(image))
    model.eval()
    assert torch.equal(model(image), model(image))


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_an_impossible_dropout_is_refused(dropout: float) -> None:
    with pytest.raises(UserError, match=r"model\.dropout is"):
        Classifier(echo(), dropout=dropout)


def test_mean_and_std_move_with_the_model_but_are_not_in_checkpoints() -> None:
    model = Classifier(echo())
    assert set(model.state_dict()) == {"head.weight", "head.bias"}
    assert model.double().mean.dtype == torch.float64


def test_the_input_is_not_changed() -> None:
    image = torch.rand(2, 1, 64, 64)
    before = image.clone()
    build_classifier("resnet10t")(image)
    assert torch.equal(image, before)


def test_fourteen_logits_of_any_size_of_film() -> None:
    model = build_classifier("resnet10t", in_chans=1, options={"output_stride": 16}).eval()
    for size in (64, 96):
        assert model(torch.rand(1, 1, size, size)).shape == (1, 14)
        assert model.features(torch.rand(1, 1, size, size)).shape[-1] == size // 16


def test_the_bias_starts_at_the_log_odds_of_the_prevalence() -> None:
    model = Classifier(echo(), findings=4)
    weight = model.head.weight.clone()
    model.start_at(torch.tensor([0.5, 0.75, 0.0, 1.0]))
    expected = torch.tensor([0.0, 3.0**1, 1e-4 / (1 - 1e-4), (1 - 1e-4) / 1e-4]).log()
    expected[0] = 0.0
    torch.testing.assert_close(model.head.bias.detach(), expected, atol=1e-3, rtol=0)
    assert torch.equal(model.head.weight, weight)
    assert model.head.bias.requires_grad
