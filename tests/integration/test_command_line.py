"""The script as a person meets it: quick to answer, clear when wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
HEAVY = ("torch", "lightning", "timm", "pandas", "numpy", "wandb", "matplotlib", "sklearn")


def train(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/train.py", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("flag", [["--help"], ["--cfg", "job"]])
def test_questions_import_nothing_heavy(flag: list[str]) -> None:
    code = (
        "import runpy, sys; sys.argv = ['scripts/train.py', *sys.argv[1:]]\n"
        "try: runpy.run_path('scripts/train.py', run_name='__main__')\n"
        f"finally: print('HEAVY', sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *flag], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert "HEAVY []" in done.stderr
    assert "datamodule" in done.stdout


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("modle=resnet50", "no configuration key 'modle' in train.yaml. Did you mean 'model'?"),
        ("model=resnet5", "model=resnet5: no such member; model has densenet121, resnet10, resnet101, resnet50."),
        ("optimizer.lrr=1", "no configuration key 'optimizer.lrr' in train.yaml. Did you mean 'optimizer.lr'?"),
        ("datamodule=nih", "datamodule.root has no value; give it on the command line: datamodule.root=…"),
        ("loss=weighted_bce", "loss=weighted_bce needs a pos_weight, and balancing=none gives none"),
        ("balancing=pos_weight", "balancing=pos_weight computes a pos_weight that loss=bce would not use"),
        ("split.val_fraction=2", "split.val_fraction is 2"),
        ("datamodule.image_size=big", "datamodule.image_size='big': expected a valid integer"),
        (
            "trainer.acelerator=cpu",
            "no configuration key 'trainer.acelerator' in train.yaml. Did you mean 'trainer.accelerator'?",
        ),
    ],
)
def test_a_mistake_ends_in_a_line(override: str, message: str) -> None:
    done = train(override)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert message in lines[-1]
    assert lines[-1].startswith("error: ")
    assert len(lines) <= 2, done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    done = train("datamodule=nih", f"datamodule.root={tmp_path / 'nowhere'}")
    assert done.returncode == 1
    assert "datamodule.root must name the folder" in done.stderr
    assert "Traceback" not in done.stderr
