"""The script as a person meets it: quick to answer, clear when wrong."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose as compose_settings

PROJECT = Path(__file__).parents[2]
Compose = Callable[..., tuple[dict[str, Any], dict[str, str]]]
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
    from cxr_xai.experiments.run import run_training

    settings = compose_settings("train", ["datamodule=nih", f"datamodule.root={tmp_path / 'nowhere'}"])
    with pytest.raises(UserError, match=r"datamodule\.root must name the folder"):
        run_training(*settings)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("split.val_fraction=2", "split.val_fraction is 2"),
        ("datamodule.image_size=big", "datamodule.image_size='big': expected a valid integer"),
        ("datamodule.reader.prevalence=lots", "datamodule.reader.prevalence='lots': expected 'nih' or 'enriched'"),
        ("model.backbone=resnet5O", "model.backbone=resnet5O is not a timm model"),
        ("model.weights=imagenet", "model.weights=imagenet"),
        ("trainer.precision=17", "trainer.precision"),
        ("trainer.accelerator=abacus", "trainer: Trainer refused its settings"),
        ("optimizer.lr=-1", "optimizer"),
        ("loss=focal loss.gamma=0.5", "loss.gamma is 0.5"),
    ],
)
def test_a_wrong_value_is_refused_by_name(override: str, message: str, compose: Compose, tmp_path: Path) -> None:
    from cxr_xai.experiments.run import run_training

    with pytest.raises(UserError, match=re.escape(message)) as caught:
        run_training(*compose(*override.split(), f"paths.outputs={tmp_path}"))
    assert len(str(caught.value).splitlines()) <= 2
    assert not list(tmp_path.rglob("summary.json"))
