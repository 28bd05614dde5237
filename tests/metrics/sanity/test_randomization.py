"""Taking from a network what it learned."""

import copy

import pytest
import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.edges import Edges
from cxr_xai.metrics.sanity.randomization import cascade, independent, randomize
from cxr_xai.metrics.sanity.similarity import compare_maps


class Net(nn.Module):
    """Two convolutions with BatchNorm, a free parameter, and a linear head over pooled features."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.gain = nn.Parameter(torch.rand(8, 1, 1) + 5)
        self.head = nn.Linear(8, 3)

    def features(self, image: Tensor) -> Tensor:
        return self.body(self.stem(image)) * self.gain

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features(image).mean((2, 3)))


def maps_of(model: nn.Module, image: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.einsum("nchw,kc->nkhw", model.features(image), model.head.weight)


@pytest.fixture
def trained() -> Net:
    """As training leaves it: statistics and affine parameters are no longer those of the start."""
    torch.manual_seed(0)
    model = Net()
    model(torch.rand(16, 1, 12, 12) * 3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)
    return model.eval()


def stages_of(model: Net) -> list[tuple[str, nn.Module]]:
    return [("head", model.head), ("body", model.body), ("stem", model.stem)]


def test_batchnorm_forgets(trained: Net) -> None:
    before = trained.body[1]
    assert before.running_mean.abs().max() > 0.01
    randomize(trained.body, seed=0)
    after = trained.body[1]
    assert (after.running_mean.tolist(), after.running_var.tolist()) == ([0.0] * 8, [1.0] * 8)
    assert (after.weight.tolist(), after.bias.tolist()) == ([1.0] * 8, [0.0] * 8)
    assert int(after.num_batches_tracked) == 0
    assert trained.stem[1].running_mean.abs().max() > 0.01  # the others are as they were


def test_every_parameter_is_drawn(trained: Net) -> None:
    before = copy.deepcopy(trained)
    state = torch.get_rng_state()
    randomize(trained, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    for (name, one), (_, other) in zip(before.named_parameters(), trained.named_parameters(), strict=True):
        assert not torch.equal(one, other), name
    assert 4 < trained.gain.mean() < 7  # no layer resets it: its own mean and spread
    again = copy.deepcopy(before)
    randomize(again, seed=1)
    assert all(torch.equal(*pair) for pair in zip(trained.parameters(), again.parameters(), strict=True))


def test_cascading_goes_down_and_independent_does_not(trained: Net) -> None:
    before = copy.deepcopy(trained.state_dict())
    downwards = [(name, copy.deepcopy(model)) for name, model in cascade(trained, stages_of(trained), seed=3)]
    alone = list(independent(trained, stages_of(trained), seed=3))
    assert [name for name, _ in downwards] == [name for name, _ in alone] == ["head", "body", "stem"]
    for number, ((name, one), (_, other)) in enumerate(zip(downwards, alone, strict=True)):
        for place, (part, module) in enumerate(stages_of(trained)):
            kept = [
                torch.equal(a, b)
                for a, b in zip(module.parameters(), one.get_submodule(part).parameters(), strict=True)
            ]
            assert any(kept) == (place > number), (name, part)
            kept = [
                torch.equal(a, b)
                for a, b in zip(module.parameters(), other.get_submodule(part).parameters(), strict=True)
            ]
            assert any(kept) == (place != number), (name, part)
        drawn = zip(one.get_submodule(name).parameters(), other.get_submodule(name).parameters(), strict=True)
        assert all(torch.equal(*pair) for pair in drawn)  # the same draw in both
    assert all(torch.equal(before[key], value) for key, value in trained.state_dict().items())


def test_maps_of_a_random_head_are_other_maps(trained: Net) -> None:
    image = torch.rand(6, 1, 12, 12)
    before = maps_of(trained, image).flatten(0, 1)
    same = compare_maps(before, before)
    assert same["spearman_abs"].min() > 0.999
    scores = [
        compare_maps(before, maps_of(model, image).flatten(0, 1))["spearman"].nanmean().item()
        for _, model in cascade(trained, stages_of(trained))
    ]
    assert max(abs(score) for score in scores) < 0.6


def test_a_map_that_ignores_the_network_survives(trained: Net) -> None:
    image, blind = torch.rand(4, 1, 12, 12), Edges()
    before = blind.explain(trained, image, [0])
    for _, model in cascade(trained, stages_of(trained)):
        after = blind.explain(model, image, [0])
        assert not torch.equal(before.logits, after.logits)  # another network was explained
        alike = compare_maps(before.attribution[:, 0], after.attribution[:, 0])
        assert alike["spearman_abs"].min() == pytest.approx(1)
        assert alike["top_overlap"].min() == 1


def test_stages_must_be_the_models_own(trained: Net) -> None:
    with pytest.raises(UserError, match="'head' is no part"):
        next(cascade(trained, [("head", nn.Linear(8, 3))]))
    with pytest.raises(UserError, match="no parameters"):
        next(independent(trained, [("relu", trained.stem[2])]))
