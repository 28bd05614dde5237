"""Layers that join later: the same run cut or not, the same weights on every process, and those of one process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback
from torch import Tensor

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.assemble import Parts, assemble, build_datamodule
from cxr_xai.experiments.run import fit

Compose = Callable[..., tuple[dict[str, Any], dict[str, str]]]
Run = Callable[..., Parts]
Same = Callable[[RunFolder, RunFolder], None]

GRADUAL = ("finetune=gradual", "finetune.layer_decay=0.5", "trainer.max_epochs=3")
TOGETHER = (
    *GRADUAL,
    "trainer.max_epochs=2",
    "datamodule.batch_size=8",
    "compile=true",
    "callbacks=ema",
    "guidance=regions",
)
COMPILERS = ["passing on", pytest.param("inductor", marks=pytest.mark.slow)]
GROUPS = ("head", "layer4", "layer3", "layer2", "layer1", "stem")
TRAIN = """
import sys
from pathlib import Path
import torch
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.assemble import assemble, build_datamodule
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.run import fit

if __name__ == "__main__":
    out, *overrides = sys.argv[1:]
    settings, choices = compose("train", overrides)
    parts = assemble(settings, choices, RunFolder(Path(out)), build_datamodule(settings), "cell")
    fit(parts, settings["seed"])
    rank = parts.trainer.global_rank
    torch.save(parts.module.model.state_dict(), f"{out}-{rank}.pt")
"""


class Cut(Exception):
    """Stands in for whatever ends a process."""


class CutAt(Callback):
    """Ends the process before the batch that follows a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == self.step:
            raise Cut


@pytest.fixture
def run(compose: Compose, tmp_path: Path) -> Run:
    """``run("name", *overrides, at=…)`` trains in the folder of that name, from where it is; 15 steps an epoch."""

    def train(
        name: str, *overrides: str, at: int | None = None, prepare: Callable[[Parts], None] = lambda parts: None
    ) -> Parts:
        settings, choices = compose("datamodule.batch_size=4", "callbacks.checkpoint.every_n_steps=2", *overrides)
        parts = assemble(settings, choices, RunFolder(tmp_path / name), build_datamodule(settings), "cell")
        prepare(parts)
        if at is not None:
            parts.trainer.callbacks.insert(0, CutAt(at))  # type: ignore[attr-defined]
        fit(parts, settings["seed"])
        return parts

    return train


def weights_of(parts: Parts) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in parts.module.model.state_dict().items()}


def moved_groups(parts: Parts, before: dict[str, Tensor], after: dict[str, Tensor]) -> list[str]:
    groups: Any = parts.module.model.layer_groups()  # type: ignore[operator]
    return [
        group
        for group, names in groups.items()
        if not all(torch.equal(after[name], before[name]) for name in names if name in after)
    ]


def test_a_cut_after_an_unfreezing_changes_nothing(run: Run, require_same: Same) -> None:
    """In mid-epoch with two groups, and between the epochs of two and of three."""
    whole = run("whole", *GRADUAL)
    for step in (20, 30, 33):
        with pytest.raises(Cut):
            run("cut", *GRADUAL, at=step)
    cut = run("cut", *GRADUAL)
    require_same(whole.folder, cut.folder)
    metrics = cut.folder.read_metrics()
    assert metrics["value"][metrics["key"] == "train/groups"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("compilations", COMPILERS, indirect=True)
def test_compiled_guided_and_averaged_it_goes_on_alike(run: Run, require_same: Same, compilations: list[int]) -> None:
    """As a compiled run that was never cut, to the bit. Each epoch has two sizes of batch."""
    with torch._dynamo.config.patch(recompile_limit=2, fail_on_recompile_limit_hit=True):
        whole = run("whole", *TOGETHER)
        assert len(compilations) == 4
        with pytest.raises(Cut):
            run("cut", *TOGETHER, at=11)
        torch.compiler.reset()  # as in another process
        cut = run("cut", *TOGETHER)
    require_same(whole.folder, cut.folder)
    metrics = cut.folder.read_metrics().set_index("key")["value"]
    assert metrics["train/groups"].tolist() == [1, 2]
    assert (metrics["train/guided_pairs"] > 0).all()


def test_groups_train_when_the_schedule_says_so(run: Run) -> None:
    before: dict[str, Tensor] = {}
    for epochs in (1, 2):
        parts = run(
            "one",
            *(*GRADUAL, f"trainer.max_epochs={epochs}", "callbacks.explain=null"),
            prepare=lambda parts: before.update(before or weights_of(parts)),
        )
        assert moved_groups(parts, before, weights_of(parts)) == list(GROUPS[:epochs])


def test_full_is_as_if_there_were_no_schedule(run: Run, require_same: Same) -> None:
    def without(parts: Parts) -> None:
        parts.module.finetune = None

    with_it = run("with", "trainer.max_epochs=1")
    require_same(with_it.folder, run("without", "trainer.max_epochs=1", prepare=without).folder)


COMPILED = pytest.param(["compile=true", "guidance=regions"], marks=pytest.mark.slow)


@pytest.mark.parametrize("chosen", [[], COMPILED], ids=["plain", "compiled"])
def test_two_processes_hold_the_weights_of_one_on_the_joined_batch(
    run: Run, small_overrides: list[str], launch: Callable[..., str], tmp_path: Path, chosen: list[str]
) -> None:
    """Groups that were frozen when DDP was made are averaged like all others once they train; one runs as written."""
    shared = [*GRADUAL, "finetune.batchnorm=fixed", "model.dropout=0", "transform=none", "callbacks.explain=null"]
    shared += ["optimizer._target_=torch.optim.SGD", "optimizer.lr=0.05", "+trainer.limit_train_batches=3"]
    before: dict[str, Tensor] = {}
    shared += chosen
    eager = ["compile=false", "datamodule.batch_size=12"]
    parts = run("one", *shared, *eager, prepare=lambda parts: before.update(weights_of(parts)))
    one = weights_of(parts)
    (tmp_path / "train.py").write_text(TRAIN)
    ddp = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "trainer.max_epochs=3"]
    arguments = [str(tmp_path / "two"), *small_overrides, *shared, *ddp, "datamodule.batch_size=6"]
    launch([str(tmp_path / "train.py"), *arguments], tmp_path, timeout=600)
    ranks = [torch.load(tmp_path / f"two-{rank}.pt", weights_only=True) for rank in (0, 1)]
    for name, value in one.items():
        assert torch.equal(ranks[0][name], ranks[1][name]), name
        torch.testing.assert_close(ranks[0][name], value, rtol=1e-4, atol=1e-6, msg=name)
    assert moved_groups(parts, before, one) == list(GROUPS[:3])
