"""Configuration in; every mistake answered in a line."""

import os
import signal
import sys
from typing import Any

import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.command import command, compose, explain_error, known_keys
from cxr_xai.signals import Interrupted


def complain(*overrides: str) -> str:
    with pytest.raises(UserError) as caught:
        compose("train", overrides)
    return str(caught.value)


def test_compose_resolves_and_names_the_choices() -> None:
    settings, choices = compose("train", ["seed=7", "loss=focal", "paths.data=here"])
    assert settings["seed"] == settings["datamodule"]["seed"] == 7
    assert settings["datamodule"]["root"] == "here/phantom"
    assert settings["loss"]["_target_"].endswith("Focal")
    assert (choices["loss"], choices["datamodule"]) == ("focal", "phantom")
    assert "hydra" not in settings
    assert not any("/" in group for group in choices)
    assert type(settings["callbacks"]["explain"]["consumers"]) is dict


def test_a_missing_value_says_how_to_give_it() -> None:
    with pytest.raises(UserError, match=r"datamodule\.root has no value; give it .*: datamodule\.root=…"):
        compose("train", ["datamodule=nih"])


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("los=focal", "no configuration key 'los' in train.yaml. Did you mean 'loss'?"),
        ("optimizer.lrr=1", "no configuration key 'optimizer.lrr' in train.yaml. Did you mean 'optimizer.lr'?"),
        ("seeed=1", "no configuration key 'seeed' in train.yaml. Did you mean 'seed'?"),
        ("zzz=1", "no configuration key 'zzz' in train.yaml."),
        (
            "loss=focall",
            "loss=focall: no such member; loss has asymmetric, bce, bce_focal, focal, weighted_bce. Did "
            "you mean 'focal'?",
        ),
        ("split=zzz", "split=zzz: no such member; split has file, kfold, official, patient."),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_one(override: str, line: str) -> None:
    assert complain(override) == line


@pytest.mark.parametrize("key", ["model", "loss", "ablation"])
def test_a_hint_names_neither_the_mistake_nor_a_group_of_another_script(key: str) -> None:
    with pytest.raises(UserError, match=f"no configuration key '{key}' in evaluate.yaml") as caught:
        compose("evaluate", ["checkpoint=here", f"{key}=bce"])
    assert str(caught.value).endswith("in evaluate.yaml.")


def test_a_torn_override_is_one_line() -> None:
    line = complain("loss=[")
    assert "\n" not in line
    assert "HYDRA_FULL_ERROR" not in line


def test_an_error_for_people_is_passed_on() -> None:
    assert explain_error(UserError("this; do that."), "train") == "this; do that."


def test_known_keys_are_dotted() -> None:
    keys = known_keys("train")
    assert {"seed", "loss", "optimizer.lr", "callbacks.explain.consumers.score", "paths.outputs"} <= set(keys)


def run_main(monkeypatch: pytest.MonkeyPatch, task: Any, *overrides: str) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *overrides])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    command("train")(task)()


def test_the_task_receives_settings_and_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    received = []
    run_main(monkeypatch, lambda settings, choices: received.append((settings, choices)), "seed=3", "loss=focal")
    assert received == [compose("train", ["seed=3", "loss=focal"])]


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ([], "error: no films; unpack some.\n"),
        (["los=focal"], "error: no configuration key 'los' in train.yaml. Did you mean 'loss'?\n"),
    ],
)
def test_a_mistake_ends_in_a_line_and_status_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], overrides: list[str], line: str
) -> None:
    def task(settings: Any, choices: Any) -> None:
        raise UserError("no films; unpack some.")

    with pytest.raises(SystemExit, match="1"):
        run_main(monkeypatch, task, *overrides)
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted(signal.SIGTERM)])
@pytest.mark.parametrize(("overrides", "words"), [([], ""), (["fresh=true"], " without fresh=true")])
def test_an_interruption_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    overrides: list[str],
    words: str,
) -> None:
    def task(settings: Any, choices: Any) -> None:
        raise error

    with pytest.raises(SystemExit, match=r"130|143"):
        run_main(monkeypatch, task, *overrides)
    assert f"the same command{words} continues" in capsys.readouterr().err


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
def test_a_signal_before_training_ends_in_a_line_and_its_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], signum: int, status: int
) -> None:
    before = signal.getsignal(signum)
    with pytest.raises(SystemExit, match=str(status)):
        run_main(monkeypatch, lambda settings, choices: os.kill(os.getpid(), signum))
    name = signal.Signals(signum).name
    assert capsys.readouterr().err == f"stopped by {name}: the same command continues where it stopped\n"
    assert signal.getsignal(signum) == before


def test_an_error_of_the_code_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def task(settings: Any, choices: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_main(monkeypatch, task)


def test_a_cell_of_a_sweep_says_its_mistake_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inherited: dict[str, str] = {}

    def fail(settings: Any, choices: Any) -> None:
        inherited.update(os.environ)
        raise UserError("no films; unpack some.")

    with pytest.raises(SystemExit):
        run_main(monkeypatch, fail)
    assert os.environ["HYDRA_FULL_ERROR"] == "0", "as it was"
    for name in ("HYDRA_FULL_ERROR", "CXR_XAI_FULL_ERROR"):
        monkeypatch.setenv(name, inherited[name])
    with pytest.raises(SystemExit):
        command("train")(fail)()
    assert capsys.readouterr().err == "error: no films; unpack some.\n" * 2


def test_a_traceback_that_was_asked_for_is_shown_by_cells_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: Any, choices: Any) -> None:
        assert "CXR_XAI_FULL_ERROR" not in os.environ
        raise UserError("no films; unpack some.")

    monkeypatch.setattr(sys, "argv", ["train.py"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(UserError):
        command("train")(fail)()
