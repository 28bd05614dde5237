"""Guidance in the training step: what is added, logged and remembered; two processes against one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cxr_xai.data.evidence.grid import Evidence
from cxr_xai.explainers.exact_cam import exact_cam
from cxr_xai.guidance.energy import Energy, energy
from cxr_xai.losses.bce import BCE
from cxr_xai.models.classifier import build_classifier
from cxr_xai.training.guide import Guide
from cxr_xai.training.module import ChestXrayModule
from cxr_xai.types import Batch

PROJECT = Path(__file__).parents[2]


class Known:
    """Knows the left half for finding ``row % 14`` of every study whose row is in ``rows``."""

    def __init__(self, *rows: int) -> None:
        self.rows, self.asked = rows, []

    def __call__(self, batch: Batch, grid: tuple[int, int], epoch: int) -> Evidence:
        self.asked.append((grid, epoch))
        found = [n for n, row in enumerate(batch.index.tolist()) if row in self.rows]
        mask = torch.zeros(len(found), *grid)
        mask[:, :, : grid[1] // 2] = 1
        return Evidence(torch.tensor(found, dtype=torch.int64), batch.index[found] % 14, mask)


def make_module(source: Known | None, weight: float = 0.5) -> ChestXrayModule:
    torch.manual_seed(0)
    model = build_classifier("resnet10t", in_chans=1, dropout=0.0)
    guide = None if source is None else Guide(Energy(weight=weight), source)
    return ChestXrayModule(model, BCE(), lambda parameters: torch.optim.SGD(parameters, lr=0.1), guide=guide)


def make_batch(*rows: int) -> Batch:
    generator = torch.Generator().manual_seed(7)
    films, labels = torch.rand(40, 1, 64, 64, generator=generator), torch.rand(40, 14, generator=generator)
    target = (labels < 0.3).float().masked_fill(labels > 0.9, torch.nan)
    index = torch.tensor(rows)
    return Batch(index, films[index], target[index])


def step(module: ChestXrayModule, batch: Batch, forward: Any = None) -> tuple[Tensor, Tensor]:
    """Return the loss and its whole gradient, BatchNorm frozen."""
    module.eval()
    loss = (forward or module.training_step)(batch, 0)
    loss.backward()
    return loss.detach(), torch.cat([p.grad.flatten() for p in module.model.parameters() if p.grad is not None])


def test_the_weighted_mean_over_guided_pairs_is_added() -> None:
    batch, source = make_batch(1, 2, 3, 4), Known(2, 4, 30)
    loss, _ = step(make_module(source), batch)
    module = make_module(None).eval()
    plain = module.training_step(batch, 0)
    maps = exact_cam(module.model.features(batch.image), module.model.head.weight)
    half = torch.zeros(2, *maps.shape[2:])
    half[:, :, : maps.shape[3] // 2] = 1
    expected = plain + 0.5 * energy(maps[[1, 3], [2, 4]], half).mean()
    torch.testing.assert_close(loss, expected.detach())
    assert source.asked == [(tuple(maps.shape[2:]), 0)]


def test_one_backward_pass_reaches_head_and_trunk() -> None:
    module = make_module(Known(1), weight=1.0)
    batch = make_batch(1)
    batch.target[:] = torch.nan  # the labels teach nothing: what gradient there is comes from the term
    step(module, batch)
    assert module.model.head.weight.grad[1].abs().max() > 0
    assert module.model.head.weight.grad[2].abs().max() == 0
    assert next(module.model.trunk.parameters()).grad.abs().max() > 0


def test_without_known_evidence_the_gradient_is_that_of_the_labels() -> None:
    (loss, gradient), (plain, expected) = (
        step(make_module(Known()), make_batch(1, 2)),
        step(make_module(None), make_batch(1, 2)),
    )
    assert loss == plain
    torch.testing.assert_close(gradient, expected)


def test_the_term_is_computed_in_float32_under_autocast() -> None:
    seen = []

    class Noting(Energy):
        def __call__(self, maps: Tensor, mask: Tensor) -> Tensor:
            seen.append((maps.dtype, (maps @ maps.transpose(1, 2)).dtype))
            return super().__call__(maps, mask)

    module = make_module(Known(1))
    module.guide = Guide(Noting(), Known(1))
    with torch.autocast("cpu", torch.bfloat16):
        loss = module.eval().training_step(make_batch(1, 2), 0)
    assert seen == [(torch.float32, torch.float32)]
    torch.testing.assert_close(
        loss, make_module(Known(1), 1.0).eval().training_step(make_batch(1, 2), 0), rtol=0.02, atol=0.01
    )


class Alone:
    """A trainer of one process, in an epoch."""

    current_epoch, global_rank = 3, 0

    def __init__(self) -> None:
        self.strategy = self

    def reduce(self, value: Tensor, reduce_op: str) -> Tensor:
        return value


@pytest.mark.parametrize("cut", [False, True])
def test_the_epochs_mean_is_over_its_pairs_cut_or_not(monkeypatch: pytest.MonkeyPatch, cut: bool) -> None:
    monkeypatch.setattr(ChestXrayModule, "trainer", Alone())
    source = Known(1, 2, 5)
    module, logged = make_module(source), {}
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    monkeypatch.setattr(module, "log_dict", lambda values: logged.update(values))
    module._trainer = module.trainer
    module.eval()
    with torch.no_grad():
        for rows in ((1, 2), (3,), (5, 4)):
            if cut:
                checkpoint: dict[str, Any] = {}
                module.on_save_checkpoint(checkpoint)
                module._guidance_sums = torch.full((2,), torch.nan)
                module.on_load_checkpoint(checkpoint)
            module.training_step(make_batch(*rows), 0)
        module.on_train_epoch_end()
        terms = torch.cat([module._forward_guided(module.guide, make_batch(n))[1] for n in (1, 2, 5)])
    assert source.asked[0][1] == 3, "the epoch is handed on"
    assert logged["train/guided_pairs"] == 3
    torch.testing.assert_close(logged["train/guidance"], terms.mean())
    module._guidance_sums = torch.zeros(2)
    module.on_train_epoch_end()
    assert logged["train/guidance"].isnan(), "no pair, no mean"


def test_a_plain_module_saves_what_it_always_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChestXrayModule, "trainer", Alone())
    checkpoint: dict[str, Any] = {}
    make_module(None).on_save_checkpoint(checkpoint)
    assert checkpoint.keys() == {"loss_sums"}


class Step(nn.Module):
    """What a strategy wraps: calling it is a training step."""

    def __init__(self, module: ChestXrayModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: Batch, number: int) -> Tensor:
        return self.module.training_step(batch, number)


SHARES = (((0, 1, 2), (3, 4, 5)), ((6, 7, 8), (9, 10, 11)), ((12, 13, 14), (15, 16, 17)))
GUIDED = (0, 4, 5, 9)
"""Ranks with one and two guided pairs, with none and one, and both with none."""


def train(rank: int, folder: str, guided: bool) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    module = make_module(Known(*GUIDED) if guided else None)
    wrapped, found = DistributedDataParallel(Step(module)), []
    for shares in SHARES:
        module.zero_grad()
        found.append(step(module, make_batch(*shares[rank]), wrapped)[1])
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("guided", [True, False])
def test_two_processes_have_the_gradient_of_the_joined_batch(tmp_path: Path, guided: bool) -> None:
    """Unknown labels and guided pairs lie unevenly on the two; BatchNorm is frozen, as its statistics are of a rank."""
    commands = [[sys.executable, __file__, str(rank), str(tmp_path), str(int(guided))] for rank in range(2)]
    processes = [subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(PROJECT)}) for command in commands]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    module = make_module(Known(*GUIDED) if guided else None)
    for number, shares in enumerate(SHARES):
        module.zero_grad()
        _, expected = step(module, make_batch(*shares[0], *shares[1]))
        for rank in ranks:
            torch.testing.assert_close(rank[number], expected, rtol=1e-4, atol=1e-6)


if __name__ == "__main__":
    train(int(sys.argv[1]), sys.argv[2], bool(int(sys.argv[3])))
