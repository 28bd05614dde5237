"""Explainers tested on a small run."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.artifacts.sanity_folder import SanityFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.sanity import run as sanity
from cxr_xai.experiments.sanity.faithful import Evidence
from cxr_xai.experiments.sanity.plan import CONTROLS, READS, TESTS, Due, make_key, require_settings
from cxr_xai.experiments.sanity.run import run_sanity
from cxr_xai.experiments.sanity.subject import open_subject
from cxr_xai.explainers.exact_cam import ExactCam

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
        ("batch_size=0", "batch_size=0: expected a whole number of at least 1"),
        ("removals=0", "removals=0: expected a whole number of at least 2"),
        ("bootstrap=many", "bootstrap=many: expected a whole number"),
        ("explainer_seeds=-1", "explainer_seeds=-1: expected"),
        ("findings=1", "findings=1: expected a whole number of at least 2"),
        ("radius=0", "radius=0: expected a number above 0"),
        ("imputers=[]", "one at least"),
    ],
)
def test_wrong_settings_are_named(override: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        require_settings(ask(RunFolder("nowhere"), override))


def test_cells_are_no_finer_than_the_film(finished: RunFolder) -> None:
    with pytest.raises(UserError, match=r"cells=999: the run's films have \d+ pixels per side; ask for fewer"):
        run_sanity(ask(finished, "cells=999"))


class Recording(dict[str, Any]):
    """Settings that note what is read of them."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)


@pytest.mark.slow
def test_every_test_hangs_on_just_the_settings_it_reads(copied: RunFolder) -> None:
    plain = ask(copied, "max_studies=1", "imputers=[mean]", "draws=1")
    subject = open_subject(plain)
    for test, reads in READS.items():
        settings = Recording(plain)
        due = Due(CONTROLS if test in ("random", "prior") else "exact_cam", test, {}, "")
        sanity.measure(Evidence(subject, settings), due, lambda label: ExactCam(), settings)
        assert settings.read == set(reads), test

    def keys(**changed: Any) -> dict[str, str]:
        return {test: make_key(subject, {}, None, test, {**plain, **changed}) for test in READS}

    before = keys()
    for key in {key for reads in READS.values() for key in reads} - {"others"}:
        changed = {test for test, one in keys(**{key: 7}).items() if one != before[test]}
        assert changed == {test for test, reads in READS.items() if key in reads}, key
    subject.folder.last.write_bytes(subject.folder.last.read_bytes() + b" ")
    assert {test for test, one in keys().items() if one != before[test]} == {"repeatability"}


@pytest.mark.slow
def test_a_film_is_explained_as_it_is_once_for_all_tests(copied: RunFolder) -> None:
    settings = ask(copied, "imputers=[mean]", "tests=[faithfulness,randomization,equivariance,repeatability]")
    subject, explainer = open_subject(settings), ExactCam()
    plain: list[int] = []
    explain = explainer.explain

    def watch(model: Any, image: Any, findings: Any = None) -> Any:
        if model is subject.model and any(torch.equal(image[0], film) for film in subject.films.image):
            plain.append(len(image))
        return explain(model, image, findings)

    explainer.explain = watch  # type: ignore[method-assign]
    evidence = Evidence(subject, settings)
    for test in settings["tests"]:
        sanity.measure(evidence, Due("exact_cam", test, {}, ""), lambda label: explainer, settings)
    assert sum(plain) == len(subject.films.image)


def test_one_network_is_not_compared_with_itself(copied: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(copied.best, copied.last)
    run_sanity(ask(copied, "tests=[repeatability]"))
    assert "best and last checkpoint are one network" in capsys.readouterr().out
    assert SanityFolder(copied.path / "sanity").read_summary()["explainers"]["exact_cam"]["lines"] == []


def test_no_such_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        run_sanity(ask(RunFolder(tmp_path / "nothing")))
