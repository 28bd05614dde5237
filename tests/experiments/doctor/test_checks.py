"""Each check answers ok where all is well, and can come out broken."""

import re
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from cxr_xai.errors import UserError
from cxr_xai.experiments.doctor import devices, disk, explainer, extras, films, processes, slurm, versions, wandb
from cxr_xai.experiments.doctor import run as doctor
from cxr_xai.experiments.doctor.case import Answer, Case, Outcome
from cxr_xai.experiments.doctor.run import CHECKS, examine
from cxr_xai.experiments.doctor.show import consult

MakeCase = Callable[..., Case]
Patch = pytest.MonkeyPatch


def programs(place: Path, monkeypatch: Patch, **scripts: str) -> None:
    """Make programs the only ones on the path."""
    for name, script in scripts.items():
        (place / name).write_text(f"#!/bin/sh\n{script}\n")
        (place / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(place))


def of(outcome: Outcome, answer: Answer, words: str) -> None:
    assert answer.outcome is outcome, answer
    assert words in f"{answer.found} → {answer.todo}"
    assert "\n" not in answer.found + answer.todo
    if outcome is not Outcome.OK:
        assert answer.todo or "; " in answer.found, "it says what to do"


def break_choices(case: Case, place: Path, monkeypatch: Patch) -> str:
    case.settings["loss"]["needs"] = "pos_weight"  # type: ignore[index]
    return "loss.needs=pos_weight"


def break_versions(case: Case, place: Path, monkeypatch: Patch) -> str:
    monkeypatch.setattr(versions, "find_version", lambda name: "2.9.1" if name == "torch" else "99.0")
    return "too old: torch 2.11 (here 2.9.1) needed"


def break_extras(case: Case, place: Path, monkeypatch: Patch) -> str:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    case.settings["sweep"] = {"search": {}}  # type: ignore[index]
    return "pip install 'cxr-xai[search]'"


def break_data(case: Case, place: Path, monkeypatch: Patch) -> str:
    case.choices = {**case.choices, "datamodule": "nih"}
    return "is no folder; name the one with the label file"


def break_films(case: Case, place: Path, monkeypatch: Patch) -> str:
    paths = [place / f"{number}.png" for number in range(9)]
    for path in paths:
        path.write_bytes(b"no film")
    table = pd.DataFrame({"path": list(map(str, paths))})
    case.__dict__["datamodule"] = SimpleNamespace(film_table=table, cache_dir=place, image_size=64)
    return "none of 4 tried decodes; 0.png: "


def break_weights(case: Case, place: Path, monkeypatch: Patch) -> str:
    case.settings["model"]["weights"] = str(place / "weights.pt")  # type: ignore[index]
    torch.save({"layer": torch.zeros(3)}, place / "weights.pt")
    return "does not fit this backbone"


def break_explainer(case: Case, place: Path, monkeypatch: Patch) -> str:
    class Careless:
        name = "careless"

        def explain(self, model: torch.nn.Module, film: torch.Tensor, findings: list[int]) -> Any:
            next(model.parameters()).data.add_(1)
            return SimpleNamespace(attribution=torch.zeros(1, 1, 4, 4))

    monkeypatch.setattr("cxr_xai.experiments.explaining.build_explainer", lambda *_, **__: Careless())
    return "careless did not give the network back"


def break_devices(case: Case, place: Path, monkeypatch: Patch) -> str:
    case.settings["trainer"]["accelerator"] = "gpu"  # type: ignore[index]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    return "torch finds no GPU"


def break_processes(case: Case, place: Path, monkeypatch: Patch) -> str:
    case.settings["trainer"]["devices"] = 2  # type: ignore[index]
    monkeypatch.setattr(processes, "talk", lambda backend, patience: "connection refused")
    return "could not add two numbers over gloo: connection refused"


def break_disk(case: Case, place: Path, monkeypatch: Patch) -> str:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    return "of 0 MB free"


def break_wandb(case: Case, place: Path, monkeypatch: Patch) -> str:
    case.settings["logger"] = {"extra": {"mode": "online"}}  # type: ignore[index]
    case.choices = {**case.choices, "logger": "wandb"}
    monkeypatch.setattr(wandb, "has_key", lambda host: True)
    monkeypatch.setattr(wandb, "is_reached", lambda host, port: False)
    return "api.wandb.ai does not answer"


