"""What makes an optimizer step: several batches as one large one, and no gradient beyond a limit."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from lightning import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cxr_xai.data.datamodule import keep
from cxr_xai.experiments.build import build
from cxr_xai.experiments.check import check_choices
from cxr_xai.losses.bce import BCE
from cxr_xai.training.module import ChestXrayModule
from cxr_xai.types import Batch

Compose = Callable[..., tuple[dict[str, Any], dict[str, str]]]
TWO_HALVES = ("trainer.accumulate_grad_batches=2", "trainer.max_epochs=1")


class Net(nn.Module):
    """Without BatchNorm, whose statistics would be of each half."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(4, 14)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.layers(image))
        return logits


def make_batch(count: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(count, 1, 8, 8, generator=generator)
    return Batch(torch.arange(count), image, (torch.rand(count, 14, generator=generator) < 0.4).float())


def halve(batch: Batch) -> list[Batch]:
    return [Batch(batch.index[s], batch.image[s], batch.target[s]) for s in (slice(0, 4), slice(4, 8))]


@pytest.fixture
def move(compose: Compose) -> Callable[..., Tensor]:
    """``move(batches, *overrides)``: by how much an epoch of plain descent moves the weights of a fixed net."""

    def train(batches: list[Batch], *overrides: str) -> Tensor:
        settings, choices = compose(*overrides, "optimizer=sgd", "optimizer.momentum=0", "optimizer.nesterov=false")
        check_choices(settings, choices)
        optimizer = build({**settings["optimizer"], "lr": 1.0, "weight_decay": 0.0}, "optimizer")
        torch.manual_seed(0)
        module = ChestXrayModule(Net(), BCE(), optimizer)
        before = nn.utils.parameters_to_vector(module.parameters()).detach().clone()
        quiet = {"enable_checkpointing": False, "limit_val_batches": 0}
        trainer: Trainer = build(
            {**settings["trainer"], **quiet}, "trainer", {"logger": False, "callbacks": [], "default_root_dir": None}
        )
        loader = DataLoader(batches, batch_size=None, collate_fn=keep)  # type: ignore[arg-type]
        trainer.fit(module, loader, loader)
        assert trainer.global_step == -(-len(batches) // settings["trainer"]["accumulate_grad_batches"])
        moved: Tensor = nn.utils.parameters_to_vector(module.parameters()).detach() - before
        return moved

    return train


def test_two_half_batches_make_the_step_of_the_whole(move: Callable[..., Tensor]) -> None:
    batch = make_batch()
    whole = move([batch], "trainer.max_epochs=1")
    assert whole.norm() > 0.05
    torch.testing.assert_close(move(halve(batch), *TWO_HALVES), whole, atol=1e-6, rtol=1e-5)
    assert (move(halve(batch), "trainer.max_epochs=1") - whole).norm() > 0.05, "two steps are not one"


def test_halves_weigh_alike_however_many_labels_they_know(move: Callable[..., Tensor]) -> None:
    # A batch cannot know what the next one knows: labels of a half with few known ones weigh more than in one batch.
    batch = make_batch()
    batch.target[4:, 3:] = torch.nan
    halves = halve(batch)
    mean = (move(halves[:1], "trainer.max_epochs=1") + move(halves[1:], "trainer.max_epochs=1")) / 2
    accumulated = move(halves, *TWO_HALVES)
    torch.testing.assert_close(accumulated, mean, atol=1e-6, rtol=1e-5)
    assert (accumulated - move([batch], "trainer.max_epochs=1")).norm() > 0.01


def test_a_half_that_knows_nothing_takes_half_of_the_step(move: Callable[..., Tensor]) -> None:
    batch = make_batch()
    batch.target[4:] = torch.nan
    halves = halve(batch)
    torch.testing.assert_close(
        move(halves, *TWO_HALVES), move(halves[:1], "trainer.max_epochs=1") / 2, atol=1e-6, rtol=1e-5
    )


@pytest.mark.parametrize("overrides", [("trainer.max_epochs=1",), TWO_HALVES])
def test_a_step_is_as_long_as_the_limit_and_points_where_it_did(
    move: Callable[..., Tensor], overrides: tuple[str, ...]
) -> None:
    batch = make_batch()
    batches = halve(batch) if overrides == TWO_HALVES else [batch]
    free = move(batches, *overrides)
    limit = float(free.norm()) / 3
    clipped = move(batches, *overrides, f"trainer.gradient_clip_val={limit}")
    assert clipped.norm() == pytest.approx(limit, rel=1e-4)
    torch.testing.assert_close(clipped, free / 3, atol=1e-6, rtol=1e-4)
    loose = move(batches, *overrides, f"trainer.gradient_clip_val={limit * 4}")
    torch.testing.assert_close(loose, free)
