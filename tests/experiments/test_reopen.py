"""Which run a checkpoint belongs to, and what is wrong with one."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.reopen import find_run, load_model, open_run, read_settings, read_step
from cxr_xai.models.classifier import build_classifier

SETTINGS = {"model": {"_target_": "cxr_xai.models.classifier.build_classifier", "backbone": "resnet10t", "in_chans": 1}}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.checkpoints.mkdir(parents=True)
    folder.config.write_text("seed: 0\n")
    folder.best.write_bytes(b"torn")
    return folder


def test_a_folder_its_checkpoints_and_a_checkpoint_are_one_run(folder: RunFolder) -> None:
    assert {find_run(path).path for path in (folder.path, folder.checkpoints, folder.best)} == {folder.path}


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder; give a run folder"):
        find_run(tmp_path / "nothing")
    (tmp_path / "alone.ckpt").write_bytes(b"")
    with pytest.raises(UserError, match="lies in no run folder"):
        find_run(tmp_path / "alone.ckpt")


def test_a_torn_configuration(folder: RunFolder) -> None:
    assert read_settings(folder) == {"seed": 0}
    folder.config.write_text("a: [")
    with pytest.raises(UserError, match=r"config\.yaml cannot be read"):
        read_settings(folder)


def test_another_checkpoint_and_its_step(folder: RunFolder) -> None:
    model = build_classifier("resnet10t", in_chans=1)
    torch.nn.init.constant_(model.head.bias, 7)
    state = {f"model.{key}": value for key, value in model.state_dict().items()}
    torch.save({"state_dict": state, "global_step": 14}, folder.last)
    assert load_model(folder, SETTINGS, folder.last).head.bias.tolist() == [7] * 14
    assert read_step(folder.last) == 14
    with pytest.raises(UserError, match=r"best\.ckpt cannot be read"):
        read_step(folder.best)


def test_a_torn_absent_or_foreign_checkpoint(folder: RunFolder) -> None:
    with pytest.raises(UserError, match=r"best\.ckpt does not fit"):
        load_model(folder, SETTINGS)
    torch.save({"state_dict": {"model.head.bias": torch.zeros(3)}}, folder.best)
    with pytest.raises(UserError, match=r"best\.ckpt does not fit"):
        load_model(folder, SETTINGS)
    with pytest.raises(UserError, match="holds no last checkpoint"):
        load_model(folder, SETTINGS, folder.last)
    folder.best.unlink()
    with pytest.raises(UserError, match="holds no best checkpoint"):
        load_model(folder, SETTINGS)


@pytest.fixture
def complete(folder: RunFolder) -> RunFolder:
    """A run with two checkpoints, whose biases are the steps after which they were written."""
    folder.config.write_text(yaml.safe_dump(SETTINGS))
    folder.write_summary({"epochs": 2})
    for path, step in ((folder.best, 7), (folder.last, 14)):
        model = build_classifier("resnet10t", in_chans=1)
        torch.nn.init.constant_(model.head.bias, step)
        state = {f"model.{key}": value for key, value in model.state_dict().items()}
        torch.save({"state_dict": state, "global_step": step}, path)
    return folder


def test_a_run_opens_with_the_weights_that_were_named(complete: RunFolder) -> None:
    for place, step in ((complete.path, 7), (complete.checkpoints, 7), (complete.best, 7), (complete.last, 14)):
        run = open_run(place, "cpu")
        assert run.model.head.bias.tolist() == [step] * 14
        assert not run.model.training
        assert run.is_best == (step == 7)
        assert run.settings == SETTINGS
    assert open_run(complete.path, "cpu").weights != open_run(complete.last, "cpu").weights


def test_a_decision_belongs_to_its_weights(complete: RunFolder) -> None:
    with pytest.raises(UserError, match=r"found no .*calibration\.json"):
        _ = open_run(complete.path, "cpu").decision
    with pytest.raises(UserError, match=r"last\.ckpt holds other weights than best\.ckpt.* name the run folder"):
        _ = open_run(complete.last, "cpu").decision
    shutil.copy(complete.best, complete.last)
    assert open_run(complete.last, "cpu").is_best


def test_what_is_no_run_of_ours_is_not_opened(complete: RunFolder, tmp_path: Path) -> None:
    complete.config.write_text(yaml.safe_dump({"model": {"_target_": "os.system", "command": "true"}}))
    with pytest.raises(UserError, match=r"config\.yaml builds os\.system, which no member of conf/ does"):
        open_run(complete.path, "cpu")
    complete.config.write_text(yaml.safe_dump(SETTINGS))
    with pytest.raises(UserError, match="device=tpu"):
        open_run(complete.path, "tpu")
    with pytest.raises(UserError, match=r"the films of .* are out of reach: no data at .*nowhere; root=… names"):
        open_run(complete.path, "cpu").reach(str(tmp_path / "nowhere"), str(tmp_path))
    complete.summary.unlink()
    with pytest.raises(UserError, match="is not a complete run"):
        open_run(complete.path, "cpu")
