"""What leaves the machine, what stays secret, and how a run that ends is told."""

import signal
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.recording import describe_run, public_settings, read_salt, recorded
from cxr_xai.signals import Interrupted


@pytest.mark.parametrize("logger", ["csv", "wandb"])
def test_paths_do_not_leave_the_machine(logger: str) -> None:
    overrides = ["paths.data=/home/ada/films", "paths.outputs=/home/ada/runs", "datamodule.root=/home/ada/nih"]
    overrides += ["datamodule.exclude=/home/ada/list.csv", "guidance=regions", "guidance.masks=/home/ada/masks"]
    overrides += ["datamodule=rsna", "datamodule.reader.mapping=/home/ada/mapping.json"]
    settings, choices = compose("train", [*overrides, f"logger={logger}"])
    public = public_settings(settings, choices, "a-cell-1234abcd")
    assert "/home/ada" in str(settings)
    assert "/home/ada" not in str(public)
    assert {"paths", "logger"}.isdisjoint(public["settings"])
    assert public["settings"]["datamodule"]["image_size"] == settings["datamodule"]["image_size"]
    assert "root" in settings["datamodule"], "the settings themselves stay as they are"


def test_the_salt_is_made_once_and_private(tmp_path: Path) -> None:
    salt = read_salt(tmp_path / "outputs")
    assert len(salt) == 32
    assert read_salt(tmp_path / "outputs") == salt
    assert stat.S_IMODE((tmp_path / "outputs" / ".salt").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == [".salt"]
    assert read_salt(tmp_path / "others") != salt


def test_columns_are_flat_and_name_the_members() -> None:
    words = ["split=kfold", "split.fold=2", "seed=3", "arm=focal", "loss=focal", "name=folds", "balancing=sampler"]
    settings, choices = compose("train", words)
    cell = name_cell(settings, choices)
    public = public_settings(settings, choices, cell)
    flat = {key: value for key, value in public.items() if key != "settings"}
    assert all(value is None or isinstance(value, str | int) for value in flat.values())
    wanted = {"sweep": "folds", "arm": "focal", "fold": 2, "seed": 3, "data": "phantom", "loss": "focal"}
    wanted |= {"split": "kfold", "balancing": "sampler", "guidance": "none", "finetune": "full", "cell": cell}
    assert wanted.items() <= flat.items()
    about = describe_run(settings, choices, cell)
    assert about["name"] == f"focal f2 s3 {cell[-8:-4]}"
    assert (about["group"], about["job_type"]) == ("folds", "focal")
    assert about["tags"] == ["phantom", "kfold", "balancing=sampler"]


def test_a_run_without_arm_or_fold_is_named_by_its_network_and_loss() -> None:
    settings, choices = compose("train")
    about = describe_run(settings, choices, "x-s0-12345678")
    assert (about["name"], about["job_type"]) == ("resnet10 bce s0 1234", None)
    assert public_settings(settings, choices, "x")["fold"] is None


@pytest.mark.parametrize(
    ("error", "closed"),
    [
        (None, ("finished", 0)),
        (Interrupted(signal.SIGTERM), ("interrupted", 143)),
        (KeyboardInterrupt(), ("interrupted", 130)),
        (SystemExit(3), ("interrupted", 130)),
        (ValueError("no"), ("failed", 1)),
    ],
)
def test_records_are_closed_by_how_a_run_ends(error: BaseException | None, closed: tuple[str, int]) -> None:
    told: list[tuple[str, int]] = []
    loggers: list[Any] = [SimpleNamespace(), SimpleNamespace(close=lambda *how: told.append(how))]

    def run() -> None:
        with recorded(loggers):
            if error is not None:
                raise error

    if error is None:
        run()
    else:
        with pytest.raises(type(error)):
            run()
    assert told == [closed]
