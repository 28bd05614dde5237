"""The rescale rule by hand, and against shap where shap is right."""

import copy

import pytest
import torch
from torch import Tensor, nn

from cxr_xai.explainers.rescale import ELEMENTWISE, Tape, rescaled
from cxr_xai.explainers.shap_deep import deep_shap


def contributions(model: nn.Module, film: Tensor, films: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of all findings, and what they should add up to."""
    tape = Tape()
    maps, logits, base = deep_shap(rescaled(model.eval(), tape), tape, film, films, None, 8)
    torch.testing.assert_close(logits, model(film)[0].detach())
    return maps, logits - base


class ReluOfSum(nn.Module):
    """``ReLU(a + b − 1)`` of the two pixels of a film."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)

    def forward(self, image: Tensor) -> Tensor:
        return self.act(image.sum(dim=(1, 2, 3))[:, None] - 1)


def test_by_hand() -> None:
    # From (0, 0) to (2, 1): the sum moves from -1 to 2, its ReLU from 0 to 2: every pixel counts 2/3 of its change.
    maps, change = contributions(ReluOfSum(), torch.tensor([[[[2.0, 1.0]]]]), torch.zeros(1, 1, 1, 2))
    torch.testing.assert_close(maps, torch.tensor([[[4 / 3, 2 / 3]]]))
    assert change.tolist() == [2]


class Largest(nn.Module):
    """Sum of the maxima of overlapping windows of three."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d((1, 3), stride=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.pool(image).sum(dim=(1, 2, 3))[:, None]


def test_overlapping_windows_add_up() -> None:
    # Both windows of the film have their maximum 5 at place 1, of the background 1 at place 2: 2 × (5 − 1) at place 1.
    maps, change = contributions(
        Largest(), torch.tensor([[[[0.0, 5.0, 0.0, 0.0]]]]), torch.tensor([[[[0.0, 0.0, 1.0, 0.0]]]])
    )
    assert maps.tolist() == [[[0, 8, 0, 0]]]
    assert change.tolist() == [8]


def test_a_maximum_that_falls_is_blamed_on_the_backgrounds_place() -> None:
    maps, change = contributions(Largest(), torch.zeros(1, 1, 1, 3), torch.tensor([[[[0.0, 0.0, 3.0]]]]))
    assert maps.tolist() == [[[0, 0, -3]]]
    assert change.tolist() == [-3]


class Block(nn.Module):
    """What hinders hooks: one activation used twice, in place, and a sum written into an activation's neighbor."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.stem, self.conv = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.act = nn.BatchNorm2d(4), activation
        self.pool, self.head = nn.MaxPool2d(3, stride=2, padding=1), nn.Linear(4, 3)

    def forward(self, image: Tensor) -> Tensor:
        shortcut = self.act(self.stem(image))
        inner = self.norm(self.conv(shortcut))
        inner += shortcut
        return self.head(self.pool(self.act(inner)).mean(dim=(2, 3)))


@pytest.mark.parametrize("kind", ELEMENTWISE, ids=lambda kind: kind.__name__)
def test_every_activation_adds_up(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    block = Block(kind()).requires_grad_(False)
    film, films = torch.randn(1, 1, 8, 8) * 3, torch.randn(3, 1, 8, 8) * 3
    maps, change = contributions(block, film, films)
    torch.testing.assert_close(maps.sum(dim=(1, 2)), change, atol=1e-4, rtol=0)


def test_the_network_stays_as_it_was_and_lends_its_weights() -> None:
    block = Block(nn.ReLU(inplace=True))
    block.conv.register_forward_hook(lambda *_: None)
    before = copy.deepcopy(dict(block.state_dict()))
    twin = rescaled(block, Tape())
    assert block.act.inplace
    assert isinstance(block.act, nn.ReLU)
    assert len(block.conv._forward_hooks) == 1
    assert not any(module._forward_hooks for module in twin.modules())
    assert twin.get_parameter("conv.weight") is block.conv.weight
    assert all(torch.equal(before[key], value) for key, value in block.state_dict().items())


def test_equals_shap_without_overlap_and_sums() -> None:
    """Against shap's DeepExplainer on a network that its hooks can follow, to 1e-5."""
    import shap

    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.Tanh()),
        *(nn.Flatten(), nn.Linear(16, 3)),
    )
    film, films = torch.rand(1, 1, 8, 8), torch.rand(5, 1, 8, 8)
    ours, change = contributions(model.requires_grad_(False), film, films)
    torch.testing.assert_close(ours.sum(dim=(1, 2)), change, atol=1e-5, rtol=0)
    # Its own check of additivity breaks on NumPy 2; the sums are checked here.
    theirs = shap.DeepExplainer(copy.deepcopy(model), films).shap_values(film, check_additivity=False)
    torch.testing.assert_close(ours, torch.from_numpy(theirs[0, 0]).float().permute(2, 0, 1), atol=1e-5, rtol=0)
