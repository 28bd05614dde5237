"""Where randomness comes from, and what is refused before there is a trainer."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cxr_xai.errors import UserError
from cxr_xai.experiments.assemble import (
    STREAMS,
    embed_with_backbone,
    require_optimizer,
    seed_stream,
)
from cxr_xai.experiments.build import build
from cxr_xai.experiments.command import compose
from cxr_xai.losses.bce import BCE
from cxr_xai.training.features import embed_films
from cxr_xai.training.module import ChestXrayModule
from cxr_xai.training.schedulers.cosine import Cosine


def test_untrained_backbones_give_no_embedding() -> None:
    settings = {"model": {"weights": "none"}}
    with pytest.raises(UserError, match=r"embedding=backbone needs a trained backbone.*or balancing\.embedding=pca"):
        embed_with_backbone(settings, np.zeros((2, 64, 64), np.uint8), 2)


def test_a_trained_backbone_embeds_films(tmp_path: Path) -> None:
    settings, _ = compose("train", ["model.weights=none"])
    model = build(settings["model"], "model")
    torch.save(model.trunk.state_dict(), tmp_path / "trunk.pt")
    settings["model"]["weights"] = str(tmp_path / "trunk.pt")
    films = np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8)
    made = embed_with_backbone(settings, films, 3)
    np.testing.assert_allclose(made, embed_films(model, films, 3), rtol=1e-4, atol=1e-5)


def test_streams_are_repeatable_and_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "0")  # set by Lightning; put back afterwards
    monkeypatch.setenv("PL_SEED_WORKERS", "0")
    drawn = {}
    with torch.random.fork_rng():
        for seed in range(3):
            for stream in STREAMS:
                for _ in range(2):
                    seed_stream(seed, stream)
                    drawn.setdefault((seed, stream), set()).add(torch.rand(()).item())
    assert all(len(values) == 1 for values in drawn.values())
    assert len(set.union(*drawn.values())) == len(drawn)


def test_a_refused_optimizer_ends_in_a_line() -> None:
    def make(lr: float) -> ChestXrayModule:
        return ChestXrayModule(nn.Linear(2, 2), BCE(), lambda parameters: torch.optim.SGD(parameters, lr=lr))

    require_optimizer(make(0.1))
    with pytest.raises(UserError, match=r"optimizer or scheduler: Invalid learning rate: -1.*conf/optimizer"):
        require_optimizer(make(-1))


def test_a_schedule_over_steps_is_tried_before_there_is_a_trainer() -> None:
    def make(**options: float) -> ChestXrayModule:
        module = nn.Linear(2, 2)
        return ChestXrayModule(module, BCE(), partial(torch.optim.SGD, lr=0.1), partial(Cosine, epochs=3, **options))

    require_optimizer(make(warmup=0.2))
    with pytest.raises(UserError, match=r"^scheduler\.warmup=2; it is the share of steps that rise"):
        require_optimizer(make(warmup=2))
