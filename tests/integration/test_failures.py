"""A run that breaks says why, loses nothing that was written, and goes on once the reason is gone."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from cxr_xai.artifacts import checkpoint
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.finite import NotFinite
from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.failures import explain_failure
from cxr_xai.experiments.run import run_training

PROJECT = Path(__file__).parents[2]
Compose = Callable[..., tuple[dict[str, Any], dict[str, str]]]
OFTEN = ("datamodule.batch_size=4", "callbacks.checkpoint.every_n_steps=1", "trainer.max_epochs=1")


def folder_of(settings: dict[str, Any], choices: dict[str, str]) -> RunFolder:
    return RunFolder(Path(settings["paths"]["outputs"]) / settings["name"] / name_cell(settings, choices))


def test_a_loss_that_explodes_stops_and_leaves_finite_weights(compose: Compose, tmp_path: Path) -> None:
    settings, choices = compose(*OFTEN, "optimizer.lr=1e30", f"paths.outputs={tmp_path}")
    with pytest.raises(
        NotFinite, match=r"^(the loss is \S+ in the batch of \S+\.png|weights are not finite).*; try a s"
    ):
        run_training(settings, choices)
    folder = folder_of(settings, choices)
    for path in (folder.last, folder.previous, folder.best):
        state = torch.load(path, weights_only=True)["state_dict"] if path.is_file() else {}
        assert all(value.isfinite().all() for value in state.values())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 48 MiB: a run needs 30, three checkpoints of 8 among them."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting needs more rights than this user has; the test below fakes it")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def run_until_full(settings: dict[str, Any], choices: dict[str, str]) -> str:
    with pytest.raises((OSError, RuntimeError)) as raised:
        run_training(settings, choices)
    explained = explain_failure(raised.value, settings)
    assert explained is not None
    return explained


@pytest.mark.slow
def test_a_full_disk_loses_nothing(compose: Compose, small_disk: Path) -> None:
    settings, choices = compose(*OFTEN, f"paths.outputs={small_disk}")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(35 * 2**20))  # one checkpoint fits, and no second beside it
    said = run_until_full(settings, choices)
    assert said.startswith("no space left on the disk of ")
    folder = folder_of(settings, choices)
    assert not list(folder.checkpoints.glob(".*")), "nothing half stands in the way"
    kept = torch.load(folder.last, weights_only=True)["global_step"]
    assert kept == 1
    ballast.unlink()
    run_training(settings, choices)
    assert folder.read_summary()["epochs"] == 1


@pytest.mark.parametrize("what", ["checkpoint", "table"])
def test_a_refused_write_loses_nothing(
    compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, choices = compose(*OFTEN, f"paths.outputs={tmp_path}")
    folder, calls = folder_of(settings, choices), [0]

    def refuse(*_: Any, **__: Any) -> None:
        calls[0] += 1
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder.path))

    save = checkpoint.torch.save

    def save_some(*arguments: Any) -> None:
        calls[0] += 1
        refuse() if calls[0] > 3 else save(*arguments)

    with monkeypatch.context() as patch:
        if what == "checkpoint":
            patch.setattr(checkpoint.torch, "save", save_some)
        else:
            patch.setattr(RunFolder, "write_table", refuse)
        assert run_until_full(settings, choices).startswith(f"no space left on the disk of {folder.path}, ")
    assert not list(folder.checkpoints.glob(".*"))
    kept = torch.load(folder.last, weights_only=True)["global_step"]
    assert kept == (3 if what == "checkpoint" else 14)
    capsys.readouterr()
    run_training(settings, choices)
    assert f"continuing after {kept} steps" in capsys.readouterr().out
    assert folder.read_summary()["epochs"] == 1


POISON = """
from cxr_xai.experiments.command import command
from cxr_xai.experiments.run import run_training
from cxr_xai.training.module import ChestXrayModule
step = ChestXrayModule.training_step

def poisoned(self, batch, batch_idx):
    loss = step(self, batch, batch_idx)
    return loss * float("nan") if self.global_rank == 1 and self.global_step == 3 else loss

ChestXrayModule.training_step = poisoned
main = command("train")(run_training)
if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
def test_one_rank_stops_both_and_one_line_says_so(
    small_overrides: list[str], unlaunched: dict[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "poison.py"
    script.write_text(POISON)
    command = [sys.executable, str(script), *small_overrides]
    command += ["trainer=ddp", "trainer.accelerator=cpu", "datamodule.batch_size=4", "trainer.max_epochs=1"]
    command += ["callbacks.checkpoint.every_n_steps=1", f"paths.outputs={tmp_path / 'out'}"]
    done = subprocess.run(command, cwd=PROJECT, env=unlaunched, capture_output=True, text=True, timeout=400)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1, done.stderr[-3000:]
    assert len(errors) == 1, errors
    assert errors[0].startswith("error: the loss is nan on rank 1 in the batch of ")
    assert "(step 4, epoch 0)" in errors[0]
    assert "last.ckpt (step 3)" in errors[0]
    assert "Traceback" not in done.stderr
