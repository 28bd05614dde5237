"""Who has started the processes of a training."""

import shutil

import pytest

from cxr_xai.experiments.cluster.environment import choose_environment


def test_tasks_of_a_step_are_processes_of_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "2")
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "2")
    found = choose_environment({"SLURM_JOB_ID": "1", "SLURM_STEP_NUM_TASKS": "2"})
    assert type(found).__name__ == "SLURMEnvironment"
    assert not found.auto_requeue, "the run itself knows when it has saved"


@pytest.mark.parametrize("environ", [{"SLURM_JOB_ID": "1"}, {"SLURM_JOB_ID": "1", "SLURM_STEP_NUM_TASKS": "1"}])
def test_in_an_allocation_lightning_starts_its_own(environ: dict[str, str]) -> None:
    assert type(choose_environment(environ)).__name__ == "LightningEnvironment"


def test_without_slurm_nothing_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert choose_environment({}) is None
