"""Explainers tested on a small run."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.artifacts.sanity_folder import SanityFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.sanity import run as sanity
from cxr_xai.experiments.sanity.run import TESTS, require_settings, run_sanity

SMALL = (
    *("max_studies=3", "cells=4", "steps=4", "imputers=[mean,noisy_linear]", "random_orders=2", "removals=6"),
    *("draws=2", "bootstrap=20", "device=cpu"),
)


@pytest.fixture
def copied(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A run of its own: reading is noted in its ledger."""
    shutil.copytree(finished.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def ask(folder: RunFolder, *overrides: str) -> dict[str, Any]:
    return compose("sanity", [f"folder={folder.path}", *SMALL, *overrides])[0]


def test_all_tests_of_an_explainer(copied: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run_sanity(ask(copied, f"others=[{copied.path}]"))
    folder = SanityFolder(copied.path / "sanity")
    summary = folder.read_summary()
    lines = pd.DataFrame(summary["explainers"]["exact_cam"]["lines"])
    assert {"faithfulness", "sensitivity", "randomization", "equivariance", "repeatability"} <= set(lines["test"])
    assert {"random", "prior"} <= lines.loc[lines["test"] == "faithfulness", "controls"].iloc[0].keys()
    same = lines[(lines["test"] == "repeatability") & (lines["condition"] == "networks")]
    assert same.set_index("measure")["value"]["spearman"] == pytest.approx(1)  # the same network twice
    assert {"test labels"} <= set(read_ledger(copied.ledger).query("purpose == 'tests of explainers'")["what"])
    assert folder.report.is_file()
    before = folder.summary.read_text()

    def refuse(*_: Any) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(sanity, "measure", refuse)  # all of it is there already
    run_sanity(ask(copied, f"others=[{copied.path}]"))
    assert folder.summary.read_text() == before
    with pytest.raises(AssertionError, match="measured again"):
        run_sanity(ask(copied, "steps=5"))


@pytest.mark.slow
def test_chance_is_one_film_at_a_time(copied: RunFolder) -> None:
    """What chance scores does not depend on how many films are tested with it."""
    scores = []
    for most in (1, 3):
        run_sanity(ask(copied, f"max_studies={most}", "tests=[faithfulness]", "imputers=[mean]"))
        scores.append(pd.read_csv(SanityFolder(copied.path / "sanity").table("controls", "random")))
    joined = scores[0].merge(scores[1], on=["condition", "image_id", "finding"], suffixes=("", "_other"))
    assert len(joined) == len(scores[0])
    for key in ("deletion", "insertion", "drop", "sensitivity_n"):
        np.testing.assert_allclose(joined[key], joined[f"{key}_other"], atol=1e-4)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("imputers=[zero]", "zero is none of mean, blur"),
        ("tests=[truth]", f"truth is none of {TESTS[0]}"),
        ("steps=99", "only 16 cells"),
        ("draws=0", "draws=0"),
        ("imputers=[]", "one at least"),
    ],
)
def test_wrong_settings_are_named(override: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        require_settings(ask(RunFolder("nowhere"), override))


def test_no_such_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        run_sanity(ask(RunFolder(tmp_path / "nothing")))
