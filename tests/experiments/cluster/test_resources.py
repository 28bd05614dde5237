"""A trainer that does not fit what is asked for is refused, with both numbers and a way out."""

from typing import Any

import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.cluster.resources import Resources, count_tasks, require_command, srun_options

TRAINER: dict[str, Any] = {"devices": 1, "num_nodes": 1, "accelerator": "auto", "strategy": "auto"}


@pytest.mark.parametrize(
    ("resources", "trainer", "message"),
    [
        ({}, {"devices": "auto"}, "trainer.devices=auto: on a cluster a number is needed"),
        ({}, {"devices": 0}, "trainer.devices=0"),
        ({"nodes": 2}, {}, "trainer.num_nodes=1 and hydra.launcher.nodes=2 must be equal"),
        ({"gpus_per_node": 4}, {"devices": 2}, "trainer.devices=2 and hydra.launcher.gpus_per_node=4 must be equal"),
        ({"gpus_per_node": 1}, {"accelerator": "cpu"}, "trainer.accelerator=cpu would not use them"),
        ({}, {"accelerator": "gpu"}, "add hydra.launcher.gpus_per_node=1"),
        ({}, {"devices": 2, "strategy": "ddp_spawn"}, "use trainer.strategy=ddp"),
    ],
)
def test_what_does_not_fit_is_refused(resources: dict[str, Any], trainer: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        count_tasks(Resources(2, 60, **resources), [{**TRAINER, **trainer}])


def test_what_fits_has_a_task_a_device() -> None:
    four = {**TRAINER, "devices": 4, "num_nodes": 2, "accelerator": "gpu", "strategy": "ddp"}
    assert count_tasks(Resources(2, 60, nodes=2, gpus_per_node=4), [four, four]) == 4
    other_words = Resources(2, 60, nodes=2, additional_parameters={"gres": "gpu:4"})
    assert count_tasks(other_words, [four]) == 4
    assert count_tasks(Resources(2, 60), [TRAINER]) == 1


def test_tasks_of_an_array_are_alike() -> None:
    with pytest.raises(UserError, match=r"trainer\.devices is 1 and 2; all tasks of an array are alike"):
        count_tasks(Resources(2, 60), [TRAINER, {**TRAINER, "devices": 2}])


def test_a_machine_without_slurm_is_told_so() -> None:
    with pytest.raises(UserError, match="no-such-sbatch was not found: this machine is no part of a Slurm cluster"):
        require_command("no-such-sbatch")


def test_srun_is_told_the_processors_again() -> None:
    assert srun_options(Resources(2, 60)) == ["--kill-on-bad-exit=1"]
    assert srun_options(Resources(2, 60, cpus_per_task=8))[-1] == "--cpus-per-task=8"
