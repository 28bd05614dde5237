"""The script for ``sbatch``: what it asks for, and what it does, run by bash with Slurm's programs pretended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.cluster.resources import Resources
from cxr_xai.experiments.cluster.script import RESTARTS, write_script
from cxr_xai.experiments.sweep.launch import Job
from cxr_xai.files import read_json

SRUN = """\
#!/bin/bash
for word in "$@"; do [[ $word == --output=* ]] && log=${word#--output=}; done
echo "error: no room in '$(printf "%s|" "${@: -3}")'" >> "$log"
exit $STATUS
"""
SQUEUE = '#!/bin/bash\necho "$STATE"\n'
SCONTROL = '#!/bin/bash\necho "$@" >> "$(dirname "$0")/requeued"\n'


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job("fold 0", ["split=kfold", "model.weights='a b'"], RunFolder(tmp_path / "it's here" / "cell"), 2)


def test_it_asks_for_what_was_chosen(job: Job, tmp_path: Path) -> None:
    resources = Resources(2, 90, gpus_per_node=4, partition="gpu", additional_parameters={"mail-type": "END"})
    text = write_script([job, job, job], resources, 4, ["python", "scripts/train.py"], tmp_path, "cxr-nih")
    head = {line.removeprefix("#SBATCH --") for line in text.splitlines() if line.startswith("#SBATCH")}
    assert head == {
        *("job-name=cxr-nih", "array=0-2%2", "nodes=1", "ntasks-per-node=4", "time=90", "signal=USR1@120", "requeue"),
        *("open-mode=append", f"output={tmp_path}/%A_%a.log", "gpus-per-node=4", "partition=gpu", "mail-type=END"),
    }


@pytest.mark.parametrize(
    ("status", "state", "restarts", "requeued", "reason"),
    [
        (0, "RUNNING", 0, False, None),
        (138, "RUNNING", RESTARTS - 1, True, None),
        (138, "RUNNING", RESTARTS, False, "queued again as often as may be"),
        (140, "RUNNING", 0, True, None),
        (143, "COMPLETING", 0, False, None),
        (1, "RUNNING", 0, False, "no room in '"),
        (137, "RUNNING", 0, False, "killed by SIGKILL; was there enough memory?"),
    ],
)
def test_how_a_run_ends_decides_what_follows(
    job: Job, tmp_path: Path, status: int, state: str, restarts: int, requeued: bool, reason: str | None
) -> None:
    for name, text in (("srun", SRUN), ("squeue", SQUEUE), ("scontrol", SCONTROL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    script = tmp_path / "array.sbatch"
    setup = ['export CHOSEN="by setup"']
    script.write_text(
        write_script([job], Resources(1, 60, setup=setup), 1, [sys.executable, "train.py"], tmp_path, "cxr")
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "STATUS": str(status), "STATE": state}
    environment |= {"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_JOB_ID": "12", "SLURM_JOB_ID": "12"}
    environment |= {"SLURM_RESTART_COUNT": str(restarts), "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(["bash", str(script)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if requeued else status), done.stderr
    said = job.folder.output.read_text()
    assert said == "error: no room in 'train.py|split=kfold|model.weights='a b'|'\n", "one word stays one"
    asked = (tmp_path / "requeued").read_text() if (tmp_path / "requeued").exists() else ""
    assert asked == ("requeue 12_0\n" if requeued else "")
    assert job.folder.failure.is_file() == (reason is not None)
    if reason is not None:
        assert read_json(job.folder.failure)["reason"].startswith(reason)
        assert read_json(job.folder.failure)["exit_code"] == status
