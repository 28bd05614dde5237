"""Sweeps on a real Slurm: preempted, killed, interrupted, over several tasks, and by a plain script."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.cluster.queue import read_tasks
from cxr_xai.experiments.cluster.tasks import read_submitted
from cxr_xai.experiments.sweep.record import read_sweep
from cxr_xai.experiments.sweep.states import CellState, read_status, read_statuses
from cxr_xai.files import read_json
from cxr_xai.lease import find_owner
from cxr_xai.loggers.wandb_records import read_id

pytestmark = pytest.mark.slurm

Wait = Callable[..., None]
EPOCHS = 12
LONG = (
    *("datamodule.batch_size=4", f"trainer.max_epochs={EPOCHS}", "callbacks.early_stopping=null"),
    *("callbacks.explain=null", "callbacks.checkpoint.every_n_steps=1"),
)
"""Some seconds of training, saved at every step."""

SLURM = ("hydra/launcher=slurm", "hydra.launcher.poll=0.5", "hydra.launcher.time=30", "hydra.launcher.mem=500M")
FOLDS = (*LONG, "sweep=cross_validation", "name=folds")


def folder_of(home: Path, fold: int) -> RunFolder:
    [cell] = [cell for cell in read_sweep(home)["cells"] if cell["fold"] == fold]
    return RunFolder(home / cell["folder"])


def steps_of(folder: RunFolder) -> int:
    """Steps that a run at work has taken; 0 where nobody works."""
    if find_owner(folder.lease) is None or not folder.progress.is_file():
        return 0
    return int(read_json(folder.progress)["step"])


def finish(process: "subprocess.Popen[str]", status: int) -> str:
    said, _ = process.communicate(timeout=1500)
    assert process.returncode == status, said
    return said


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def preempted(cluster, outputs: Path, small_overrides: list[str], wait_until: Wait) -> Path:
    """A sweep over five folds: left once, joined again; fold 0 is preempted, fold 1 is killed, and run again."""
    home = outputs / "folds"
    command = ["-m", *small_overrides, *FOLDS, *SLURM, "hydra.launcher.jobs=2", "hydra.launcher.cpus_per_task=2"]
    command += ["logger=wandb", f"paths.outputs={outputs}"]

    first = cluster.start(*command)
    wait_until(lambda: len(read_submitted(home)) == 5 or first.poll() is not None)
    first.send_signal(signal.SIGINT)
    said = finish(first, 130)
    tasks = read_submitted(home)
    [job] = {task.partition("_")[0] for task in tasks.values()}
    assert f"end:  scancel {job}" in said, "it tells how to end what goes on without it"
    assert "5 cells stay queued or running; the same command joins them." in said

    second = cluster.start(*command)
    folds = [folder_of(home, fold) for fold in (0, 1)]
    wait_until(lambda: steps_of(folds[0]) > 0 or second.poll() is not None)
    assert second.poll() is None, second.communicate()[0]
    task = tasks[folds[0].path.name]
    node = cluster.ask("squeue", "-h", "-j", task, "-o", "%N")
    cluster.ask("sbatch", "-p", "high", "-w", node, "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1")
    wait_until(lambda: steps_of(folds[1]) > 0)
    owner = find_owner(folds[1].lease)
    assert owner is not None
    os.kill(owner.pid, signal.SIGKILL)
    wait_until(lambda: cluster.ask("squeue", "-h", "-j", task, "-o", "%T") == "PENDING")
    assert read_status(folds[0]).state is CellState.CUT_OFF
    cluster.hurry(task)
    said = finish(second, 1)
    assert "5 of 5 cells are queued or running already" in said
    assert read_submitted(home) == tasks, "nothing was submitted twice"
    assert f"again  {folds[0].path.name}: task {task}" in said
    assert f"failed {folds[1].path.name}" in said
    assert "1 of 5 cells did not finish" in said
    assert read_json(folds[1].failure)["reason"].startswith("killed by SIGKILL")
    states = [status.state for status in read_statuses(read_sweep(home), home)]
    assert states == [CellState.FINISHED, CellState.FAILED, *[CellState.FINISHED] * 3]

    last = cluster.start(*command)
    said = finish(last, 0)
    assert re.findall(r"^\S+ done +(\S+)", said, re.MULTILINE) == [folds[1].path.name], "the others are left alone"
    return home


def test_a_preempted_fold_goes_on_in_its_folder(preempted: Path, cluster) -> None:
    folder = folder_of(preempted, 0)
    said = folder.output.read_text()
    assert said.count("--- task") == 2, "both starts are kept"
    first, again = said.split("--- task")[1:]
    assert "this job is preempted" in first
    steps = int(again.split("continuing after ")[1].split(" steps")[0].replace(",", ""))
    assert 0 < steps < read_json(folder.progress)["steps"]
    losses = folder.read_metrics().query("key == 'train/loss'")["epoch"]
    assert sorted(losses) == list(range(EPOCHS)), "no epoch twice, none lost"
    records = {path.name.rpartition("-")[2] for path in (folder.path / "wandb").glob("offline-run-*")}
    assert records == {read_id(folder.path)}, "one run in W&B"
    assert len(list(preempted.glob("phantom-*"))) == 5


def test_accounting_remembers_what_the_queue_forgets(preempted: Path, cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CONF", cluster.environment["SLURM_CONF"])
    tasks = read_submitted(preempted)
    known = read_tasks(tasks.values())
    if "slurmdbd" in Path(cluster.environment["SLURM_CONF"]).read_text():
        assert {task.state for task in known.values()} == {"COMPLETED"}
    assert not any(task.alive for task in known.values())


def test_a_plain_script_equals_it_cut_elsewhere(
    preempted: Path,
    cluster,
    outputs: Path,
    small_overrides: list[str],
    wait_until: Wait,
    require_same: Callable[[RunFolder, RunFolder], None],
) -> None:
    """Of two runs of a fold one was cut, by preemption or in the script; weights, rows and maps are equal."""
    script = ["-m", *small_overrides, *LONG, "split=kfold", "split.fold=0,1", "name=script", "hydra/launcher=sbatch"]
    script += ["hydra.launcher.time=30", "hydra.launcher.mem=500M", "hydra.launcher.cpus_per_task=2"]
    home = outputs / "script"
    said = finish(cluster.start(*script, f"paths.outputs={outputs}"), 0)
    [line] = [line.strip() for line in said.splitlines() if line.strip().startswith("sbatch ")]
    job = cluster.ask(*line.split()).split()[-1]
    cut, other = folder_of(home, 1), folder_of(home, 0)
    wait_until(lambda: steps_of(cut) > 0)
    cluster.ask("scancel", "--signal=USR1", f"{job}_1")  # what Slurm sends before the time is up
    wait_until(lambda: cluster.ask("squeue", "-h", "-j", f"{job}_1", "-o", "%T") == "PENDING")
    cluster.hurry(f"{job}_1")
    for folder in (cut, other):
        wait_until(lambda: read_status(folder).state is CellState.FINISHED)  # noqa: B023
    assert "stopped by SIGUSR1 (step " in cut.output.read_text()
    assert "continuing after " in cut.output.read_text()
    assert "continuing after " not in other.output.read_text()
    require_same(other, folder_of(preempted, 0))
    require_same(folder_of(preempted, 1), cut)


def test_a_cell_over_two_nodes_and_one_that_cannot_begin(
    cluster, outputs: Path, small_overrides: list[str], wait_until: Wait
) -> None:
    both = ["-m", *small_overrides, "seed=3,4", "callbacks.explain=null", *SLURM, f"paths.outputs={outputs}"]
    pair = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.num_nodes=2", "trainer.devices=1", "name=pair"]
    said = finish(cluster.start(*both, *pair), 1)
    assert "trainer.num_nodes=2 and hydra.launcher.nodes=1 must be equal" in said
    assert not (outputs / "pair").exists()

    where = ["hydra.launcher.nodes=2", "hydra.launcher.setup=['export MASTER_ADDR=127.0.0.1']"]
    said = finish(cluster.start(*both, *pair, *where, "hydra.launcher.wait=false"), 0)
    assert "2 cells stay queued or running" in said
    folders = [RunFolder(outputs / "pair" / cell["folder"]) for cell in read_sweep(outputs / "pair")["cells"]]
    for folder in folders:
        wait_until(lambda: read_status(folder).state is CellState.FINISHED)  # noqa: B023
        ranks = torch.load(folder.last, weights_only=True)["progress"]["random"]
        assert len(ranks) == 2, "both processes trained"
        assert folder.output.read_text().count("--- task") == 1

    broken = cluster.start(*both, "name=broken", "hydra.launcher.partition=nowhere")
    assert "error: Slurm refuses: " in finish(broken, 1)
