"""The table of a sweep, printed once."""

from pathlib import Path

import pytest
from rich.console import Console

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.sweep import show, watch
from cxr_xai.experiments.sweep.record import SCHEMA_VERSION, wanted, write_sweep
from cxr_xai.experiments.sweep.watch import show_sweep
from cxr_xai.files import write_json


def test_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(width=80)
    for module in (show, watch):
        monkeypatch.setattr(module, "console", console)
    cell = {"arm": "smote", "fold": 0, "seed": 0, "axes": {}, "epochs": 2, "folder": "a"}
    cells = [cell, {**cell, "fold": 1, "folder": "b"}, {**cell, "fold": 2, "folder": "c"}]
    write_sweep(tmp_path, {"schema_version": SCHEMA_VERSION, "ablation": "balancing", "cells": cells})
    RunFolder(tmp_path / "a").write_summary({"max_epochs": 2, "stopped_early": False})
    write_json(RunFolder(tmp_path / "b").failure, {"reason": "no films"})
    show_sweep(tmp_path, watch=True)  # no terminal: once
    said = capsys.readouterr().out
    assert "balancing: 1 finished, 1 failed, 1 waiting" in said
    assert "smote fold 1 seed 0: no films" in said


def test_a_folder_without_a_sweep(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no sweep"):
        show_sweep(tmp_path, watch=False)


def test_a_search_is_watched_until_it_has_its_trials() -> None:
    cell = {"arm": None, "fold": None, "seed": 0, "axes": {"optimizer.lr": "0.1"}, "epochs": 2, "folder": "a"}
    record = {"schema_version": SCHEMA_VERSION, "ablation": None, "cells": [cell], "search": {"trials": 3}}
    assert wanted(record) == 3
    assert wanted({**record, "cells": [cell] * 2} | {"search": {"trials": 2}}) == 2
    del record["search"]
    assert wanted(record) == 1