def break_slurm(case: Case, place: Path, monkeypatch: Patch) -> str:
    programs(place, monkeypatch, sinfo="echo gpu; echo cpu", sbatch="exit 0")
    case.launcher, case.launching = "slurm", {"partition": "big"}
    return "partition big is not among cpu, gpu"


BREAK = {
    "choices": break_choices,
    "versions": break_versions,
    "extras": break_extras,
    "data": break_data,
    "films": break_films,
    "weights": break_weights,
    "explainer": break_explainer,
    "devices": break_devices,
    "processes": break_processes,
    "disk": break_disk,
    "W&B": break_wandb,
    "Slurm": break_slurm,
}


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_is_ok_and_can_come_out_broken(
    name: str, make_case: MakeCase, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no Slurm
    of(Outcome.OK, examine(make_case(), name), "")
    case = make_case()
    words = BREAK[name](case, tmp_path, monkeypatch)
    of(Outcome.BROKEN, examine(case, name), words)


def test_what_a_check_raises_is_its_answer_and_the_others_run(
    make_case: MakeCase, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fall(case: Case) -> Answer:
        raise ZeroDivisionError("of\nmany lines")

    def refuse(case: Case) -> Answer:
        raise UserError("no films; unpack some.")

    fine = CHECKS["choices"]
    monkeypatch.setattr(doctor, "CHECKS", {"one": fall, "two": refuse, "three": fine})
    monkeypatch.setattr("cxr_xai.experiments.doctor.show.CHECKS", doctor.CHECKS)
    with pytest.raises(UserError, match=r"^one, two would stop a run; nothing was started\.$"):
        consult(make_case())
    said = capsys.readouterr().out
    assert "✗ one       ZeroDivisionError: of" in said
    assert "✗ two       no films; unpack some." in said
    assert "1 ok, 0 warn, 2 broken" in said


def test_two_processes_that_cannot_meet_are_not_waited_for_long() -> None:
    assert processes.talk("gloo", 20, "import sys; sys.exit('no network')") == "no network"
    assert processes.talk("gloo", 0.3, "import time; time.sleep(20)") == "no answer in 0 s"


def test_some_films_that_do_not_decode_are_a_warning(make_case: MakeCase, tmp_path: Path, monkeypatch: Patch) -> None:
    case = make_case()
    break_films(case, tmp_path, monkeypatch)
    good = iter([True, False, True, True])
    real = films.decode_film
    monkeypatch.setattr(films, "decode_film", lambda raw: None if next(good) else real(raw))
    of(Outcome.WARN, examine(case, "films"), "1 of 4 tried do not decode")


def test_films_of_a_copy_and_their_store_are_counted(make_case: MakeCase, tmp_path: Path, monkeypatch: Patch) -> None:
    case = make_case()
    break_films(case, tmp_path, monkeypatch)
    monkeypatch.setattr(films, "decode_film", lambda raw: None)
    of(Outcome.OK, examine(case, "films"), "4 tried decode, ")
    words = films.describe_store(case, [str(tmp_path / "0.png")] * 1000, 0.05)
    assert words == "store to be built: 4 MB, 50 s of a core"


@pytest.mark.parametrize(
    ("sbatch", "outcome", "words"),
    [
        (
            'echo "$@" >&2',
            Outcome.OK,
            "--time=60 --partition=gpu --gpus-per-node=2 --ntasks-per-node=2 --comment=x --wrap true",
        ),
        ("echo invalid account >&2; exit 1", Outcome.BROKEN, "sbatch would refuse: invalid account"),
    ],
)
def test_slurm_is_asked_without_submitting(
    sbatch: str, outcome: Outcome, words: str, make_case: MakeCase, tmp_path: Path, monkeypatch: Patch
) -> None:
    programs(tmp_path, monkeypatch, sinfo="echo gpu", sbatch=sbatch)
    asked = {"partition": "gpu", "time": 60, "gpus_per_node": 2, "account": None, "jobs": 4, "poll": 10}
    launching = {**asked, "additional_parameters": {"comment": "x"}}
    case = make_case(launcher="slurm", launching=launching)
    case.settings["trainer"].update(devices=2, strategy="ddp")  # type: ignore[attr-defined]
    of(outcome, slurm.check(case), words)


def test_a_trainer_that_does_not_fit_the_request_is_broken(
    make_case: MakeCase, tmp_path: Path, monkeypatch: Patch
) -> None:
    programs(tmp_path, monkeypatch, sinfo="echo gpu", sbatch="exit 0")
    case = make_case(launcher="slurm", launching={"time": 60, "jobs": 1, "nodes": 2})
    of(Outcome.BROKEN, slurm.check(case), "trainer.num_nodes=1 and hydra.launcher.nodes=2 must be equal")


def test_every_extra_has_its_modules(project: Path) -> None:
    written = tomllib.loads((project / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras.EXTRAS.keys() == written.keys() - {"dev"}
    other = {"grad_cam": "pytorch_grad_cam", "scikit_image": "skimage"}
    for extra, modules in extras.EXTRAS.items():
        names = [re.split(r"[<>=]", line)[0].replace("-", "_") for line in written[extra]]
        assert set(modules) == {other.get(name, name) for name in names}


def test_shards_ask_for_their_extra(make_case: MakeCase, monkeypatch: Patch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "webdataset" else object())
    case = make_case()
    of(Outcome.OK, extras.check(case), "nothing asks for shards")
    case.settings["datamodule"]["shards"] = "somewhere"  # type: ignore[index]
    of(Outcome.BROKEN, extras.check(case), "asked for and not installed: shards")


def test_a_node_to_log_in_needs_no_gpu(make_case: MakeCase, monkeypatch: Patch) -> None:
    case = make_case(launcher="slurm")
    break_devices(case, Path(), monkeypatch)
    of(Outcome.WARN, devices.check(case), "no GPU here, from where cells are submitted")


def test_slurm_that_was_asked_for_and_is_not_there_is_broken(
    make_case: MakeCase, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    of(Outcome.BROKEN, slurm.check(make_case(launcher="slurm")), "sinfo and sbatch are not there")
    programs(tmp_path, monkeypatch, sinfo="echo unable to contact >&2; exit 1", sbatch="exit 0")
    of(Outcome.BROKEN, slurm.check(make_case(launcher="slurm")), "the controller does not answer: unable to contact")
    of(Outcome.WARN, slurm.check(make_case()), "the controller does not answer")


@pytest.mark.parametrize(
    ("mode", "key", "reached", "outcome"),
    [
        ("offline", False, False, Outcome.OK),
        ("auto", True, True, Outcome.OK),
        ("auto", True, False, Outcome.WARN),
        ("online", False, True, Outcome.BROKEN),
        ("online", True, True, Outcome.OK),
    ],
)
def test_the_mode_decides_whether_a_server_is_needed(
    mode: str, key: bool, reached: bool, outcome: Outcome, make_case: MakeCase, tmp_path: Path, monkeypatch: Patch
) -> None:
    case = make_case()
    break_wandb(case, tmp_path, monkeypatch)
    case.settings["logger"]["extra"]["mode"] = mode
    monkeypatch.setattr(wandb, "has_key", lambda host: key)
    monkeypatch.setattr(wandb, "is_reached", lambda host, port: reached)
    of(outcome, wandb.check(case), f"mode={mode}: {'a key' if key else 'no key'}")


def test_a_key_is_found_where_the_client_looks(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert not wandb.has_key("api.wandb.ai")
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password 123\n")
    (tmp_path / "netrc").chmod(0o600)
    assert wandb.has_key("api.wandb.ai")
    assert not wandb.has_key("elsewhere")


def test_a_slow_explainer_is_a_warning(make_case: MakeCase, monkeypatch: Patch) -> None:
    monkeypatch.setattr(explainer, "SLOW", 0.0)
    of(Outcome.WARN, explainer.check(make_case()), "callbacks.explain.max_studies")


def test_more_devices_than_there_are_is_broken(make_case: MakeCase, monkeypatch: Patch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    case = make_case("trainer.devices=4")
    of(Outcome.BROKEN, devices.check(case), "trainer.devices=4, and there are 2")


def test_a_disk_that_is_nearly_full_is_a_warning(make_case: MakeCase, monkeypatch: Patch) -> None:
    case = make_case()
    state = sum(value.numel() * value.element_size() for value in case.model.state_dict().values())
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=state * 10))
    of(Outcome.WARN, disk.check(case), "that is tight")
